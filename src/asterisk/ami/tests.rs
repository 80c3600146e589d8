//! The link against a manager of a few lines, on loopback and in simulated time.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Ami, link};
use crate::config::AmiConfig;
use crate::device::{DeviceState, Devices};
use crate::link::LinkState;

const BOOTED: &str = "Event: FullyBooted\r\n\r\n";

/// What the manager does in every connection.
#[derive(Clone, Debug)]
enum Put {
    Text(String),
    Silence,
    Close,
}

#[derive(Clone)]
struct Fake {
    put: broadcast::Sender<Put>,
    actions: Arc<Mutex<Vec<String>>>,
}

struct Rig {
    fake: Fake,
    ami: Ami,
    cancel: CancellationToken,
}

impl Rig {
    /// A link to a manager with this password; the link's own is `secret`.
    async fn new(password: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = AmiConfig {
            address: listener.local_addr().unwrap().to_string(),
            user: "dialbridge".into(),
            password: "secret".into(),
            password_file: None,
            tls: false,
        };
        let fake = Fake { put: broadcast::channel(64).0, actions: Arc::default() };
        let server = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().serve(stream, password));
            }
        });
        // Keeps simulated time from jumping over bytes that are on their way.
        tokio::spawn(async {
            loop {
                sleep(Duration::from_millis(2)).await;
            }
        });
        let (ami, driver) = link(&config).unwrap();
        let cancel = CancellationToken::new();
        tokio::spawn(driver.run(cancel.clone()));
        Self { fake, ami, cancel }
    }

    async fn until(&self, wanted: impl FnMut(&LinkState) -> bool) {
        let mut state = self.ami.state();
        timeout(Duration::from_mins(2), state.wait_for(wanted)).await.expect("the state never comes").unwrap();
    }

    async fn until_devices(&self, mut wanted: impl FnMut(&Devices) -> bool) {
        let mut devices = self.ami.devices();
        let seen = timeout(Duration::from_mins(2), devices.wait_for(|devices| wanted(devices))).await;
        seen.expect("the table never comes").unwrap();
    }

    fn state(&self, device: &str) -> DeviceState {
        self.ami.devices().borrow().state(device)
    }

    fn change(&self, device: &str, state: &str) {
        let event = format!("Event: DeviceStateChange\r\nDevice: {device}\r\nState: {state}\r\n\r\n");
        self.fake.put.send(Put::Text(event)).unwrap();
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Fake {
    async fn serve(self, stream: TcpStream, password: &str) {
        stream.set_nodelay(true).unwrap();
        let mut put = self.put.subscribe();
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        writer.write_all(b"Asterisk Call Manager/11.0.0\r\n").await.unwrap();
        let mut action = Vec::new();
        loop {
            tokio::select! {
                line = lines.next_line() => match line {
                    Ok(Some(line)) if line.is_empty() => {
                        let answer = self.answer(&std::mem::take(&mut action), password);
                        if writer.write_all(answer.as_bytes()).await.is_err() { return }
                    }
                    Ok(Some(line)) => action.push(line),
                    _ => return,
                },
                put = put.recv() => match put {
                    Ok(Put::Text(text)) => writer.write_all(text.as_bytes()).await.unwrap(),
                    Ok(Put::Silence) => return std::future::pending().await,
                    Ok(Put::Close) | Err(_) => return,
                },
            }
        }
    }

    fn answer(&self, action: &[String], password: &str) -> String {
        use md5::{Digest, Md5};
        let field = |name: &str| action.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let name = field("Action").unwrap().to_owned();
        self.actions.lock().unwrap().push(name.clone());
        let id = field("ActionID").map(|id| format!("ActionID: {id}\r\n")).unwrap_or_default();
        match name.as_str() {
            "Challenge" => "Response: Success\r\nChallenge: 4711\r\n\r\n".to_owned(),
            "Login" => {
                let key = Md5::digest(format!("4711{password}"));
                let key: String = key.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                if field("Key") == Some(&key) {
                    format!("Response: Success\r\n\r\n{BOOTED}")
                } else {
                    "Response: Error\r\nMessage: Authentication failed\r\n\r\n".to_owned()
                }
            }
            "DeviceStateList" => format!(
                "Response: Success\r\n{id}EventList: start\r\n\r\n\
                 Event: DeviceStateChange\r\n{id}Device: PJSIP/101\r\nState: NOT_INUSE\r\n\r\n\
                 Event: DeviceStateListComplete\r\n{id}ListItems: 1\r\n\r\n"
            ),
            _ => "Response: Success\r\nPing: Pong\r\n\r\n".to_owned(),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_up_knows_every_phone_and_follows_them() {
    let rig = Rig::new("secret").await;
    rig.until(LinkState::is_up).await;
    assert_eq!(rig.state("PJSIP/101"), DeviceState::NotInuse);
    rig.change("PJSIP/101", "INUSE");
    rig.change("PJSIP/102", "UNAVAILABLE");
    rig.until_devices(|devices| devices.state("PJSIP/102") == DeviceState::Unavailable).await;
    assert_eq!(rig.state("PJSIP/101"), DeviceState::Inuse);
}

#[tokio::test(start_paused = true)]
async fn without_a_link_no_state_is_known() {
    let rig = Rig::new("secret").await;
    rig.until(LinkState::is_up).await;
    let mut devices = rig.ami.devices();
    devices.mark_unchanged();
    rig.fake.put.send(Put::Close).unwrap();
    devices.changed().await.unwrap();
    assert_eq!(devices.borrow_and_update().state("PJSIP/101"), DeviceState::Unknown);
    rig.until(LinkState::is_up).await;
    assert_eq!(rig.state("PJSIP/101"), DeviceState::NotInuse);
}

#[tokio::test(start_paused = true)]
async fn a_silent_manager_is_known_within_ten_seconds() {
    let rig = Rig::new("secret").await;
    rig.until(LinkState::is_up).await;
    rig.fake.put.send(Put::Silence).unwrap();
    let seen = timeout(Duration::from_millis(10_100), rig.until(|state| *state == LinkState::Down)).await;
    assert!(seen.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_answers_is_kept() {
    let rig = Rig::new("secret").await;
    rig.until(LinkState::is_up).await;
    let mut state = rig.ami.state();
    state.mark_unchanged();
    assert!(timeout(Duration::from_mins(2), state.changed()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_tried_twice_a_minute() {
    let rig = Rig::new("another").await;
    sleep(Duration::from_secs(100)).await;
    let logins = rig.fake.actions.lock().unwrap().iter().filter(|name| *name == "Login").count();
    assert_eq!(logins, 4);
}

#[tokio::test(start_paused = true)]
async fn nonsense_is_counted_and_survived_and_a_line_without_end_is_not() {
    let rig = Rig::new("secret").await;
    rig.until(LinkState::is_up).await;
    rig.fake.put.send(Put::Text("nonsense\r\n\r\n: :\n\n".into())).unwrap();
    rig.change("PJSIP/101", "BUSY");
    rig.until_devices(|devices| devices.state("PJSIP/101") == DeviceState::Busy).await;
    assert_eq!(rig.ami.counters().unknown_events.load(Relaxed), 2);
    rig.fake.put.send(Put::Text("x".repeat(100_000))).unwrap();
    rig.until(|state| *state == LinkState::Down).await;
    rig.until(LinkState::is_up).await;
    assert_eq!(rig.ami.counters().reconnects.load(Relaxed), 1);
}
