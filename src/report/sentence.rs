//! The ledger in plain English: one sentence for each thing that happened, and one for the end.
//!
//! For the people who read a call's timeline; programs have the fields. Numbers stand in full, because whoever
//! may read the timeline may read the call.

use crate::call::{
    CallRequest, Cause, DialEnd, EndReason, Event, Gone, Journal, Leg, LineEvent, RecordingEvent, Verdict, WrapUp,
};
use crate::report::record::number;

/// What happened, as in "The agent's phone (101) rings."
pub fn sentence(event: &Event, request: &CallRequest) -> String {
    match event {
        Event::Accepted => {
            format!("The call from {} to {} was accepted.", number(&request.a.party), number(&request.b.party))
        }
        Event::Line(Leg::B, LineEvent::Answered) => format!("{} answered: both are joined.", who(Leg::B, request)),
        Event::Line(leg, event) => line(&who(*leg, request), event),
        Event::Recording(RecordingEvent::Finished) => "The recording is complete.".to_owned(),
        Event::Recording(RecordingEvent::Failed) => "The recording failed.".to_owned(),
        Event::Terminate => "A request asked to end the call.".to_owned(),
        Event::WrapUp(wrap_up) => format!("The call was wrapped up{}.", chosen(wrap_up)),
        Event::Deadline => "A time limit was reached.".to_owned(),
    }
}

/// A short name for programs: `accepted`, `a_ringing`, `b_answered`, `deadline`.
pub fn name(event: &Event) -> String {
    match event {
        Event::Accepted => "accepted".to_owned(),
        Event::Line(leg, event) => format!("{}_{}", if *leg == Leg::A { "a" } else { "b" }, line_name(event)),
        Event::Recording(RecordingEvent::Finished) => "recording_finished".to_owned(),
        Event::Recording(RecordingEvent::Failed) => "recording_failed".to_owned(),
        Event::Terminate => "terminate".to_owned(),
        Event::WrapUp(_) => "wrap_up".to_owned(),
        Event::Deadline => "deadline".to_owned(),
    }
}

const fn line_name(event: &LineEvent) -> &'static str {
    match event {
        LineEvent::Entered => "dialling",
        LineEvent::Ringing => "ringing",
        LineEvent::EarlyMedia => "early_media",
        LineEvent::Answered => "answered",
        LineEvent::DialEnded(_) => "dial_ended",
        LineEvent::Forwarded => "forwarded",
        LineEvent::HangupRequested(_) => "hanging_up",
        LineEvent::Gone(_) => "gone",
        LineEvent::Transferred => "transferred",
    }
}

/// How it ended, as in "The target was busy (486)."; none before the end.
pub fn ending(request: &CallRequest, journal: &Journal) -> Option<String> {
    let verdict = journal.verdict()?;
    let words = verdict_words(verdict);
    let code = match culprit(verdict.reason) {
        Some(Leg::A) => code(journal.a.cause),
        Some(Leg::B) => code(journal.b.cause),
        None => String::new(),
    };
    let agent = if request.agent.is_some() { "agent" } else { "first party" };
    Some(format!("{}{code}.", words.replace("{agent}", agent)))
}

/// "The agent's phone (101)", "The target (+12125550101)".
fn who(leg: Leg, request: &CallRequest) -> String {
    let number = number(&request.leg(leg).party);
    match leg {
        Leg::A if request.agent.is_some() => format!("The agent's phone ({number})"),
        Leg::A => format!("The first party ({number})"),
        Leg::B => format!("The target ({number})"),
    }
}

fn line(who: &str, event: &LineEvent) -> String {
    match event {
        LineEvent::Entered => format!("{who} has a line and is being dialled."),
        LineEvent::Ringing => format!("{who} rings."),
        LineEvent::EarlyMedia => format!("{who} can be heard before the answer."),
        LineEvent::Answered => format!("{who} answered."),
        LineEvent::DialEnded(end) => format!("{who} {}.", dial_end(*end)),
        LineEvent::Forwarded => format!("{who} asks to be called elsewhere, which is not followed."),
        LineEvent::HangupRequested(cause) => format!("{who} is being hung up{}.", code(Some(*cause))),
        LineEvent::Gone(gone) => format!("{who} {}.", gone_words(*gone)),
        LineEvent::Transferred => format!("{who} was moved to another conversation at the PBX."),
    }
}

const fn dial_end(end: DialEnd) -> &'static str {
    match end {
        DialEnd::Busy => "is busy",
        DialEnd::Congestion => "was not reached: the network has no room",
        DialEnd::Unavailable => "cannot be reached",
        DialEnd::NoAnswer => "did not answer",
        DialEnd::Cancelled => "is not dialled any more",
        DialEnd::NotDialled => "was not dialled: Asterisk could not be asked",
    }
}

fn gone_words(gone: Gone) -> String {
    match gone {
        Gone::Destroyed(cause) => format!("has no line any more{}", code(Some(cause))),
        Gone::Refused(status) => format!("got no line: Asterisk refused it (HTTP {status})"),
        Gone::NotSent => "got no line: Asterisk could not be asked".to_owned(),
        Gone::PbxRestarted => "lost the line when Asterisk restarted".to_owned(),
        Gone::Missing => "has no line any more, and nobody saw it go".to_owned(),
    }
}

/// The meanings of the codes, behind a colon; notes are the agent's own and stand in the call's record.
fn chosen(wrap_up: &WrapUp) -> String {
    let meanings: Vec<_> = wrap_up.codes.iter().map(|code| code.description.as_str()).collect();
    if meanings.is_empty() { " without a code".to_owned() } else { format!(": {}", meanings.join(", ")) }
}

/// The SIP status, else the Q.850 cause, in brackets behind a space; nothing where neither is known.
fn code(cause: Option<Cause>) -> String {
    match cause {
        Some(Cause { sip: Some(sip), .. }) => format!(" ({sip})"),
        Some(Cause { q850: 0, sip: None }) | None => String::new(),
        Some(Cause { q850, sip: None }) => format!(" (cause {q850})"),
    }
}

/// Whose cause explains a reason.
const fn culprit(reason: EndReason) -> Option<Leg> {
    match reason {
        EndReason::AgentBusy | EndReason::AgentDeclined | EndReason::AgentUnreachable => Some(Leg::A),
        EndReason::TargetBusy
        | EndReason::TargetDeclined
        | EndReason::TargetInvalid
        | EndReason::TargetRejected
        | EndReason::TargetUnreachable
        | EndReason::Congestion
        | EndReason::Codec => Some(Leg::B),
        EndReason::Normal
        | EndReason::MaxDuration
        | EndReason::Terminated
        | EndReason::Transferred
        | EndReason::AgentHungUp
        | EndReason::AgentNoAnswer
        | EndReason::AgentForwarded
        | EndReason::TargetNoAnswer
        | EndReason::PbxRestart
        | EndReason::PbxLost
        | EndReason::Lost
        | EndReason::Internal => None,
    }
}

fn verdict_words(verdict: Verdict) -> &'static str {
    use crate::call::EndBy;
    match (verdict.reason, verdict.by) {
        (EndReason::Normal, EndBy::Agent) => "Both talked, and the {agent} hung up",
        (EndReason::Normal, EndBy::Target) => "Both talked, and the target hung up",
        (EndReason::Normal, _) => "Both talked, and the call ended",
        (EndReason::MaxDuration, _) => "Both talked for as long as a call may last",
        (EndReason::Terminated, _) => "A request ended the call",
        (EndReason::Transferred, _) => "Both talked, and a party was moved to another conversation at the PBX",
        (EndReason::AgentHungUp, _) => "The {agent} hung up before the target answered",
        (EndReason::AgentBusy, _) => "The {agent} was busy",
        (EndReason::AgentDeclined, _) => "The {agent} declined the call",
        (EndReason::AgentNoAnswer, _) => "The {agent} did not answer in time",
        (EndReason::AgentUnreachable, _) => "The {agent}'s phone could not be reached",
        (EndReason::AgentForwarded, _) => "The {agent}'s phone asked to be called elsewhere, which is not followed",
        (EndReason::TargetBusy, _) => "The target was busy",
        (EndReason::TargetDeclined, _) => "The target declined the call",
        (EndReason::TargetNoAnswer, _) => "The target did not answer in time",
        (EndReason::TargetInvalid, _) => "The target's number does not exist",
        (EndReason::TargetRejected, _) => "The network does not allow this call",
        (EndReason::TargetUnreachable, _) => "The target could not be reached",
        (EndReason::Congestion, _) => "The network had no room for the call",
        (EndReason::Codec, _) => "The phones have no way of coding speech in common",
        (EndReason::PbxRestart, _) => "Asterisk restarted during the call",
        (EndReason::PbxLost, _) => "Asterisk did not do what it was asked to, and did not answer",
        (EndReason::Lost, _) => "The lines went while nobody watched",
        (EndReason::Internal, _) => "Something went wrong in dialbridge itself",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{connected, missed, order};

    fn said(leg: Leg, event: LineEvent) -> String {
        sentence(&Event::Line(leg, event), &order())
    }

    #[test]
    fn a_timeline_reads_as_plain_english() {
        assert_eq!(sentence(&Event::Accepted, &order()), "The call from 101 to +12125550101 was accepted.");
        assert_eq!(said(Leg::A, LineEvent::Ringing), "The agent's phone (101) rings.");
        assert_eq!(said(Leg::B, LineEvent::Answered), "The target (+12125550101) answered: both are joined.");
        assert_eq!(
            said(Leg::B, LineEvent::Gone(Gone::Destroyed(Cause { q850: 17, sip: Some(486) }))),
            "The target (+12125550101) has no line any more (486)."
        );
        assert_eq!(
            said(Leg::A, LineEvent::HangupRequested(Cause { q850: 16, sip: None })),
            "The agent's phone (101) is being hung up (cause 16)."
        );
    }

    #[test]
    fn a_wrap_up_is_told_with_the_meaning_of_its_codes_and_without_its_notes() {
        let wrapped_up = |codes: &[(&str, &str)]| {
            let wrap_up = crate::call::wrapup_tests::queue().read(codes, "ring again").unwrap();
            sentence(&Event::WrapUp(wrap_up), &order())
        };
        assert_eq!(wrapped_up(&[("Mood", "ok"), ("Outcome", "cb")]), "The call was wrapped up: Fine, Call back.");
        assert_eq!(wrapped_up(&[]), "The call was wrapped up without a code.");
    }

    #[test]
    fn the_end_is_told_with_its_code() {
        assert_eq!(ending(&order(), &missed(0)).as_deref(), Some("The target was busy (486)."));
        assert_eq!(ending(&order(), &connected(0, 1)).as_deref(), Some("Both talked, and the target hung up."));
    }

    #[test]
    fn a_first_leg_without_an_agent_is_not_called_one() {
        let mut request = order();
        request.agent = None;
        let mut journal = missed(0);
        if let crate::call::Phase::Ended { verdict } = &mut journal.phase {
            verdict.reason = EndReason::AgentUnreachable;
        }
        assert_eq!(ending(&request, &journal).as_deref(), Some("The first party's phone could not be reached (486)."));
        assert_eq!(sentence(&Event::Line(Leg::A, LineEvent::Ringing), &request), "The first party (101) rings.");
    }
}
