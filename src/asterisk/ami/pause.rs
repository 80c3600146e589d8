//! Who is paused in Asterisk's queues, held against who should be.
//!
//! Pure, and without memory of what was done: whatever is to be different, the queues are listed, and what
//! differs from what is wanted is changed. So it does not matter who died in between, this process, the
//! link or Asterisk. A pause is ours where its reason is our name; one that anybody else made is left
//! alone, and is enough: who is paused is paused.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::message::{Action, FieldError, Message};
use crate::link::QueueMember;

/// Begins the `ActionID` of a listing, and of a change.
const LIST: &str = "queues-";
const PAUSE: &str = "pause-";

/// What is to be done about the queues.
#[derive(Clone, PartialEq, Eq)]
pub enum Deed {
    /// To be sent.
    Send(Action),
    /// To be said once, for the administrator.
    Complain(String),
}

/// A member of a queue, as Asterisk lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    queue: String,
    /// What it is called by; a change names it so.
    interface: String,
    /// The phone behind it: the same, unless it is called through a `Local` channel.
    device: String,
    /// Why it is paused, where it is.
    paused: Option<String>,
}

/// What one connection knows of the queues.
pub struct Pauses {
    /// What our pauses are known by.
    reason: String,
    wanted: Arc<BTreeSet<QueueMember>>,
    /// To be looked at.
    due: bool,
    /// Nobody is wanted, and the last look found nobody paused by us: whoever uses no queues is not asked
    /// for them again and again.
    is_idle: bool,
    /// Actions sent so far: each has a number of its own.
    sent: u32,
    /// The listing that is under way.
    listing: Option<(String, Vec<Listed>)>,
    /// Changes that are under way.
    changes: BTreeMap<String, QueueMember>,
    /// What was complained about, and has not worked since.
    complaints: BTreeSet<QueueMember>,
}

impl Pauses {
    /// Nothing is known yet; `reason` marks a pause as ours.
    pub fn new(reason: String, wanted: Arc<BTreeSet<QueueMember>>) -> Self {
        let (changes, complaints) = (BTreeMap::new(), BTreeSet::new());
        Self { reason, wanted, due: true, is_idle: false, sent: 0, listing: None, changes, complaints }
    }

    /// From now on these are to be paused, and nobody else by us.
    pub fn want(&mut self, wanted: Arc<BTreeSet<QueueMember>>) {
        self.complaints.retain(|member| wanted.contains(member));
        self.wanted = wanted;
        (self.due, self.is_idle) = (true, false);
    }

    /// Time for a look, whether or not an earlier one has come to its end.
    pub fn look_again(&mut self) {
        self.listing = None;
        self.changes.clear();
        self.due |= !self.is_idle;
    }

    /// What to ask, if it is time to and nothing is under way: changes are looked at once they are made.
    pub fn ask(&mut self) -> Option<Action> {
        if !self.due || self.listing.is_some() || !self.changes.is_empty() {
            return None;
        }
        self.due = false;
        let id = self.next_id(LIST);
        let action = Action::new("QueueStatus").and_then(|action| action.with("ActionID", &id)).ok()?;
        self.listing = Some((id, Vec::new()));
        Some(action)
    }

    /// Takes a message in; what is to be done about it.
    pub fn take(&mut self, message: &Message) -> Vec<Deed> {
        let Some(id) = message.get("ActionID") else { return Vec::new() };
        if let Some(member) = self.changes.remove(id) {
            return self.changed(&member, message);
        }
        let Some((_, listed)) = self.listing.as_mut().filter(|(listing, _)| listing == id) else { return Vec::new() };
        match (message.event(), message.succeeded()) {
            (Some("QueueMember"), _) => listed.extend(read(message)),
            (Some("QueueStatusComplete"), _) => {
                let listed = mem::take(listed);
                self.listing = None;
                return self.reconcile(&listed);
            }
            (_, Some(false)) => {
                self.listing = None;
                return self.unlisted(message.get("Message").unwrap_or_default());
            }
            _ => {}
        }
        Vec::new()
    }

    /// Asterisk does not list its queues; it may have none.
    fn unlisted(&mut self, why: &str) -> Vec<Deed> {
        self.is_idle = self.wanted.is_empty();
        let wanted = Arc::clone(&self.wanted);
        wanted.iter().filter_map(|member| self.complain(member, why)).collect()
    }

    fn changed(&mut self, member: &QueueMember, message: &Message) -> Vec<Deed> {
        if message.succeeded() == Some(true) {
            self.complaints.remove(member);
            return Vec::new();
        }
        let why = message.get("Message").unwrap_or_default();
        self.complain(member, why).into_iter().collect()
    }

    /// What differs is changed.
    fn reconcile(&mut self, listed: &[Listed]) -> Vec<Deed> {
        let wanted = Arc::clone(&self.wanted);
        self.is_idle = wanted.is_empty() && !listed.iter().any(|one| one.paused.as_ref() == Some(&self.reason));
        let mut deeds = Vec::new();
        for member in wanted.iter().filter(|member| !listed.iter().any(|listed| listed.is(member))) {
            deeds.extend(self.complain(member, "it is no member of this queue"));
        }
        for one in listed {
            match (wanted.iter().find(|member| one.is(member)), &one.paused) {
                (Some(member), None) => deeds.extend(self.pause(one, member)),
                (None, Some(reason)) if *reason == self.reason => deeds.extend(self.unpause(one)),
                _ => {}
            }
        }
        deeds
    }

    fn pause(&mut self, one: &Listed, member: &QueueMember) -> Option<Deed> {
        let id = self.next_id(PAUSE);
        match change(&id, one, "true").and_then(|action| action.with("Reason", &self.reason)) {
            Ok(action) => {
                self.changes.insert(id, member.clone());
                Some(Deed::Send(action))
            }
            Err(why) => self.complain(member, &why.to_string()),
        }
    }

    fn unpause(&mut self, one: &Listed) -> Option<Deed> {
        let id = self.next_id(PAUSE);
        let action = change(&id, one, "false").ok()?;
        self.changes.insert(id, QueueMember { queue: one.queue.clone(), device: one.device.clone() });
        Some(Deed::Send(action))
    }

    fn complain(&mut self, member: &QueueMember, why: &str) -> Option<Deed> {
        let QueueMember { queue, device } = member;
        let is_new = self.complaints.insert(member.clone());
        let what = if self.wanted.contains(member) { "is not paused" } else { "stays paused" };
        is_new.then(|| Deed::Complain(format!("{device} {what} in queue {queue}: {why}")))
    }

    fn next_id(&mut self, kind: &str) -> String {
        self.sent += 1;
        format!("{kind}{}", self.sent)
    }
}

impl Listed {
    /// Asterisk does not mind the case of either.
    fn is(&self, member: &QueueMember) -> bool {
        let is_phone = |name: &String| name.eq_ignore_ascii_case(&member.device);
        self.queue.eq_ignore_ascii_case(&member.queue) && (is_phone(&self.interface) || is_phone(&self.device))
    }
}

fn change(id: &str, one: &Listed, paused: &str) -> Result<Action, FieldError> {
    Action::new("QueuePause")?
        .with("ActionID", id)?
        .with("Queue", &one.queue)?
        .with("Interface", &one.interface)?
        .with("Paused", paused)
}

/// `QueueMember`: the same fields on Asterisk 16 and 22.
fn read(message: &Message) -> Option<Listed> {
    let interface = message.get("Location")?.to_owned();
    let paused = message.get("Paused") == Some("1");
    Some(Listed {
        queue: message.get("Queue")?.to_owned(),
        device: message.get("StateInterface").unwrap_or(&interface).to_owned(),
        interface,
        paused: paused.then(|| message.get("PausedReason").unwrap_or_default().to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(devices: &[&str]) -> Arc<BTreeSet<QueueMember>> {
        let member = |device: &&str| QueueMember { queue: "support".to_owned(), device: (*device).to_owned() };
        Arc::new(devices.iter().map(member).collect())
    }

    fn message(fields: &[(&str, &str)]) -> Message {
        Message::new(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    fn listing(id: &str, members: &[(&str, &str, &str)]) -> Vec<Message> {
        let member = |(interface, paused, reason): &(&str, &str, &str)| {
            let fields = [("Event", "QueueMember"), ("ActionID", id), ("Queue", "support"), ("Location", *interface)];
            message(&[&fields[..], &[("Paused", paused), ("PausedReason", reason)]].concat())
        };
        let begin = message(&[("Response", "Success"), ("ActionID", id)]);
        let end = message(&[("Event", "QueueStatusComplete"), ("ActionID", id)]);
        [vec![begin], members.iter().map(member).collect(), vec![end]].concat()
    }

    fn told(pauses: &mut Pauses, messages: &[Message]) -> Vec<String> {
        let deeds = messages.iter().flat_map(|message| pauses.take(message)).collect::<Vec<_>>();
        let said = |deed| match deed {
            Deed::Send(action) => action.to_string().trim_end().replace("\r\n", ", "),
            Deed::Complain(why) => why,
        };
        deeds.into_iter().map(said).collect()
    }

    #[test]
    fn a_change_names_queue_member_and_reason() {
        let mut pauses = Pauses::new("dialbridge".to_owned(), wanted(&["pjsip/101"]));
        let asked = pauses.ask().unwrap().to_string();
        assert_eq!(asked, "Action: QueueStatus\r\nActionID: queues-1\r\n\r\n");
        assert!(pauses.ask().is_none(), "one listing at a time");
        let told = told(&mut pauses, &listing("queues-1", &[("PJSIP/101", "0", ""), ("PJSIP/109", "1", "dialbridge")]));
        assert_eq!(
            told,
            [
                "Action: QueuePause, ActionID: pause-2, Queue: support, Interface: PJSIP/101, Paused: true, Reason: dialbridge",
                "Action: QueuePause, ActionID: pause-3, Queue: support, Interface: PJSIP/109, Paused: false",
            ]
        );
    }

    #[test]
    fn what_comes_of_an_earlier_listing_is_not_believed() {
        let mut pauses = Pauses::new("dialbridge".to_owned(), wanted(&["PJSIP/101"]));
        pauses.ask().unwrap();
        pauses.look_again();
        pauses.ask().unwrap();
        assert_eq!(told(&mut pauses, &listing("queues-1", &[("PJSIP/101", "0", "")])), [""; 0]);
        assert_eq!(told(&mut pauses, &listing("queues-2", &[("PJSIP/101", "0", "")])).len(), 1);
    }

    #[test]
    fn what_does_not_work_is_complained_about_once_until_it_has_worked() {
        let mut pauses = Pauses::new("dialbridge".to_owned(), wanted(&["PJSIP/101"]));
        let mut look = |members: &[(&str, &str, &str)], answer: &str| {
            pauses.look_again();
            let asked = pauses.ask().unwrap().to_string();
            let id = asked.trim_end().rsplit(' ').next().unwrap();
            let mut said = told(&mut pauses, &listing(id, members));
            let ids: Vec<String> = pauses.changes.keys().cloned().collect();
            for id in ids {
                let response = [("Response", answer), ("ActionID", &id), ("Message", "Permission denied")];
                said.extend(told(&mut pauses, &[message(&response)]));
            }
            said.retain(|line| !line.starts_with("Action"));
            said
        };
        let refused = ["PJSIP/101 is not paused in queue support: Permission denied"];
        assert_eq!(look(&[("PJSIP/101", "0", "")], "Error"), refused);
        assert_eq!(look(&[("PJSIP/101", "0", "")], "Error"), [""; 0]);
        assert_eq!(look(&[("PJSIP/101", "0", "")], "Success"), [""; 0]);
        assert_eq!(look(&[], "Error"), ["PJSIP/101 is not paused in queue support: it is no member of this queue"]);
        assert_eq!(look(&[], "Error"), [""; 0]);
    }

    #[test]
    fn an_asterisk_without_queues_is_complained_about_where_somebody_is_wanted_and_else_left_alone() {
        let refusal = |id| message(&[("Response", "Error"), ("ActionID", id), ("Message", "Invalid/unknown command")]);
        let mut pauses = Pauses::new("dialbridge".to_owned(), wanted(&[]));
        pauses.ask().unwrap();
        assert_eq!(told(&mut pauses, &[refusal("queues-1")]), [""; 0]);
        pauses.look_again();
        assert!(pauses.ask().is_none());
        pauses.want(wanted(&["PJSIP/101"]));
        pauses.ask().unwrap();
        let why = ["PJSIP/101 is not paused in queue support: Invalid/unknown command"];
        assert_eq!(told(&mut pauses, &[refusal("queues-2")]), why);
    }
}
