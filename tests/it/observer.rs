//! An observer of its own at Asterisk's manager interface: it sees every channel that is created, whoever asked
//! for it, and knows nothing of dialbridge.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::lab::wait_until;
use crate::lab::world::World;

/// A channel as it was announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Created {
    /// Asterisk's id of it; ours begin with `db-`.
    pub(crate) id: String,
    /// As in `PJSIP/101-00000001`.
    pub(crate) name: String,
}

pub(crate) struct Observer {
    created: Arc<Mutex<Vec<Created>>>,
    /// Kept open: the connection lives as long as both its halves.
    _connection: OwnedWriteHalf,
}

impl Observer {
    /// Begins to look. What is created from now on is seen.
    pub(crate) async fn start(world: &World) -> anyhow::Result<Self> {
        let (lines, write) = log_in(world, ("observer", "observer"), "call").await?;
        let created = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(look(lines, Arc::clone(&created)));
        Ok(Self { created, _connection: write })
    }

    /// Every channel so far, in the order in which they were created.
    pub(crate) fn created(&self) -> Vec<Created> {
        self.created.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until this channel has been seen: then everything before it has been, too.
    pub(crate) async fn wait_for(&self, id: &str, limit: Duration) -> anyhow::Result<()> {
        wait_until(limit, &format!("the channel {id}"), || {
            self.created().iter().any(|channel| channel.id == id).then_some(())
        })
        .await
    }
}

/// A connection to the manager interface that hears events of these classes.
pub(crate) async fn log_in(
    world: &World,
    (user, secret): (&str, &str),
    events: &str,
) -> anyhow::Result<(Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf)> {
    let (read, mut write) = TcpStream::connect(("127.0.0.1", world.ports.ami)).await?.into_split();
    let mut lines = BufReader::new(read).lines();
    lines.next_line().await?.context("no banner")?;
    let login = format!("Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\nEvents: {events}\r\n\r\n");
    write.write_all(login.as_bytes()).await?;
    let answer = message(&mut lines).await?.context("no answer to the login")?;
    anyhow::ensure!(field(&answer, "Response") == Some("Success"), "{answer:?}");
    Ok((lines, write))
}

async fn look(mut lines: Lines<BufReader<OwnedReadHalf>>, created: Arc<Mutex<Vec<Created>>>) {
    while let Ok(Some(event)) = message(&mut lines).await {
        if field(&event, "Event") != Some("Newchannel") {
            continue;
        }
        let of = |name| field(&event, name).unwrap_or_default().to_owned();
        let channel = Created { id: of("Uniqueid"), name: of("Channel") };
        created.lock().unwrap_or_else(PoisonError::into_inner).push(channel);
    }
}

/// The lines up to the next empty one; none when the connection has ended.
pub(crate) async fn message(lines: &mut Lines<BufReader<OwnedReadHalf>>) -> std::io::Result<Option<Vec<String>>> {
    let mut message = Vec::new();
    while let Some(line) = lines.next_line().await? {
        if line.is_empty() {
            return Ok(Some(message));
        }
        message.push(line);
    }
    Ok(None)
}

pub(crate) fn field<'a>(message: &'a [String], name: &str) -> Option<&'a str> {
    message.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}
