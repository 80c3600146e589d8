//! The table of what is tried against the doors, against the routers themselves: each row is answered in its
//! door's dialect, and the engine hears of a call exactly where the table says so.

use axum::body::Body;
use axum::http::Request;

use super::abuse_table::door::{Door, Said, Sent};
use super::abuse_table::{Answer, Becomes, Field, Row, nasty, rows, unmeant};
use super::rig::{DoorOrderSeen, Rig};
use crate::directory::{Directory, file};
use crate::http::Peer;

/// The demo world's directory, with room for all that is tried.
fn rig() -> Rig {
    let text = include_str!("../../../tests/lab/demo.toml").replace("token_burst = 1000", "token_burst = 1000000");
    let demo = file::parse(&text).unwrap_or_else(|error| panic!("{error}"));
    let mut rig = Rig::new();
    rig.directory.store(Directory::new(demo.tenants).into());
    rig.peer = Peer::Address("127.0.0.1".parse().unwrap());
    rig
}

/// Whoever attacks a door: with a session of Erin's, where it needs one.
struct Attacker {
    rig: Rig,
    session: Option<String>,
}

impl Attacker {
    async fn at(door: Door) -> Self {
        let rig = rig();
        let session = if door.needs_session() { Some(session(&rig).await) } else { None };
        Self { rig, session }
    }

    async fn send(&self, sent: Sent) -> Answer {
        let mut request = Request::builder().method(sent.method).uri(sent.target);
        let cookie = self.session.iter().map(|cookie| ("cookie", cookie.clone()));
        for (name, value) in sent.headers.into_iter().chain(cookie) {
            request = request.header(name, value);
        }
        let answer = self.rig.send(request.body(Body::from(sent.body)).unwrap()).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        let header = |name| answer.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (content_type, policy) = (header("content-type"), header("content-security-policy"));
        Answer { status: answer.status.as_u16(), content_type, policy, body: answer.body }
    }

    /// How many calls the engine has heard of since it was last asked.
    fn calls(&self) -> usize {
        let seen = self.rig.seen();
        assert!(seen.iter().all(|order| matches!(order, DoorOrderSeen::Submit(_))), "{seen:?}");
        seen.len()
    }
}

/// Erin's cookies.
async fn session(rig: &Rig) -> String {
    let who = r#"{"user":"105","password":"demo-pass","tenant":"demo"}"#;
    let request = Request::post("/login").header("content-type", "application/json").body(Body::from(who)).unwrap();
    let answer = rig.send(request).await;
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    lines.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

/// What is wrong with how a row was answered.
fn fault(door: Door, row: &Row, (said, calls): (Result<Said, String>, usize)) -> Option<String> {
    let expected = (door.says(row.becomes), usize::from(row.becomes == Becomes::Placed));
    let found = said.as_ref().map(|said| ((said.status, said.code), calls));
    (found != Ok(expected)).then(|| format!("{door:?}: {}: {expected:?} expected, {calls} calls, {said:?}", row.name))
}

async fn the_whole_table(door: Door) {
    let mut faults = Vec::new();
    let mut attacker = Attacker::at(door).await;
    for (number, row) in rows::all().into_iter().enumerate() {
        // Guessing has a limit of its own, and would be all that is seen.
        if row.change.iter().any(|(field, _)| is_guessed(*field)) {
            attacker = Attacker::at(door).await;
        }
        for row in [row, Row::good(number)] {
            let Some(sent) = door.request(&row) else { continue };
            let said = door.read(&attacker.send(sent).await);
            faults.extend(fault(door, &row, (said, attacker.calls())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

const fn is_guessed(field: Field) -> bool {
    matches!(field, Field::Token | Field::LoginCode)
}

async fn nothing_that_was_not_meant(door: Door) {
    let attacker = Attacker::at(door).await;
    let good = door.request(&Row::good(1)).unwrap();
    for unmeant in unmeant::at(door) {
        let mut sent = good.clone();
        sent.method = unmeant.method.unwrap_or(sent.method);
        sent.headers.retain(|(name, _)| unmeant.headers.iter().all(|(other, _)| name != other));
        sent.headers.extend(unmeant.headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let answer = attacker.send(sent).await;
        assert_eq!((answer.status, attacker.calls()), (unmeant.status, 0), "{door:?}: {unmeant:?}");
        let said = (!answer.body.is_empty()).then(|| door.read(&answer));
        assert!(!matches!(said, Some(Err(_))), "{door:?}: {unmeant:?}: {answer:?}");
    }
    attacker.send(good).await;
    assert_eq!(attacker.calls(), 1);
}

/// Whatever a parameter holds: the answer is this door's, and blames nobody here.
async fn any_string_in_any_parameter(door: Door) {
    let strings = nasty::strings();
    assert!(strings.len() >= 200, "{}", strings.len());
    for field in door.fields() {
        let attacker = Attacker::at(door).await;
        for value in &strings {
            let row = Row { name: String::new(), change: vec![(field, value.clone())], becomes: Becomes::Placed };
            let Some(sent) = door.request(&row) else { continue };
            let answer = attacker.send(sent).await;
            assert!(answer.status < 500, "{field:?} {value:?}: {answer:?}");
            let said = door.read(&answer).unwrap_or_else(|error| panic!("{field:?} {value:?}: {error}"));
            let is_placed = (said.status, said.code) == door.says(Becomes::Placed);
            assert!(is_placed || said.call.is_none(), "{field:?} {value:?}: {answer:?}");
            assert_eq!(attacker.calls(), usize::from(is_placed), "{field:?} {value:?}: {answer:?}");
        }
    }
}

macro_rules! at_every_door {
    ($($name:ident => $door:ident;)+) => { $(
        mod $name {
            use super::Door;

            #[tokio::test]
            async fn answers_the_table() {
                super::the_whole_table(Door::$door).await;
            }

            #[tokio::test]
            async fn places_nothing_that_was_not_meant() {
                super::nothing_that_was_not_meant(Door::$door).await;
            }

            #[tokio::test]
            async fn takes_any_string_in_any_parameter() {
                super::any_string_in_any_parameter(Door::$door).await;
            }
        }
    )+ };
}

at_every_door! {
    voicenter_get => VoicenterGet;
    voicenter_form => VoicenterForm;
    voicenter_json => VoicenterJson;
    getdesk => Getdesk;
    eight_get => EightGet;
    eight_post => EightPost;
    eight_page => EightPage;
}
