//! The call as the outside sees it: one record, the same in the API's answers and in the call record sent to
//! a CRM.
//!
//! Made from the order and the journal alone, so it can be made at any moment, during the call and a year
//! after. What is not known yet is null.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::call::{
    AgentRef, CallId, CallRequest, EndBy, EndReason, Journal, Leg, LegStatus, Phase, Recording, Status, WrapUp,
};
use crate::dial::number::Party;
use crate::timestamp::Timestamp;

/// A call, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct CallRecord {
    /// Its id.
    pub id: CallId,
    /// The word that integrators know.
    pub status: Status,
    /// Where it stands: `calling_agent`, `calling_target`, `talking`, `clearing`, `wrapping_up`, `ended`.
    pub phase: &'static str,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// Who ended it.
    pub end_by: Option<EndBy>,
    /// Name of the credential that asked for it.
    pub credential: String,
    /// Which door it came through.
    pub door: String,
    /// On whose behalf.
    pub agent: Option<AgentRef>,
    /// The first leg's party: an extension, or E.164 with its plus.
    pub phone: String,
    /// The second leg's party, likewise.
    pub target: String,
    /// The company's number, digits.
    pub caller_id: String,
    /// The queue that it was placed for.
    pub queue_id: Option<u32>,
    /// Both legs, in the order of dialling.
    pub legs: [LegView; 2],
    /// When things happened: RFC 3339, UTC.
    pub timestamps: Timestamps,
    /// How long things took.
    pub durations: Durations,
    /// What the agent noted after the talk.
    pub wrap_up: Option<WrapUp>,
    /// Where the recording is, once both talk.
    pub recording_url: Option<String>,
    /// Where everything that happened to it is told.
    pub diagnostics_url: String,
    /// The client's own `var_*`, names without the prefix.
    pub vars: BTreeMap<String, String>,
    /// `extTransactionData`: by name; of two pairs with one name the first.
    pub ext_transaction_data: BTreeMap<String, String>,
    /// What was accepted and ignored.
    pub warnings: Vec<String>,
}

/// One leg, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct LegView {
    /// Which.
    pub leg: Leg,
    /// Whom it reaches: an extension, or E.164 with its plus.
    pub party: String,
    /// What it is doing.
    pub status: LegStatus,
    /// Q.850 cause of its end.
    pub cause: Option<u16>,
    /// SIP status behind that, where Asterisk says it.
    pub sip_code: Option<u16>,
}

/// When things happened, if they did. RFC 3339, UTC, milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Timestamps {
    /// The door took it.
    pub accepted: String,
    /// The agent's phone rang.
    pub agent_ringing: Option<String>,
    /// The agent answered.
    pub agent_answered: Option<String>,
    /// The target's phone rang.
    pub target_ringing: Option<String>,
    /// The target answered: both talk.
    pub connected: Option<String>,
    /// The talking, or the trying, stopped.
    pub ended: Option<String>,
    /// The last line was free.
    pub cleared: Option<String>,
}

/// Whole seconds; null while they still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Durations {
    /// From the first ring until both talk, or until the end.
    pub ringing: Option<u64>,
    /// While both talked; the same as `$callDuration$`.
    pub talk: Option<u64>,
    /// From the click to the end.
    pub total: Option<u64>,
}

impl CallRecord {
    /// The record of a call as it stands.
    pub fn new(request: &CallRequest, journal: &Journal) -> Self {
        let verdict = journal.verdict();
        Self {
            id: request.id,
            status: journal.status(),
            phase: phase(&journal.phase),
            end_reason: verdict.map(|verdict| verdict.reason),
            end_by: verdict.map(|verdict| verdict.by),
            credential: request.credential.clone(),
            door: request.door.clone(),
            agent: request.agent.clone(),
            phone: number(&request.a.party).to_owned(),
            target: number(&request.b.party).to_owned(),
            caller_id: request.report.caller_id.clone(),
            queue_id: request.queue.as_ref().map(|queue| queue.id),
            legs: Leg::BOTH.map(|leg| LegView::new(request, journal, leg)),
            timestamps: Timestamps::new(request, journal),
            durations: Durations::new(request, journal),
            wrap_up: journal.wrap_up.clone(),
            recording_url: recording_url(request, journal),
            diagnostics_url: url(request, "events"),
            vars: request.vars.clone(),
            ext_transaction_data: ext_transaction_data(request),
            warnings: request.warnings.clone(),
        }
    }
}

impl LegView {
    fn new(request: &CallRequest, journal: &Journal, leg: Leg) -> Self {
        let record = match leg {
            Leg::A => journal.a,
            Leg::B => journal.b,
        };
        Self {
            leg,
            party: number(&request.leg(leg).party).to_owned(),
            status: record.status,
            cause: record.cause.map(|cause| cause.q850),
            sip_code: record.cause.and_then(|cause| cause.sip),
        }
    }
}

impl Timestamps {
    fn new(request: &CallRequest, journal: &Journal) -> Self {
        let (times, written) = (journal.times, |at: Option<Timestamp>| at.map(|at| at.to_string()));
        Self {
            accepted: request.accepted_at.to_string(),
            agent_ringing: written(times.a_ringing),
            agent_answered: written(times.a_answered),
            target_ringing: written(times.b_ringing),
            connected: written(times.connected),
            ended: written(journal.verdict().map(|verdict| verdict.at)),
            cleared: written(times.ended),
        }
    }
}

impl Durations {
    fn new(request: &CallRequest, journal: &Journal) -> Self {
        let end = journal.verdict().map(|verdict| verdict.at);
        let rang_until = journal.times.connected.or(end);
        let first_ring = journal.times.a_ringing.or(journal.times.b_ringing);
        Self {
            ringing: rang_until.map(|until| first_ring.map_or(0, |ring| until.since(ring).as_secs())),
            talk: talk_seconds(journal),
            total: end.map(|end| end.since(request.accepted_at).as_secs()),
        }
    }
}

/// When the talking stopped; none while it goes on, and none when both never talked.
pub(super) fn hangup(journal: &Journal) -> Option<Timestamp> {
    Some(journal.verdict()?.at.max(journal.times.connected?))
}

/// How long both talked: the difference of the two moments in whole seconds, so that a client who adds it to
/// the answer's second gets the hang-up's. Zero when both never talked; none before the end.
pub(super) fn talk_seconds(journal: &Journal) -> Option<u64> {
    journal.verdict()?;
    let (Some(from), Some(until)) = (journal.times.connected, hangup(journal)) else { return Some(0) };
    u64::try_from(until.as_seconds() - from.as_seconds()).ok()
}

/// Where a call's recording is to be had: once both talk, and while there is or will be a file.
pub fn recording_url(request: &CallRequest, journal: &Journal) -> Option<String> {
    journal.times.connected?;
    match journal.recording {
        Recording::Running | Recording::Kept | Recording::Unknown => Some(url(request, "recording")),
        Recording::None | Recording::Failed => None,
    }
}

fn url(request: &CallRequest, what: &str) -> String {
    format!("{}/v1/calls/{}/{what}", request.report.public_url, request.id)
}

/// A party as people dial it: an extension, or E.164 with its plus.
pub fn number(party: &Party) -> &str {
    match party {
        Party::Extension(number) | Party::Outside(number) => number,
    }
}

fn ext_transaction_data(request: &CallRequest) -> BTreeMap<String, String> {
    let pairs = request.report.ext_transaction_data.iter().flat_map(|data| &data.pairs);
    pairs.rev().map(|(name, value)| (name.clone(), value.clone())).collect()
}

const fn phase(phase: &Phase) -> &'static str {
    match phase {
        Phase::CallingAgent { .. } => "calling_agent",
        Phase::CallingTarget { .. } => "calling_target",
        Phase::Talking { .. } => "talking",
        Phase::Clearing { .. } => "clearing",
        Phase::WrappingUp { .. } => "wrapping_up",
        Phase::Ended { .. } => "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::wrapup_tests;
    use crate::report::fixture::{connected, missed, order};

    #[test]
    fn a_record_names_its_fields_as_the_api_does() {
        let mut request = order();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        request.report.ext_transaction_data = Some(crate::report::userdata::UserData {
            pairs: vec![pair("extRecordId", "7"), pair("extRecordType", "Lead"), pair("extRecordId", "8")],
        });
        let queue = wrapup_tests::queue();
        let mut journal = connected(1_700_000_000_000, 1_700_000_005_250);
        journal.wrap_up = queue.read(&[("Outcome", "sold")], "two pieces").ok();
        request.queue = Some(queue);
        let record = CallRecord::new(&request, &journal);
        insta::assert_snapshot!(serde_json::to_string_pretty(&record).unwrap(), @r#"
        {
          "id": "0190aa00000070008000000000000001",
          "status": "completed",
          "phase": "ended",
          "end_reason": "normal",
          "end_by": "target",
          "credential": "demo-code",
          "door": "voicenter",
          "agent": {
            "extension": "101",
            "email": "alice@demo.example",
            "name": "Alice"
          },
          "phone": "101",
          "target": "+12125550101",
          "caller_id": "12125550100",
          "queue_id": 7,
          "legs": [
            {
              "leg": "a",
              "party": "101",
              "status": "gone",
              "cause": 16,
              "sip_code": null
            },
            {
              "leg": "b",
              "party": "+12125550101",
              "status": "gone",
              "cause": 16,
              "sip_code": null
            }
          ],
          "timestamps": {
            "accepted": "2023-11-14T22:13:10.000Z",
            "agent_ringing": "2023-11-14T22:13:15.000Z",
            "agent_answered": "2023-11-14T22:13:17.000Z",
            "target_ringing": "2023-11-14T22:13:18.000Z",
            "connected": "2023-11-14T22:13:20.000Z",
            "ended": "2023-11-14T22:13:25.250Z",
            "cleared": "2023-11-14T22:13:25.250Z"
          },
          "durations": {
            "ringing": 5,
            "talk": 5,
            "total": 15
          },
          "wrap_up": {
            "codes": [
              {
                "list": "Outcome",
                "short": "sold",
                "description": "Sold"
              }
            ],
            "notes": "two pieces"
          },
          "recording_url": "https://calls.example/v1/calls/0190aa00000070008000000000000001/recording",
          "diagnostics_url": "https://calls.example/v1/calls/0190aa00000070008000000000000001/events",
          "vars": {
            "lead": "7 & \"8\""
          },
          "ext_transaction_data": {
            "extRecordId": "7",
            "extRecordType": "Lead"
          },
          "warnings": []
        }
        "#);
    }

    #[test]
    fn durations_are_null_while_they_run() {
        let (request, mut journal) = (order(), connected(1_700_000_000_000, 1_700_000_005_250));
        journal.phase = Phase::Talking { since: Timestamp::from_millis(1_700_000_000_000) };
        let durations = CallRecord::new(&request, &journal).durations;
        assert_eq!(durations, Durations { ringing: Some(5), talk: None, total: None });
    }

    #[test]
    fn a_missed_call_has_no_talk_and_no_recording() {
        let record = CallRecord::new(&order(), &missed(1_700_000_000_000));
        assert_eq!(record.durations, Durations { ringing: Some(0), talk: Some(0), total: Some(10) });
        assert_eq!(record.recording_url, None);
        assert_eq!((record.legs[1].cause, record.legs[1].sip_code), (Some(17), Some(486)));
    }

    #[test]
    fn a_recording_has_a_url_once_both_talk_and_while_it_may_exist() {
        let (request, mut journal) = (order(), connected(0, 1));
        for (recording, there) in [
            (Recording::Kept, true),
            (Recording::Running, true),
            (Recording::Unknown, true),
            (Recording::Failed, false),
            (Recording::None, false),
        ] {
            journal.recording = recording;
            assert_eq!(recording_url(&request, &journal).is_some(), there, "{recording:?}");
        }
        journal = Journal { recording: Recording::Running, ..missed(0) };
        assert_eq!(recording_url(&request, &journal), None);
    }
}
