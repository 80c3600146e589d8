//! Bounds that types alone do not keep, and the values that follow from others.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use url::Url;

use super::{Config, ConfigError};

/// Checks every bound, and fills in what was left to be derived.
pub(super) fn complete(config: &mut Config) -> Result<(), ConfigError> {
    public_url(config)?;
    listeners(config)?;
    sessions(config)?;
    asterisk(config)?;
    callbacks(config)?;
    if config.store.url.strip_prefix("sqlite:").is_none_or(str::is_empty) {
        return Err(invalid("store.url", "is not of the form sqlite:/path/to/file"));
    }
    match EnvFilter::builder().parse(&config.log.filter) {
        Ok(_) => Ok(()),
        Err(fault) => Err(invalid("log.filter", format!("{fault}"))),
    }
}

fn public_url(config: &mut Config) -> Result<(), ConfigError> {
    let http = &mut config.http;
    if http.public_url.is_empty() {
        let scheme = if http.tls.is_some() { "https" } else { "http" };
        let host = match http.listen.ip() {
            ip if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        http.public_url = format!("{scheme}://{host}:{}", http.listen.port());
        return Ok(());
    }
    let url = web_url("http.public_url", &http.public_url)?;
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err(invalid("http.public_url", "is more than scheme, host, port and path"));
    }
    url.as_str().trim_end_matches('/').clone_into(&mut http.public_url);
    Ok(())
}

fn listeners(config: &Config) -> Result<(), ConfigError> {
    if config.http.listen == config.metrics.listen && config.http.listen.port() != 0 {
        return Err(invalid("metrics.listen", "is http.listen, too; metrics have a listener of their own"));
    }
    within("http.max_connections", config.http.max_connections, 1..=1_000_000)
}

fn sessions(config: &Config) -> Result<(), ConfigError> {
    let seconds = |life: Duration| usize::try_from(life.as_secs()).unwrap_or(usize::MAX);
    within("session.idle", seconds(config.session.idle), 60..=86_400)?;
    within("session.absolute", seconds(config.session.absolute), 60..=2_592_000)
}

fn asterisk(config: &Config) -> Result<(), ConfigError> {
    web_url("ari.url", &config.ari.url)?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if config.ari.app.is_empty() || config.ari.app.len() > 40 || !config.ari.app.bytes().all(is_plain) {
        return Err(invalid("ari.app", "is not 1 to 40 letters, digits, dashes and underscores"));
    }
    within("ari.command_sockets", config.ari.command_sockets, 1..=16)?;
    let port = config.ami.address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        return Err(invalid("ami.address", "is not host:port, as in 127.0.0.1:5038"));
    }
    for (key, word) in [("ari.user", &config.ari.user), ("ami.user", &config.ami.user)] {
        if word.is_empty() || word.chars().any(char::is_control) {
            return Err(invalid(key, "is empty or holds control characters"));
        }
    }
    Ok(())
}

fn callbacks(config: &Config) -> Result<(), ConfigError> {
    let callback = &config.callback;
    within("callback.in_flight", callback.in_flight, 1..=1024)?;
    within("callback.in_flight_per_endpoint", callback.in_flight_per_endpoint, 1..=callback.in_flight)?;
    within("callback.timeout", usize::try_from(callback.timeout.as_secs()).unwrap_or(usize::MAX), 1..=60)?;
    for range in &callback.allow_ports {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let port = |word: &str| word.trim().parse::<u16>().ok().filter(|port| *port > 0);
        if port(from).zip(port(to)).is_none_or(|(from, to)| from > to) {
            return Err(invalid("callback.allow_ports", format!("{range:?} is neither a port nor a range of ports")));
        }
    }
    Ok(())
}

fn web_url(key: &'static str, text: &str) -> Result<Url, ConfigError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(url),
        _ => Err(invalid(key, "is not a URL that starts with http:// or https://")),
    }
}

fn within(key: &'static str, value: usize, range: RangeInclusive<usize>) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(invalid(key, format!("is {value}, which is not between {} and {}", range.start(), range.end())))
}

fn invalid(key: &'static str, message: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { key, message: message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, value: &str) -> Result<Config, ConfigError> {
        let env = [("DIALBRIDGE_ARI__PASSWORD", "x"), ("DIALBRIDGE_AMI__PASSWORD", "x"), (name, value)];
        Config::load(None, env.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn values_out_of_bounds_are_refused_by_their_key() {
        for (key, value) in [
            ("http.max_connections", "0"),
            ("http.public_url", "ftp://calls.example.com"),
            ("http.public_url", "https://calls.example.com/?x=1"),
            ("metrics.listen", "127.0.0.1:8080"),
            ("session.idle", "59"),
            ("session.absolute", "2592001"),
            ("ari.url", "ws://127.0.0.1:8088"),
            ("ari.app", "two words"),
            ("ari.command_sockets", "17"),
            ("ami.address", "127.0.0.1"),
            ("callback.in_flight_per_endpoint", "65"),
            ("callback.timeout", "0"),
            ("callback.allow_ports", "9-8"),
            ("store.url", "postgres://localhost"),
            ("log.filter", "dialbridge=loud"),
        ] {
            let variable = format!("DIALBRIDGE_{}", key.to_ascii_uppercase().replace('.', "__"));
            let said = load(&variable, value).map(|_| ()).expect_err(key).to_string();
            assert!(said.starts_with(&format!("{key}: ")), "{key} = {value}: {said}");
        }
    }

    #[test]
    fn the_public_url_follows_from_the_listener_where_none_is_set() {
        let derived = |listen| load("DIALBRIDGE_HTTP__LISTEN", listen).unwrap().http.public_url;
        assert_eq!(derived("0.0.0.0:80"), "http://localhost:80");
        assert_eq!(derived("[::1]:8080"), "http://[::1]:8080");
        let set = load("DIALBRIDGE_HTTP__PUBLIC_URL", "https://calls.example.com/").unwrap().http.public_url;
        assert_eq!(set, "https://calls.example.com");
    }
}
