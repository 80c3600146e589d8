//! A receiver of callbacks that answers as it is told, on loopback.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One request, as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: String,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// How it answers.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// These bytes, then it closes.
    Bytes(Vec<u8>),
    /// These bytes, and then nothing more for ever.
    Stall(Vec<u8>),
    /// The same bytes again and again, until the other side has enough.
    Flood(Vec<u8>),
    /// It resets the connection.
    Reset,
}

impl Reply {
    pub(super) fn status(code: u16) -> Self {
        Self::with(code, "", "so be it")
    }

    pub(super) fn with(code: u16, header: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(format!("HTTP/1.1 {code} X\r\n{header}content-length: {length}\r\n\r\n{body}").into_bytes())
    }
}

#[derive(Clone)]
pub(super) struct Sink {
    pub(super) address: SocketAddr,
    script: Arc<Mutex<VecDeque<Reply>>>,
    received: watch::Sender<Vec<Received>>,
    open: watch::Sender<(usize, usize)>,
}

impl Sink {
    /// Answers by this script, and 200 once it is through.
    pub(super) async fn new(script: Vec<Reply>) -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(super) fn at(listener: TcpListener, script: Vec<Reply>) -> Self {
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let sink = Self { address, script, received: watch::channel(Vec::new()).0, open: watch::channel((0, 0)).0 };
        let serving = sink.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let sink = serving.clone();
                tokio::spawn(async move {
                    sink.count(1);
                    // The other side may go away at any moment.
                    let _ = sink.serve(socket).await;
                    sink.count(-1);
                });
            }
        });
        sink
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.borrow().clone()
    }

    /// Most connections that were open at once.
    pub(super) fn most_open(&self) -> usize {
        self.open.borrow().1
    }

    /// Waits until so many requests have come in.
    pub(super) async fn has(&self, count: usize) -> Vec<Received> {
        let mut watcher = self.received.subscribe();
        let received = watcher.wait_for(|received| received.len() >= count).await.unwrap();
        received.clone()
    }

    fn count(&self, by: isize) {
        self.open.send_modify(|(now, most)| {
            *now = now.saturating_add_signed(by);
            *most = (*most).max(*now);
        });
    }

    async fn serve(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let received = read(&mut socket).await?;
        self.received.send_modify(|all| all.push(received));
        let reply = self.script.lock().unwrap().pop_front().unwrap_or_else(|| Reply::status(200));
        match reply {
            Reply::Bytes(bytes) => socket.write_all(&bytes).await?,
            Reply::Stall(bytes) => {
                socket.write_all(&bytes).await?;
                // Until the other side closes.
                while socket.read(&mut [0; 64]).await? > 0 {}
            }
            Reply::Flood(bytes) => loop {
                socket.write_all(&bytes).await?;
            },
            Reply::Reset => socket.set_zero_linger()?,
        }
        Ok(())
    }
}

async fn read(socket: &mut TcpStream) -> std::io::Result<Received> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let received = Received { head: head.to_owned(), body: body.to_owned() };
            let length = received.header("content-length").map_or(0, |text| text.parse().unwrap());
            if body.len() >= length {
                return Ok(received);
            }
        }
        if socket.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A port of loopback at which nobody listens.
pub(super) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

/// How long a test waits, in simulated time, before it says that something never came.
pub(super) const LONG: Duration = Duration::from_hours(300);
