//! Where a command finds the daemon: at its admin socket, or by HTTP with a token.
//!
//! What was named on the command line counts before the environment, and that before the file in the
//! user's own directory. A token goes only to the URL that it was given with, so naming another URL does
//! not hand it over. The file holds a secret: one that others may read is refused.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::source;

/// The admin socket where nothing else is said; the same as `admin.socket`.
pub const SOCKET: &str = "/run/dialbridge/dialbridge.sock";
/// What the environment may say of it.
const VARIABLES: [&str; 5] = ["DIALBRIDGE_SOCKET", "DIALBRIDGE_URL", "DIALBRIDGE_TOKEN", "XDG_CONFIG_HOME", "HOME"];

/// A way to the daemon.
#[derive(Clone, Debug)]
pub enum Way {
    /// The admin socket: whoever may open it is the administrator.
    Socket(PathBuf),
    /// The doors' listener.
    Http {
        /// `http.public_url` over there, without a trailing slash.
        url: Url,
        /// Sent as `Authorization: Bearer`.
        token: SecretString,
    },
}

/// What the command line names; at most one of them.
#[derive(Clone, Debug, Default)]
pub struct Named {
    /// `--socket`
    pub socket: Option<PathBuf>,
    /// `--client`
    pub client: Option<PathBuf>,
    /// `--url`
    pub url: Option<String>,
}

/// Where to look when nobody names anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usual {
    /// The admin socket: for administrators.
    Socket,
    /// `~/.config/dialbridge/client.toml`: for people with a token of their own.
    File,
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum NoWay {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read the file.
    #[error("{}: others on this machine may read it; chmod 0600 {}", path.display(), path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
    },
    /// The file is not TOML, or has other keys than `url` and `token`. Never shows the line, which may be the secret.
    #[error("{}: {why}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// No base for requests.
    #[error("url: must be http or https with a host, and without user, query or fragment")]
    Url,
    /// A URL and no token for it.
    #[error("there is no token for {0}: set DIALBRIDGE_TOKEN, or name a file with both by --client")]
    Token(Url),
    /// A token that no header can carry.
    #[error("token: has characters that no token has")]
    TokenCharacters,
    /// There is no place for a user's own file.
    #[error("neither --client nor HOME says where client.toml is")]
    Homeless,
}

/// `client.toml`
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientFile {
    url: Option<String>,
    token: Option<SecretString>,
}

impl Way {
    /// The way for this process.
    pub fn find(named: Named, usual: Usual) -> Result<Self, NoWay> {
        Surroundings(source::variables(|name| VARIABLES.contains(&name))).find(named, usual)
    }
}

/// The environment.
struct Surroundings(BTreeMap<String, String>);

impl Surroundings {
    fn find(&self, named: Named, usual: Usual) -> Result<Way, NoWay> {
        match named {
            Named { socket: Some(socket), .. } => Ok(Way::Socket(socket)),
            Named { client: Some(path), .. } => self.http(None, read(&path)?),
            Named { url: Some(url), .. } => self.http(Some(&url), self.own_file().unwrap_or_default()),
            _ => self.unnamed(usual),
        }
    }

    fn unnamed(&self, usual: Usual) -> Result<Way, NoWay> {
        match (self.get("DIALBRIDGE_URL"), self.get("DIALBRIDGE_SOCKET"), usual) {
            (Some(url), _, _) => self.http(Some(url), self.own_file().unwrap_or_default()),
            (None, socket, Usual::Socket) => Ok(Way::Socket(socket.unwrap_or(SOCKET).into())),
            (None, _, Usual::File) => self.http(None, self.own_file()?),
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn own_file(&self) -> Result<ClientFile, NoWay> {
        let config = self.get("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(Path::new(self.get("HOME")?).join(".config")));
        read(&config.ok_or(NoWay::Homeless)?.join("dialbridge/client.toml"))
    }

    /// This URL, or the file's; with the file's token where the URL is the file's, else the environment's.
    fn http(&self, other: Option<&str>, file: ClientFile) -> Result<Way, NoWay> {
        let written = file.url.as_deref().map(base).transpose()?;
        let url = other.map(base).transpose()?.or(written.clone()).ok_or(NoWay::Url)?;
        let of_file = file.token.filter(|_| written.as_ref() == Some(&url));
        let token = match (other, self.get("DIALBRIDGE_TOKEN").map(SecretString::from)) {
            (Some(_), of_environment) => of_environment.or(of_file),
            (None, of_environment) => of_file.or(of_environment),
        };
        let token = token.ok_or_else(|| NoWay::Token(url.clone()))?;
        let is_plain = token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
        if is_plain { Ok(Way::Http { url, token }) } else { Err(NoWay::TokenCharacters) }
    }
}

fn base(text: &str) -> Result<Url, NoWay> {
    let url = Url::parse(text.trim_end_matches('/')).map_err(|_| NoWay::Url)?;
    let is_base = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_base.then_some(url).ok_or(NoWay::Url)
}

fn read(path: &Path) -> Result<ClientFile, NoWay> {
    let unreadable = |source| NoWay::Unreadable { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(NoWay::Exposed { path: path.to_owned() });
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    toml::from_str(&text)
        .map_err(|fault: toml::de::Error| NoWay::Syntax { path: path.to_owned(), why: fault.message().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Home(tempfile::TempDir, BTreeMap<String, String>);

    impl Home {
        fn new(text: &str, mode: u32) -> Self {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join(".config/dialbridge/client.toml");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let variables = BTreeMap::from([("HOME".to_owned(), home.path().display().to_string())]);
            Self(home, variables)
        }

        fn with(mut self, name: &str, value: &str) -> Self {
            self.1.insert(name.to_owned(), value.to_owned());
            self
        }

        fn file(&self) -> PathBuf {
            self.0.path().join(".config/dialbridge/client.toml")
        }

        /// The way in one line, or why there is none.
        fn way(&self, named: Named, usual: Usual) -> String {
            match Surroundings(self.1.clone()).find(named, usual) {
                Ok(Way::Socket(path)) => path.display().to_string(),
                Ok(Way::Http { url, token }) => format!("{url} {}", token.expose_secret()),
                Err(error) => error.to_string(),
            }
        }
    }

    const FILE: &str = "url = 'https://calls.example/'\ntoken = 'of-the-file'\n";

    fn url(url: &str) -> Named {
        Named { url: Some(url.to_owned()), ..Named::default() }
    }

    #[test]
    fn without_a_word_it_is_the_admin_socket_or_the_user_s_own_file() {
        let home = Home::new(FILE, 0o600);
        assert_eq!(home.way(Named::default(), Usual::Socket), SOCKET);
        assert_eq!(home.way(Named::default(), Usual::File), "https://calls.example/ of-the-file");
    }

    #[test]
    fn the_environment_counts_before_the_user_s_own_file() {
        let home = Home::new(FILE, 0o600).with("DIALBRIDGE_SOCKET", "/lab.sock");
        assert_eq!(home.way(Named::default(), Usual::Socket), "/lab.sock");
        let home = home.with("DIALBRIDGE_URL", "http://127.0.0.1:8080").with("DIALBRIDGE_TOKEN", "demo-code");
        for usual in [Usual::Socket, Usual::File] {
            assert_eq!(home.way(Named::default(), usual), "http://127.0.0.1:8080/ demo-code");
        }
    }

    #[test]
    fn what_is_named_counts_before_the_environment() {
        let home = Home::new(FILE, 0o600).with("DIALBRIDGE_URL", "http://else").with("DIALBRIDGE_TOKEN", "demo-code");
        let socket = Named { socket: Some("/mine.sock".into()), ..Named::default() };
        assert_eq!(home.way(socket, Usual::File), "/mine.sock");
        let client = Named { client: Some(home.file()), ..Named::default() };
        assert_eq!(home.way(client, Usual::Socket), "https://calls.example/ of-the-file");
        assert_eq!(home.way(url("http://127.0.0.1:1/x/"), Usual::Socket), "http://127.0.0.1:1/x demo-code");
    }

    #[test]
    fn a_token_is_not_handed_to_another_url() {
        let home = Home::new(FILE, 0o600);
        assert_eq!(home.way(url("https://calls.example"), Usual::Socket), "https://calls.example/ of-the-file");
        let refused = home.way(url("https://elsewhere.example"), Usual::Socket);
        assert!(refused.starts_with("there is no token for https://elsewhere.example/"), "{refused}");
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let refused = Home::new(FILE, mode).way(Named::default(), Usual::File);
            assert!(refused.contains("chmod 0600"), "{mode:o}: {refused}");
        }
    }

    #[test]
    fn a_broken_file_is_told_without_its_secret() {
        for text in ["token = 'hush\n", "url = 'http://x'\ntoken = 'hush'\ntokens = 'hush'\n", "token = 'hu sh'\n"] {
            let refused = Home::new(text, 0o600).way(Named::default(), Usual::File);
            assert!(!refused.contains("hush") && !refused.contains("hu sh"), "{refused}");
        }
    }

    #[test]
    fn a_base_is_http_with_a_host_and_nothing_more() {
        let home = Home::new(FILE, 0o600).with("DIALBRIDGE_TOKEN", "demo-code");
        for text in ["ftp://x", "calls.example", "http://", "http://u:p@x", "http://x/?a=b", "http://x/#a", ""] {
            let refused = home.way(url(text), Usual::Socket);
            assert!(refused.starts_with("url: must be http"), "{text}: {refused}");
        }
    }
}
