//! The table of what is tried against the doors, against the running daemon before a real Asterisk: every row is
//! answered in its door's dialect, and an observer at the manager interface sees a channel for each call that was
//! placed and for nothing else.

use std::collections::BTreeSet;

use anyhow::Context as _;

#[path = "../abuse/mod.rs"]
mod table;

use self::table::door::{Door, Said, Sent};
use self::table::{Answer, Becomes, Field, Row, nasty, rows, unmeant};
use crate::make_call::sign_in;
use crate::observer::Observer;
use crate::rig::{CALL, Rig};

/// So many rows, then a click that is placed: whoever counts calls is known to see them.
const BETWEEN: usize = 25;

async fn send(rig: &Rig, sent: Sent, session: Option<&str>) -> anyhow::Result<Answer> {
    let mut request = rig.http.request(sent.method.parse()?, rig.daemon.url(&sent.target)).body(sent.body);
    for (name, value) in sent.headers {
        request = request.header(name, value);
    }
    let answer = session.into_iter().fold(request, |request, cookie| request.header("cookie", cookie)).send().await?;
    anyhow::ensure!(!answer.headers().contains_key("access-control-allow-origin"), "{answer:?}");
    let header = |name| answer.headers().get(name).map_or("", |value| value.to_str().unwrap_or("?")).to_owned();
    let (content_type, policy) = (header("content-type"), header("content-security-policy"));
    Ok(Answer { status: answer.status().as_u16(), content_type, policy, body: answer.text().await? })
}

/// What was tried at one door, and what came of it.
struct Attack<'a> {
    rig: &'a Rig,
    door: Door,
    session: Option<String>,
    observer: Observer,
    /// Calls that a door said to have placed.
    calls: BTreeSet<String>,
    faults: Vec<String>,
    /// Clicks that were placed to see whether they are.
    good: usize,
}

impl<'a> Attack<'a> {
    async fn at(rig: &'a Rig, door: Door) -> anyhow::Result<Self> {
        let session = if door.needs_session() { Some(sign_in(rig, "105").await?) } else { None };
        let observer = Observer::start(&rig.world).await?;
        Ok(Self { rig, door, session, observer, calls: BTreeSet::new(), faults: Vec::new(), good: 0 })
    }

    async fn ask(&mut self, row: &Row) -> anyhow::Result<Option<Said>> {
        let Some(sent) = self.door.request(row) else { return Ok(None) };
        let answer = send(self.rig, sent, self.session.as_deref()).await;
        let answer = answer.with_context(|| format!("{:?}: {}", self.door, row.name))?;
        if answer.status >= 500 {
            self.faults.push(format!("{:?}: {}: {answer:?}", self.door, row.name));
        }
        match self.door.read(&answer) {
            Ok(said) => {
                self.calls.extend(said.call.clone());
                Ok(Some(said))
            }
            Err(error) => {
                self.faults.push(format!("{:?}: {}: {error}", self.door, row.name));
                Ok(None)
            }
        }
    }

    async fn row(&mut self, row: &Row) -> anyhow::Result<()> {
        let Some(said) = self.ask(row).await? else { return Ok(()) };
        if (said.status, said.code) != self.door.says(row.becomes) {
            self.faults.push(format!("{:?}: {}: {said:?}", self.door, row.name));
        }
        Ok(())
    }

    /// Places a call, and waits until the observer has seen it.
    async fn good(&mut self) -> anyhow::Result<()> {
        self.good += 1;
        let said = self.ask(&Row::good(self.good)).await?;
        let call =
            said.and_then(|said| said.call).with_context(|| format!("a good click failed: {:?}", self.faults))?;
        self.observer.wait_for(&format!("db-{call}-a1"), CALL).await
    }

    /// The same good click in ways in which no click is asked for.
    async fn unmeant(&mut self) -> anyhow::Result<()> {
        let good = self.door.request(&Row::good(0)).context("no good click")?;
        for unmeant in unmeant::at(self.door) {
            let mut sent = good.clone();
            sent.method = unmeant.method.unwrap_or(sent.method);
            sent.headers.retain(|(name, _)| unmeant.headers.iter().all(|(other, _)| name != other));
            sent.headers.extend(unmeant.headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
            let answer = send(self.rig, sent, self.session.as_deref()).await?;
            if answer.status != unmeant.status {
                self.faults.push(format!("{:?}: {unmeant:?}: {answer:?}", self.door));
            }
        }
        Ok(())
    }

    /// Nothing was created but what was said to be.
    fn finish(&self) -> anyhow::Result<()> {
        anyhow::ensure!(self.faults.is_empty(), "{}", self.faults.join("\n"));
        let expected: BTreeSet<String> = self.calls.iter().map(|call| format!("db-{call}-a1")).collect();
        let created: BTreeSet<String> = self.observer.created().into_iter().map(|channel| channel.id).collect();
        let strange: Vec<_> = created.difference(&expected).collect();
        anyhow::ensure!(strange.is_empty(), "{:?}: channels of nobody's: {strange:?}", self.door);
        anyhow::ensure!(
            created == expected,
            "{:?}: calls without a channel: {:?}",
            self.door,
            expected.difference(&created)
        );
        Ok(())
    }
}

async fn the_whole_table_at(rig: &Rig, door: Door) -> anyhow::Result<()> {
    let mut attack = Attack::at(rig, door).await?;
    for (number, row) in rows::all().iter().enumerate() {
        attack.row(row).await?;
        if number % BETWEEN == 0 {
            attack.good().await?;
        }
    }
    attack.unmeant().await?;
    attack.good().await?;
    attack.finish()?;
    rig.nothing_is_left().await
}

/// Every string once at each door, each time in another parameter.
async fn nasty_strings_at(rig: &Rig, door: Door) -> anyhow::Result<()> {
    let mut attack = Attack::at(rig, door).await?;
    // Guessing those has a limit of its own, and would be all that is seen.
    let is_guessed = |field: &Field| matches!(field, Field::Token | Field::LoginCode);
    let fields: Vec<_> = door.fields().into_iter().filter(|field| !is_guessed(field)).collect();
    for (number, value) in nasty::strings().into_iter().enumerate() {
        let field = fields[number % fields.len()];
        let name = format!("{field:?}: {value:?}");
        attack.ask(&Row { name, change: vec![(field, value)], becomes: Becomes::Placed }).await?;
    }
    attack.good().await?;
    attack.finish()?;
    the_log_is_whole(rig)
}

/// A page does not say which call it placed: so what is refused is tried in the browser's way, and what is placed
/// in a program's.
async fn pages_of_what_is_refused(rig: &Rig) -> anyhow::Result<()> {
    let mut attack = Attack::at(rig, Door::EightPage).await?;
    for row in rows::all().iter().filter(|row| row.becomes != Becomes::Placed) {
        attack.row(row).await?;
    }
    attack.unmeant().await?;
    attack.door = Door::EightGet;
    attack.good().await?;
    attack.finish()
}

mod eight_page {
    use crate::rig::on_22;

    on_22! {
        table => super::super::pages_of_what_is_refused;
    }
}

/// One record per line, each as the daemon writes them, none with what a client sent to look like one.
fn the_log_is_whole(rig: &Rig) -> anyhow::Result<()> {
    let log = rig.daemon.log();
    let strange = |line: &&str| {
        !line.starts_with("20")
            || line.contains(|c: char| c.is_control() || "\u{202e}\u{2066}\u{200f}".contains(c))
            || line.len() > 4096
    };
    let strange: Vec<_> = log.lines().filter(strange).take(5).collect();
    anyhow::ensure!(strange.is_empty(), "{strange:#?}");
    for secret in ["demo-code", "demo-pass"] {
        anyhow::ensure!(!log.contains(secret), "{secret} in the log");
    }
    Ok(())
}

macro_rules! at_every_door {
    ($($name:ident => $door:ident;)+) => { $(
        mod $name {
            use super::{Door, Rig};
            use crate::rig::on_22;

            async fn every_row_is_answered_and_nothing_else_rings(rig: &Rig) -> anyhow::Result<()> {
                super::the_whole_table_at(rig, Door::$door).await
            }

            async fn any_string_is_answered_and_nothing_else_rings(rig: &Rig) -> anyhow::Result<()> {
                super::nasty_strings_at(rig, Door::$door).await
            }

            on_22! {
                table => super::every_row_is_answered_and_nothing_else_rings;
                nasty => super::any_string_is_answered_and_nothing_else_rings;
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
    native => Native;
}
