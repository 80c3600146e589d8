//! The layers: defaults, file, environment. The only place that turns them into a [`Config`].
//!
//! A variable of the environment takes the shape of the default that it replaces: where the default
//! is a list, commas separate; everything else is a word, so a password that looks like a number
//! stays what it is. A variable that starts like ours but names no setting is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use config::builder::DefaultState;
use config::{ConfigBuilder, File, FileFormat, Value, ValueKind};

use super::secret::{self, SecretError};
use super::{Config, REFERENCE, caution, validate};

/// Before the names of our variables.
const PREFIX: &str = "DIALBRIDGE_";

/// Variables with our prefix that are the command line's own.
const OF_THE_COMMAND_LINE: [&str; 6] = [
    "DIALBRIDGE_CONFIG",
    "DIALBRIDGE_LISTEN_SECRET",
    "DIALBRIDGE_SOCKET",
    "DIALBRIDGE_TENANT",
    "DIALBRIDGE_TOKEN",
    "DIALBRIDGE_URL",
];

/// Why there is no configuration. Never shows a value that could be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: {message}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Where, counted from 1.
        line: usize,
        /// Why; without the line itself, which may hold a password.
        message: String,
    },
    /// A variable with our prefix that names no setting.
    #[error("{0}: not a setting; a section and its key are joined by two underscores, as in DIALBRIDGE_HTTP__LISTEN")]
    Variable(String),
    /// A key is unknown, or its value has the wrong type.
    #[error("{0}")]
    Shape(#[from] config::ConfigError),
    /// A secret cannot be had from its file.
    #[error("{key}: {source}")]
    Secret {
        /// Which setting.
        key: &'static str,
        /// Why.
        source: SecretError,
    },
    /// A value is out of its bounds.
    #[error("{key}: {message}")]
    Invalid {
        /// Which setting.
        key: &'static str,
        /// Why, and what would be right.
        message: String,
    },
}

impl Config {
    /// Reads the layers: the compiled-in defaults, the file, the environment (as `std::env::vars`
    /// gives it).
    pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let env: BTreeMap<String, String> = env.filter(|(_, value)| !value.is_empty()).collect();
        let mut builder = config::Config::builder().add_source(File::from_str(REFERENCE, FileFormat::Toml));
        let mut cautions = Vec::new();
        if let Some(path) = path {
            let (text, table) = read(path)?;
            cautions.extend(exposed_passwords(path, &table));
            builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
        }
        let mut config: Self = over(builder, &env)?.build()?.try_deserialize()?;
        let credentials = env.get("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        secret::resolve(&mut config, credentials.as_deref())?;
        validate::complete(&mut config)?;
        cautions.extend(caution::about(&config));
        config.cautions = cautions;
        Ok(config)
    }
}

fn read(path: &Path) -> Result<(String, toml::Table), ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    match toml::from_str(&text) {
        Ok(table) => Ok((text, table)),
        Err(fault) => {
            let before = fault.span().map_or("", |span| &text[..span.start.min(text.len())]);
            let line = before.matches('\n').count() + 1;
            Err(ConfigError::Syntax { path: path.to_owned(), line, message: fault.message().to_owned() })
        }
    }
}

fn exposed_passwords(path: &Path, table: &toml::Table) -> Option<String> {
    let holds = |section: &str| table.get(section).and_then(|section| section.get("password")).is_some();
    let is_exposed = (holds("ari") || holds("ami")) && secret::others_may_read(path);
    is_exposed
        .then(|| format!("{}: holds passwords in clear, and everybody on this machine may read it", path.display()))
}

fn over(
    mut builder: ConfigBuilder<DefaultState>,
    env: &BTreeMap<String, String>,
) -> Result<ConfigBuilder<DefaultState>, ConfigError> {
    let defaults = config::Config::builder().add_source(File::from_str(REFERENCE, FileFormat::Toml)).build()?;
    for (name, value) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        if OF_THE_COMMAND_LINE.contains(&name.as_str()) {
            continue;
        }
        let key = rest.to_ascii_lowercase().replace("__", ".");
        if !key.contains('.') || !key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'.') {
            return Err(ConfigError::Variable(name.clone()));
        }
        let is_list = defaults.get::<Value>(&key).is_ok_and(|default| matches!(default.kind, ValueKind::Array(_)));
        builder = if is_list {
            let items: Vec<&str> = value.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
            builder.set_override(key, items)?
        } else {
            builder.set_override(key, value.as_str())?
        };
    }
    Ok(builder)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use secrecy::ExposeSecret;

    use super::*;

    /// What every configuration needs, since there are no default passwords.
    const PASSWORDS: [(&str, &str); 2] =
        [("DIALBRIDGE_ARI__PASSWORD", "a-long-and-random-word"), ("DIALBRIDGE_AMI__PASSWORD", "another-random-word")];

    fn load(file: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut on_disk = tempfile::NamedTempFile::new().unwrap();
        on_disk.write_all(file.as_bytes()).unwrap();
        let env = PASSWORDS.iter().chain(env).map(|&(name, value)| (name.to_owned(), value.to_owned()));
        Config::load(Some(on_disk.path()), env)
    }

    fn refusal(file: &str, env: &[(&str, &str)]) -> String {
        load(file, env).expect_err("refused").to_string()
    }

    #[test]
    fn the_defaults_alone_are_a_configuration_once_the_passwords_are_set() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.http.public_url, "http://127.0.0.1:8080");
        assert_eq!(config.ari.app, "dialbridge");
        assert_eq!(config.cautions, Vec::<String>::new());
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
        let file = "[http]\nlisten = '127.0.0.1:1'\nmax_connections = 7\n";
        let config = load(file, &[("DIALBRIDGE_HTTP__LISTEN", "127.0.0.1:2")]).unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!(config.http.max_connections, 7);
        assert_eq!(config.metrics.listen.port(), 9464);
    }

    #[test]
    fn values_from_the_environment_take_the_shape_of_the_setting() {
        let env = [
            ("DIALBRIDGE_CALLBACK__ALLOW_NETWORKS", "127.0.0.1/32, 10.0.0.0/8"),
            ("DIALBRIDGE_CALLBACK__ALLOW_PORTS", "8090-8099"),
            ("DIALBRIDGE_CALLBACK__TIMEOUT", "5"),
            ("DIALBRIDGE_AMI__TLS", "true"),
            ("DIALBRIDGE_ARI__USER", "007"),
            ("DIALBRIDGE_HTTP__PUBLIC_URL", ""),
        ];
        let config = load("", &env).unwrap();
        assert_eq!(config.callback.allow_networks.len(), 2);
        assert_eq!(config.callback.allow_ports, ["8090-8099"]);
        assert_eq!(config.callback.timeout.as_secs(), 5);
        assert!(config.ami.tls);
        assert_eq!(config.ari.user, "007");
    }

    #[test]
    fn an_unknown_key_is_refused_by_its_name() {
        assert!(refusal("[http]\nlisten_on = '127.0.0.1:1'\n", &[]).contains("listen_on"));
        assert!(refusal("[htpt]\nlisten = '127.0.0.1:1'\n", &[]).contains("htpt"));
        assert!(refusal("", &[("DIALBRIDGE_HTTP__LISTN", "127.0.0.1:1")]).contains("listn"));
        assert!(refusal("", &[("DIALBRIDGE_HTTP_LISTEN", "127.0.0.1:1")]).contains("DIALBRIDGE_HTTP_LISTEN"));
    }

    #[test]
    fn the_command_line_s_own_variables_are_no_settings() {
        assert!(load("", &[("DIALBRIDGE_SOCKET", "/x"), ("DIALBRIDGE_TOKEN", "t")]).is_ok());
    }

    #[test]
    fn a_syntax_error_names_its_line_and_never_shows_it() {
        let said = refusal("[ari]\nuser = 'x'\npassword = hunter2\n", &[]);
        assert!(said.contains("line 3"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_its_key() {
        let said = refusal("[callback]\nin_flight = 'many'\n", &[]);
        assert!(said.contains("callback.in_flight"), "{said}");
        let said = refusal("[http]\nlisten = 'localhost'\n", &[]);
        assert!(said.contains("http.listen"), "{said}");
    }

    #[test]
    fn a_readable_file_with_clear_passwords_earns_a_caution() {
        let mut on_disk = tempfile::NamedTempFile::new().unwrap();
        on_disk.write_all(b"[ari]\npassword='aaaaaaaaaaaaaaaaaaaa'\n[ami]\npassword='bbbbbbbbbbbbbbbbbbbb'\n").unwrap();
        let cautions = |mode| {
            fs::set_permissions(on_disk.path(), fs::Permissions::from_mode(mode)).unwrap();
            Config::load(Some(on_disk.path()), std::iter::empty()).unwrap().cautions
        };
        assert_eq!(cautions(0o640), Vec::<String>::new());
        assert_eq!(cautions(0o644).len(), 1);
        fs::write(on_disk.path(), "[log]\nformat = 'json'\n").unwrap();
        let env = PASSWORDS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let without = Config::load(Some(on_disk.path()), env.into_iter()).unwrap();
        assert_eq!(without.cautions, Vec::<String>::new());
    }

    #[test]
    fn no_secret_is_shown_by_debug() {
        let config = load("", &[]).unwrap();
        assert_eq!(config.ari.password.expose_secret(), PASSWORDS[0].1);
        assert!(!format!("{config:?}").contains(PASSWORDS[0].1));
    }
}
