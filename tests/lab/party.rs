//! One `SIPp` process: the SIP side of the phones, or of the carrier.
//!
//! `SIPp` is the SIP stack and follows its scenario; this reads along in its trace, logs each INVITE as it arrives, and
//! tells [`Media`] when to play, to whom, and when a call is over.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use super::media::{Media, Stream};
use super::process::Process;
use super::provision::Roots;
use super::sip::{self, Invite, Message};

/// What distinguishes phones and carrier.
#[derive(Clone, Copy, Debug)]
pub struct Role {
    /// `phones` or `carrier`: names the scenario, the log and the trace.
    pub name: &'static str,
    /// Hertz that the party of this number plays once it has answered.
    pub tone: fn(&str) -> u32,
    /// Hertz of early media.
    pub announcement: u32,
}

/// A running user agent with many lines.
#[derive(Debug)]
pub struct Party {
    pub media: Media,
    invites: Arc<Mutex<Vec<Invite>>>,
    process: Process,
}

impl Party {
    /// Starts `SIPp` with `tests/lab/sipp/<name>.xml` on the port, its logs in `dir`. The port after next is its control port.
    pub async fn start(role: Role, port: u16, control: u16, dir: &Path, roots: &Roots) -> anyhow::Result<Self> {
        let media = Media::start(&dir.join("audio"))?;
        let sip = dir.join("sip");
        let pipe = sip.join(format!("{}.pipe", role.name));
        make_pipe(&pipe)?;
        let mut arguments = roots.sipp_arguments();
        arguments.extend([
            "-sf".to_owned(),
            scenario(role.name),
            "-i".into(),
            "127.0.0.1".into(),
            "-p".into(),
            port.to_string(),
        ]);
        arguments.extend(["-cp".to_owned(), control.to_string(), "-nostdin".into()]);
        arguments.extend(["-key".to_owned(), "audio_port".into(), media.port().to_string()]);
        arguments.extend(["-trace_msg".to_owned(), "-message_file".into(), pipe.display().to_string()]);
        arguments.extend([
            "-trace_err".to_owned(),
            "-error_file".into(),
            sip.join(format!("{}-errors.log", role.name)).display().to_string(),
        ]);
        let invites = Arc::new(Mutex::new(Vec::new()));
        let reader = Reader {
            role,
            media: media.clone(),
            invites: Arc::clone(&invites),
            log: append(&dir.join(format!("{}.log", role.name)))?,
            trace: append(&sip.join(format!("{}-trace.log", role.name)))?,
        };
        std::thread::spawn(move || reader.read(&pipe));
        let process = Process::start(role.name, roots.sipp(), &arguments, &sip.join(format!("{}.out", role.name)))?;
        let party = Self { media, invites, process };
        party.wait_ready(port).await.with_context(|| format!("{} do not answer; see {}", role.name, sip.display()))?;
        Ok(party)
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Every INVITE so far, in the order of arrival.
    pub fn invites(&self) -> Vec<Invite> {
        lock(&self.invites).clone()
    }

    /// The first INVITE that fits, waiting for it if need be.
    pub async fn wait_for_invite(&self, limit: Duration, fits: impl Fn(&Invite) -> bool) -> anyhow::Result<Invite> {
        super::wait_until(limit, "an INVITE", || lock(&self.invites).iter().find(|invite| fits(invite)).cloned()).await
    }

    /// Audio counts of the call with this SIP Call-ID.
    pub fn stream(&self, sip_call_id: &str) -> Option<Stream> {
        self.media.stream(sip_call_id)
    }

    /// What this side heard in the call with this SIP Call-ID.
    pub fn heard(&self, sip_call_id: &str) -> Vec<i16> {
        self.media.heard(sip_call_id)
    }

    /// Asks it over SIP until it answers.
    async fn wait_ready(&self, port: u16) -> anyhow::Result<()> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        let local = socket.local_addr()?;
        let question = format!(
            "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bKready\r\nFrom: <sip:lab@{local}>;tag=1\r\n\
             To: <sip:127.0.0.1:{port}>\r\nCall-ID: ready@{local}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        super::wait_until(Duration::from_secs(5), "an answer to OPTIONS", || {
            if !self.process.is_running() {
                return Some(Err(anyhow::anyhow!("it has ended already")));
            }
            // Refused while nobody listens yet: then the next round asks again.
            let _ = socket.send_to(question.as_bytes(), ("127.0.0.1", port));
            socket.recv(&mut [0; 2048]).is_ok().then_some(Ok(()))
        })
        .await?
    }
}

/// The side that reads `SIPp`'s trace, in a thread of its own since it blocks.
struct Reader {
    role: Role,
    media: Media,
    invites: Arc<Mutex<Vec<Invite>>>,
    log: File,
    trace: File,
}

impl Reader {
    fn read(mut self, pipe: &Path) {
        let Ok(trace) = File::open(pipe) else { return };
        let mut trace = BufReader::new(trace);
        while let Ok(Some(message)) = sip::read_trace(&mut trace) {
            if message.method() != "OPTIONS" {
                self.follow(&message);
            }
        }
    }

    fn follow(&mut self, message: &Message) {
        // A log that cannot be written is missed by whoever reads it, and not a reason to stop the audio.
        let direction = if message.received { "<" } else { ">" };
        let _ = writeln!(
            self.trace,
            "{} {direction} {} | {} | {}",
            sip::now(),
            message.start,
            message.call_id(),
            message.header("CSeq").unwrap_or("")
        );
        let call_id = message.call_id();
        match (message.method(), message.status()) {
            ("INVITE", None) if message.received => self.invited(message),
            ("INVITE", Some(183)) if !message.received => self.media.play(call_id, self.role.announcement),
            ("INVITE", Some(200)) if !message.received => {
                let party = self.media.stream(call_id).map(|stream| stream.party).unwrap_or_default();
                self.media.play(call_id, (self.role.tone)(&party));
            }
            ("INVITE", Some(300..)) | ("BYE", None) => self.media.close(call_id),
            _ => {}
        }
    }

    fn invited(&mut self, message: &Message) {
        let call_id = message.call_id();
        let known = self.media.stream(call_id);
        let first = message.starts_dialog() && known.is_none();
        if first {
            let invite = Invite::from_message(message);
            if let Ok(line) = serde_json::to_string(&invite) {
                let _ = writeln!(self.log, "{line}");
            }
            self.media.open(call_id, &invite.to, message.audio_port().unwrap_or(0));
            lock(&self.invites).push(invite);
        } else if let (Some(stream), Some(port)) = (known, message.audio_port()) {
            self.media.open(call_id, &stream.party, port);
        }
    }
}

fn scenario(name: &str) -> String {
    super::lab_file(&format!("sipp/{name}.xml")).display().to_string()
}

fn make_pipe(path: &PathBuf) -> anyhow::Result<()> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    let made = std::process::Command::new("mkfifo").arg(path).status().context("running mkfifo")?;
    anyhow::ensure!(made.success(), "could not make the pipe {}", path.display());
    Ok(())
}

fn append(path: &Path) -> anyhow::Result<File> {
    File::options().create(true).append(true).open(path).with_context(|| format!("opening {}", path.display()))
}

fn lock(invites: &Mutex<Vec<Invite>>) -> MutexGuard<'_, Vec<Invite>> {
    invites.lock().unwrap_or_else(PoisonError::into_inner)
}
