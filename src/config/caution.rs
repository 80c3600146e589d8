//! Settings that work and are unwise: said by `dialbridge check`, refused by `check --strict`.

use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

use super::Config;

/// Passwords that every scanner tries first, or that stand in examples all over the web.
const WELL_KNOWN: [&str; 14] = [
    "1234",
    "123456",
    "admin",
    "amp111",
    "amp109",
    "asterisk",
    "changeme",
    "dialbridge",
    "manager",
    "mysecret",
    "password",
    "peekaboo",
    "secret",
    "test",
];

/// Shorter passwords are guessed sooner or later.
const SHORTEST: usize = 16;

/// What there is to say about a configuration, a sentence each.
pub(super) fn about(config: &Config) -> Vec<String> {
    let passwords = [("ari", &config.ari.user, &config.ari.password), ("ami", &config.ami.user, &config.ami.password)];
    let mut said: Vec<String> =
        passwords.into_iter().filter_map(|(section, user, word)| weakness(section, user, word)).collect();
    said.extend(plain_text(config));
    said.extend(exposure(config));
    said
}

fn weakness(section: &str, user: &str, password: &SecretString) -> Option<String> {
    let word = password.expose_secret();
    if word == user || WELL_KNOWN.contains(&word.to_ascii_lowercase().as_str()) {
        return Some(format!("{section}.password: is one that every scanner tries first"));
    }
    (word.len() < SHORTEST).then(|| format!("{section}.password: is shorter than {SHORTEST} characters"))
}

fn plain_text(config: &Config) -> Vec<String> {
    let mut said = Vec::new();
    if let Ok(url) = Url::parse(&config.ari.url)
        && url.scheme() == "http"
        && !is_loopback(url.host())
    {
        said.push(
            "ari.url: plain http to another machine carries the password and every call's numbers in clear".to_owned(),
        );
    }
    let host = config.ami.address.rsplit_once(':').map_or("", |(host, _)| host);
    if !config.ami.tls && !is_loopback(Host::parse(host).ok()) {
        said.push("ami.address: another machine, without ami.tls: what phones do is told in clear".to_owned());
    }
    said
}

fn exposure(config: &Config) -> Vec<String> {
    let mut said = Vec::new();
    let http = &config.http;
    if !http.listen.ip().is_loopback() && http.tls.is_none() && http.trusted_proxies.is_empty() {
        said.push(
            "http.listen: open to other machines without [http.tls] or a trusted proxy: tokens travel in clear"
                .to_owned(),
        );
    }
    if http.listen.ip().is_unspecified() && http.public_url.contains("//localhost:") {
        said.push("http.public_url: not set: links to recordings will only work on this machine".to_owned());
    }
    if !config.metrics.listen.ip().is_loopback() {
        said.push("metrics.listen: open to other machines; let only Prometheus reach it".to_owned());
    }
    said
}

fn is_loopback<S: AsRef<str>>(host: Option<Host<S>>) -> bool {
    match host {
        Some(Host::Domain(name)) => name.as_ref().eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cautions(env: &[(&str, &str)]) -> Vec<String> {
        let good = [
            ("DIALBRIDGE_ARI__PASSWORD", "correct-horse-battery"),
            ("DIALBRIDGE_AMI__PASSWORD", "staple-correct-horse"),
        ];
        let env = good.iter().chain(env).map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Config::load(None, env).unwrap().cautions
    }

    #[test]
    fn sound_settings_earn_none() {
        assert_eq!(cautions(&[]), Vec::<String>::new());
    }

    #[test]
    fn each_unwise_setting_earns_one_that_names_it() {
        for (key, value) in [
            ("ari.password", "asterisk"),
            ("ami.password", "dialbridge"),
            ("ari.password", "short"),
            ("ari.url", "http://192.0.2.1:8088/ari"),
            ("ami.address", "pbx.example.com:5038"),
            ("http.listen", "192.0.2.1:8080"),
            ("metrics.listen", "0.0.0.0:9464"),
        ] {
            let variable = format!("DIALBRIDGE_{}", key.to_ascii_uppercase().replace('.', "__"));
            let said = cautions(&[(&variable, value)]);
            assert_eq!(said.len(), 1, "{key}: {said:?}");
            assert!(said[0].starts_with(&format!("{key}: ")), "{said:?}");
        }
    }

    #[test]
    fn a_secret_is_never_part_of_a_caution() {
        assert!(!cautions(&[("DIALBRIDGE_ARI__PASSWORD", "peekaboo")]).concat().contains("peekaboo"));
    }
}
