//! What the answers to an order mean for its call.
//!
//! Pure. The rule that everything here serves: a channel is created at most once, so a refusal that
//! proves nothing (409: another one on that connection may have been meant; no answer in time) is
//! never answered by a second try, only by a look.

use crate::asterisk::ari::request::{Answer, NoAnswer};
use crate::call::{Command, DialEnd, Gone, Leg, LineEvent, RecordingEvent};

/// What follows from the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: events will tell.
    Silence,
    /// The line has this to hear.
    Tell(Leg, LineEvent),
    /// The recording has this to hear.
    Recording(RecordingEvent),
    /// Look whether the leg's channel is there: when it is, tell the line this (or nothing).
    Look(Leg, Option<LineEvent>),
    /// Ask again: it may be repeated.
    Again,
}

/// Judges the answers to the requests of one command, in order.
pub fn judge(command: Command, answers: &[Result<Answer, NoAnswer>]) -> Verdict {
    let statuses: Vec<_> = answers.iter().map(|answer| answer.as_ref().map(|answer| answer.status)).collect();
    let last = statuses.last().copied().unwrap_or(Err(&NoAnswer::NotSent));
    match command {
        Command::CreateBridge => Verdict::Silence,
        Command::Create(leg) => created(leg, last),
        Command::JoinAndDial(leg) => statuses.iter().map(|status| dialled(leg, *status)).fold(Verdict::Silence, worse),
        Command::Record => match last {
            Ok(200..300) | Err(NoAnswer::OutcomeUnknown) => Verdict::Silence,
            _ => Verdict::Recording(RecordingEvent::Failed),
        },
        Command::Hangup(leg) => match last {
            Ok(404) => Verdict::Look(leg, None),
            Ok(_) => Verdict::Silence,
            Err(_) => Verdict::Again,
        },
        Command::DestroyBridge => match last {
            Ok(_) => Verdict::Silence,
            Err(_) => Verdict::Again,
        },
    }
}

/// What a command that cannot even be tried means for its call.
pub fn not_sent(command: Command) -> Verdict {
    match judge(command, &[Err(NoAnswer::NotSent)]) {
        Verdict::Again => Verdict::Silence,
        verdict => verdict,
    }
}

fn created(leg: Leg, status: Result<u16, &NoAnswer>) -> Verdict {
    match status {
        Ok(200..300) => Verdict::Silence,
        Ok(409) | Err(NoAnswer::OutcomeUnknown) => Verdict::Look(leg, Some(LineEvent::Entered)),
        Ok(status) => Verdict::Tell(leg, LineEvent::Gone(Gone::Refused(status))),
        Err(NoAnswer::NotSent) => Verdict::Tell(leg, LineEvent::Gone(Gone::NotSent)),
    }
}

/// A channel that has just gone answers 400 to addChannel and 404 to dial; then its end is told by
/// its `ChannelDestroyed`, or found by the look.
fn dialled(leg: Leg, status: Result<u16, &NoAnswer>) -> Verdict {
    let failed = LineEvent::DialEnded(DialEnd::Congestion);
    match status {
        Ok(200..300) => Verdict::Silence,
        Ok(_) => Verdict::Look(leg, Some(failed)),
        Err(NoAnswer::OutcomeUnknown) => Verdict::Look(leg, None),
        Err(NoAnswer::NotSent) => Verdict::Tell(leg, LineEvent::DialEnded(DialEnd::NotDialled)),
    }
}

fn worse(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Silence | Verdict::Look(_, None), other) if other != Verdict::Silence => other,
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(statuses: &[u16]) -> Vec<Result<Answer, NoAnswer>> {
        statuses.iter().map(|status| Ok(Answer { status: *status, body: Vec::new() })).collect()
    }

    #[test]
    fn a_create_that_was_refused_for_good_never_was() {
        for status in [400, 500, 503] {
            let gone = Verdict::Tell(Leg::B, LineEvent::Gone(Gone::Refused(status)));
            assert_eq!(judge(Command::Create(Leg::B), &answered(&[status])), gone);
        }
    }

    #[test]
    fn a_create_in_doubt_is_looked_up_and_never_sent_again() {
        let look = Verdict::Look(Leg::A, Some(LineEvent::Entered));
        assert_eq!(judge(Command::Create(Leg::A), &answered(&[409])), look);
        assert_eq!(judge(Command::Create(Leg::A), &[Err(NoAnswer::OutcomeUnknown)]), look);
    }

    #[test]
    fn only_what_ends_something_is_asked_again() {
        let lost = [Err(NoAnswer::OutcomeUnknown), Err(NoAnswer::OutcomeUnknown)];
        for command in [Command::CreateBridge, Command::Create(Leg::A), Command::JoinAndDial(Leg::A), Command::Record] {
            assert_ne!(judge(command, &lost), Verdict::Again, "{command:?}");
        }
        assert_eq!(judge(Command::Hangup(Leg::A), &lost), Verdict::Again);
        assert_eq!(judge(Command::DestroyBridge, &lost), Verdict::Again);
    }

    #[test]
    fn a_leg_that_could_not_be_joined_has_ended_its_dial() {
        let failed = Verdict::Look(Leg::A, Some(LineEvent::DialEnded(DialEnd::Congestion)));
        for answers in [[422, 204], [204, 409], [404, 404]] {
            assert_eq!(judge(Command::JoinAndDial(Leg::A), &answered(&answers)), failed);
        }
        assert_eq!(judge(Command::JoinAndDial(Leg::A), &answered(&[204, 204])), Verdict::Silence);
    }

    #[test]
    fn without_a_link_each_start_is_told_to_have_failed_and_ends_are_left_to_be_repeated() {
        assert_eq!(not_sent(Command::Create(Leg::A)), Verdict::Tell(Leg::A, LineEvent::Gone(Gone::NotSent)));
        let never = LineEvent::DialEnded(DialEnd::NotDialled);
        assert_eq!(not_sent(Command::JoinAndDial(Leg::B)), Verdict::Tell(Leg::B, never));
        assert_eq!(not_sent(Command::Record), Verdict::Recording(RecordingEvent::Failed));
        assert_eq!(not_sent(Command::Hangup(Leg::A)), Verdict::Silence);
        assert_eq!(not_sent(Command::DestroyBridge), Verdict::Silence);
    }
}
