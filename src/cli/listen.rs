//! `dialbridge listen`: live events to a program on this machine, as callbacks would bring them.
//!
//! The events come from the stream, so nothing out there has to reach this machine; each is posted in
//! the order of the stream, with the headers and the signature of a real callback, by the same code. What the
//! program answers is shown at once and changes nothing: there is no second attempt.

use std::ops::ControlFlow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::calls::{lost, note};
use super::look::{Look, plain, printable, time_of_day};
use super::session::{Ended, Session, say, until_interrupted};
use super::stream::{Heard, LiveEvent};
use super::{Deliver, Delivered, Exit, Outcome, Program};
use crate::callback::sign::Key;
use crate::clock::Clock;
use crate::report::Callback;

#[derive(Debug, Args)]
pub(super) struct Listen {
    /// Where your program takes callbacks, such as `http://localhost:3000/crm`
    #[arg(long, value_name = "URL")]
    forward_to: String,
    /// Only these events, separated by commas; all without it
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    types: Vec<String>,
    /// Sign with this secret (`whsec_…`); without it one is made, and shown
    #[arg(long, value_name = "SECRET", env = "DIALBRIDGE_LISTEN_SECRET", hide_env_values = true)]
    secret: Option<String>,
}

/// `dialbridge listen`
pub(super) async fn run(session: &mut Session, program: Program, listen: Listen) -> Ended {
    let (secret, shown) = match listen.secret {
        Some(secret) => (secret, "the secret that you gave".to_owned()),
        None => made(),
    };
    let key = Key::parse(&secret).map_err(|why| Outcome::failed(Exit::Usage, format!("--secret: {why}")))?;
    let forward = Forward {
        deliver: (program.courier)(key).map_err(|why| Outcome::failed(Exit::Failed, why))?,
        url: listen.forward_to,
        clock: Clock::start(),
    };
    let ready = format!("events go to {}, signed with {shown}; Ctrl-C ends", printable(&forward.url));
    Ok(until_interrupted(forward.all(session, &listen.types, &ready)).await)
}

/// A new secret, and what to say of it.
fn made() -> (String, String) {
    let secret = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
    (secret.clone(), secret)
}

/// The way to the program.
struct Forward {
    deliver: Deliver,
    url: String,
    clock: Clock,
}

impl Forward {
    async fn all(&self, session: &mut Session, types: &[String], ready: &str) -> Outcome {
        let Session { client, look, out } = session;
        let mut ready = Some(ready);
        let hear = async |heard| match heard {
            Heard::Open => ready.take().map_or(ControlFlow::Continue(()), note),
            Heard::Lost(why) => lost(&why),
            Heard::Event(event) => match self.one(event, *look).await {
                Some(line) => say(out, &line),
                None => ControlFlow::Continue(()),
            },
        };
        client.follow(types, hear).await
    }

    /// Posts one event; what became of it, in a line. None: it is not of a kind that callbacks carry.
    async fn one(&self, event: LiveEvent, look: Look) -> Option<String> {
        let json = event.json();
        let began = self.clock.now();
        let callback = Callback {
            id: json["id"].as_str()?.to_owned(),
            call: json["data"]["id"].as_str().and_then(|call| call.parse().ok()),
            tenant: String::new(),
            kind: event.kind,
            url: self.url.clone(),
            content_type: "application/json".to_owned(),
            body: event.body,
            created_at: began,
        };
        let delivered = (self.deliver)(callback).await;
        let took = self.clock.now().since(began).as_millis();
        Some(if look.is_json { for_programs(&json, &delivered, took) } else { for_people(&json, &delivered, took) })
    }
}

fn for_programs(event: &Value, delivered: &Delivered, took: u128) -> String {
    let error = delivered.status.is_none().then_some(&delivered.note);
    json!({
        "id": event["id"],
        "type": event["type"],
        "status": delivered.status,
        "error": error,
        "duration_ms": u64::try_from(took).unwrap_or(u64::MAX),
    })
    .to_string()
}

fn for_people(event: &Value, delivered: &Delivered, took: u128) -> String {
    let (at, kind, id) = (time_of_day(&event["occurred_at"]), plain(&event["type"]), plain(&event["id"]));
    let met = delivered.status.map_or_else(|| printable(&delivered.note), |status| status.to_string());
    format!("{at}  {kind:<15}  {id}  {met}  {took} ms")
}
