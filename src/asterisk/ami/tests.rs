//! The link against a manager of a few lines, on loopback and in simulated time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Ami, Pausing, link};
use crate::config::AmiConfig;
use crate::device::{DeviceState, Devices};
use crate::link::{LinkState, QueueMember};

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
    /// Members of the queue `support` by their interfaces: why each is paused, where it is.
    members: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

struct Rig {
    fake: Fake,
    ami: Ami,
    wanted: watch::Sender<Arc<BTreeSet<QueueMember>>>,
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
        let fake = Fake { put: broadcast::channel(64).0, actions: Arc::default(), members: Arc::default() };
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
        let (wanted, heard) = watch::channel(Arc::default());
        let (ami, driver) = link(&config, Pausing { reason: OURS.to_owned(), wanted: heard }).unwrap();
        let cancel = CancellationToken::new();
        tokio::spawn(driver.run(cancel.clone()));
        Self { fake, ami, wanted, cancel }
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

    /// Why each member of the queue is paused, in the order of their interfaces; `-` where it is not.
    fn paused(&self) -> Vec<String> {
        let members = self.fake.members.lock().unwrap();
        members.values().map(|paused| paused.clone().unwrap_or_else(|| "-".to_owned())).collect()
    }

    fn member(&self, interface: &'static str, paused: Option<&str>) {
        self.fake.members.lock().unwrap().insert(interface, paused.map(str::to_owned));
    }

    fn want(&self, devices: &[&str]) {
        let member = |device: &&str| QueueMember { queue: "support".to_owned(), device: (*device).to_owned() };
        self.wanted.send_replace(Arc::new(devices.iter().map(member).collect()));
    }

    fn asked(&self, action: &str) -> usize {
        self.fake.actions.lock().unwrap().iter().filter(|name| *name == action).count()
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
            "QueueStatus" => self.list_queues(&id),
            "QueuePause" => self.pause(&id, field),
            _ => "Response: Success\r\nPing: Pong\r\n\r\n".to_owned(),
        }
    }

    /// As Asterisk 16 and 22 do, without the fields that nobody reads.
    fn list_queues(&self, id: &str) -> String {
        let event = |(interface, paused): (&&str, &Option<String>)| {
            let (flag, reason) = (u8::from(paused.is_some()), paused.as_deref().unwrap_or_default());
            let device = interface.replace("Local/101@agents", "PJSIP/101");
            format!(
                "Event: QueueMember\r\n{id}Queue: support\r\nLocation: {interface}\r\nStateInterface: {device}\r\n\
                 Paused: {flag}\r\nPausedReason: {reason}\r\n\r\n"
            )
        };
        let events: String = self.members.lock().unwrap().iter().map(event).collect();
        format!("Response: Success\r\n{id}EventList: start\r\n\r\n{events}Event: QueueStatusComplete\r\n{id}\r\n")
    }

    fn pause<'a>(&self, id: &str, field: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut members = self.members.lock().unwrap();
        let interface = field("Interface").filter(|_| field("Queue") == Some("support"));
        let Some(paused) = interface.and_then(|interface| members.get_mut(interface)) else {
            return format!("Response: Error\r\n{id}Message: Interface not found\r\n\r\n");
        };
        *paused = (field("Paused") == Some("true")).then(|| field("Reason").unwrap_or_default().to_owned());
        format!("Response: Success\r\n{id}\r\n")
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

const OURS: &str = "dialbridge";

#[tokio::test(start_paused = true)]
async fn who_is_wanted_is_paused_at_once_and_let_go_at_once() {
    let rig = Rig::new("secret").await;
    rig.member("PJSIP/101", None);
    rig.member("PJSIP/109", None);
    rig.until(LinkState::is_up).await;
    rig.want(&["PJSIP/101"]);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.paused(), [OURS, "-"]);
    rig.want(&[]);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.paused(), ["-", "-"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_paused_is_let_go_and_what_is_wanted_stays() {
    let rig = Rig::new("secret").await;
    rig.member("PJSIP/101", Some(OURS));
    rig.member("PJSIP/104", Some(OURS));
    rig.want(&["PJSIP/104"]);
    rig.until(LinkState::is_up).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.paused(), ["-", OURS]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_by_anybody_else_is_enough_and_survives() {
    let rig = Rig::new("secret").await;
    rig.member("PJSIP/101", Some("lunch"));
    rig.member("PJSIP/104", Some(""));
    rig.until(LinkState::is_up).await;
    rig.want(&["PJSIP/101", "PJSIP/104"]);
    sleep(Duration::from_secs(20)).await;
    rig.want(&[]);
    sleep(Duration::from_secs(20)).await;
    assert_eq!(rig.paused(), ["lunch", ""]);
    assert_eq!(rig.asked("QueuePause"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_somebody_took_back_is_made_again() {
    let rig = Rig::new("secret").await;
    rig.member("PJSIP/101", None);
    rig.until(LinkState::is_up).await;
    rig.want(&["PJSIP/101"]);
    sleep(Duration::from_millis(500)).await;
    rig.member("PJSIP/101", None);
    sleep(Duration::from_secs(16)).await;
    assert_eq!(rig.paused(), [OURS]);
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_called_through_the_dialplan_is_known_by_its_phone() {
    let rig = Rig::new("secret").await;
    rig.member("Local/101@agents", None);
    rig.until(LinkState::is_up).await;
    rig.want(&["PJSIP/101"]);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(rig.paused(), [OURS]);
}

#[tokio::test(start_paused = true)]
async fn a_phone_that_joins_its_queue_late_is_paused_then() {
    let rig = Rig::new("secret").await;
    rig.until(LinkState::is_up).await;
    rig.want(&["PJSIP/101"]);
    sleep(Duration::from_secs(16)).await;
    rig.member("PJSIP/101", None);
    sleep(Duration::from_secs(16)).await;
    assert_eq!(rig.paused(), [OURS]);
}

#[tokio::test(start_paused = true)]
async fn queues_are_looked_at_once_where_nobody_is_placed_for_one() {
    let rig = Rig::new("secret").await;
    rig.member("PJSIP/101", None);
    rig.until(LinkState::is_up).await;
    sleep(Duration::from_mins(2)).await;
    assert_eq!((rig.asked("QueueStatus"), rig.asked("QueuePause")), (1, 0));
}
