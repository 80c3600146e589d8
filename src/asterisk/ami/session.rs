//! One connection to the manager, from its banner to its end.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;
use tokio_util::codec::Framed;
use tracing::trace;

use super::codec::{AmiCodec, CodecError, Frame};
use super::message::{Action, FieldError, Message};
use crate::asterisk::connect::{self, Address, Stream};
use crate::config::AmiConfig;

const LOGIN: Duration = Duration::from_secs(5);
/// Classes of events: state changes of devices are `call`, contacts and `FullyBooted` `system`.
const EVENTS: &str = "system,call";

/// Why a link cannot be set up at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// `ami.address` is not `host:port`.
    #[error("ami.address: host:port is wanted")]
    Address,
    /// User or password cannot be said over AMI.
    #[error("ami.user or ami.password: {0}")]
    Credentials(#[from] FieldError),
    /// A file could not be read, or TLS not set up.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Why a connection ended, or did not come about.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// User or password are wrong.
    #[error("Asterisk refuses our user or password")]
    Refused,
    /// No answer in time.
    #[error("no answer in time")]
    Silent,
    /// The other end closed it.
    #[error("closed by Asterisk")]
    Closed,
    /// Not AMI, or not as we know it.
    #[error("{0}")]
    Codec(#[from] CodecError),
    /// Something that cannot be said.
    #[error("{0}")]
    Field(#[from] FieldError),
}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        Self::Codec(error.into())
    }
}

/// Where the manager is, and how we prove who we are.
pub(super) struct Target {
    address: Address,
    user: String,
    password: SecretString,
}

impl Target {
    /// Reads it out of the configuration, the password from its file.
    pub(super) fn new(config: &AmiConfig) -> Result<Arc<Self>, SetupError> {
        let (host, port) = config.address.rsplit_once(':').ok_or(SetupError::Address)?;
        let port = port.parse().map_err(|_| SetupError::Address)?;
        let tls = if config.tls { Some(connect::tls()?) } else { None };
        let password = connect::password(&config.password, config.password_file.as_deref())?;
        let _checked = Action::new("Login")?.with("Username", &config.user)?;
        let address = Address { host: host.trim_matches(['[', ']']).to_owned(), port, tls };
        Ok(Arc::new(Self { address, user: config.user.clone(), password }))
    }
}

/// A connection that is logged in.
pub(super) struct Session {
    frames: Framed<Stream, AmiCodec>,
    /// The manager's first line.
    pub(super) banner: String,
}

impl Session {
    /// Connects and logs in.
    pub(super) async fn open(target: &Target) -> Result<Self, SessionError> {
        let stream = target.address.connect().await?;
        let mut session = Self { frames: Framed::new(stream, AmiCodec::default()), banner: String::new() };
        timeout(LOGIN, session.log_in(target)).await.map_err(|_| SessionError::Silent)??;
        Ok(session)
    }

    /// Sends an action.
    pub(super) async fn send(&mut self, action: Action) -> Result<(), SessionError> {
        Ok(self.frames.send(action).await?)
    }

    /// The next message. May be dropped and asked again.
    pub(super) async fn next(&mut self) -> Result<Message, SessionError> {
        loop {
            match self.frames.next().await.ok_or(SessionError::Closed)?? {
                Frame::Message(message) => {
                    trace!(event = message.event(), "ami message");
                    return Ok(message);
                }
                Frame::Banner(banner) => self.banner = banner,
            }
        }
    }

    /// Sends an action and waits for its response; events in between are dropped. Only before events
    /// matter.
    pub(super) async fn ask(&mut self, action: Action) -> Result<Message, SessionError> {
        self.send(action).await?;
        loop {
            let message = self.next().await?;
            if message.succeeded().is_some() {
                return Ok(message);
            }
        }
    }

    async fn log_in(&mut self, target: &Target) -> Result<(), SessionError> {
        let challenge = self.ask(Action::new("Challenge")?.with("AuthType", "MD5")?).await?;
        let challenge = challenge.get("Challenge").ok_or(SessionError::Refused)?;
        let key = Md5::new().chain_update(challenge).chain_update(target.password.expose_secret()).finalize();
        let login = Action::new("Login")?
            .with("AuthType", "MD5")?
            .with("Username", &target.user)?
            .with("Key", &hex(&key))?
            .with("Events", EVENTS)?;
        match self.ask(login).await?.succeeded() {
            Some(true) => Ok(()),
            _ => Err(SessionError::Refused),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
