//! Admission: from a click to a complete call request, or a refusal with its reason.
//!
//! [`admit`] is a pure function of the click, the tenant's directory and the phones' states. It
//! judges in a fixed order (token, both ends, what may be dialled, what may be shown, how, phones'
//! states), stops at the first reason to refuse, and leaves nothing to be decided later: what comes
//! out needs no directory any more.

mod cap;
mod destination;
mod end;
mod given;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::call::{AgentRef, CallId, CallRequest, Idempotency, Leg, LegPlan, QueuePlan, ReportPlan, TransactionCode};
use crate::device::{DeviceState, Devices};
use crate::directory::{Agent, Credential, Scope, Tenant};
use crate::report::event::EventPlan;
use crate::report::render;
use crate::report::userdata::UserData;
use crate::timestamp::Timestamp;

use end::{End, Origin, Reach};
use given::Given;
use shown::Shown;

pub use cap::{Cap, Exceeded, Hours, Limit, subjects};
pub use end::{party, resolve_phone};

/// What a door understood of a click; numbers still as they were typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the door, as it was given")]
pub struct Click {
    /// Name of the door.
    pub door: &'static str,
    /// Who or what the first leg is.
    pub phone: Phone,
    /// The second leg, as typed.
    pub target: String,
    /// What A shows, as typed.
    pub phone_caller_id: Option<String>,
    /// Name that A shows.
    pub phone_caller_name: Option<String>,
    /// What B shows, as typed.
    pub target_caller_id: Option<String>,
    /// Name that B shows.
    pub target_caller_name: Option<String>,
    /// Seconds; default 60.
    pub phone_max_dial_time: Option<i64>,
    /// Seconds; default 60.
    pub target_max_dial_time: Option<i64>,
    /// Seconds; default 7200.
    pub max_duration: Option<i64>,
    /// Record it.
    pub record: bool,
    /// Ask A's phone to answer by itself.
    pub phone_auto_answer: bool,
    /// Ask B's phone to answer by itself.
    pub target_auto_answer: bool,
    /// Refuse when A's extension is offline.
    pub check_phone_device_state: bool,
    /// Refuse when B's extension is offline.
    pub check_target_device_state: bool,
    /// Language of prompts.
    pub language: Option<String>,
    /// `var_*`, names without the prefix.
    pub vars: BTreeMap<String, String>,
    /// Allow a restricted number on A.
    pub ignore_do_not_call_phone: bool,
    /// Allow a restricted number on B.
    pub ignore_do_not_call_target: bool,
    /// `ctl_userdata`.
    pub userdata: Option<UserData>,
    /// `extTransactionData`.
    pub ext_transaction_data: Option<UserData>,
    /// Dial plan asked for.
    pub dial_plan: Option<u32>,
    /// Queue asked for.
    pub queue: Option<u32>,
    /// Which events are to be sent where, as asked for; the URL not yet checked.
    pub events: Option<EventPlan>,
    /// The client's own mark.
    pub idempotency: Option<Idempotency>,
    /// What was accepted and ignored so far.
    pub warnings: Vec<String>,
}

/// Who or what the first leg is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phone {
    /// An extension or a number, as typed.
    Number(String),
    /// The tenant's extension behind a SIP trunk.
    SipTrunk,
    /// The extension at which the agent with this login code is logged in now.
    LoginCode(String),
    /// The phone of the agent with this extension: where they are logged in now, else their own.
    Agent(String),
}

impl Default for Phone {
    fn default() -> Self {
        Self::Number(String::new())
    }
}

/// Why a click is refused. A door says it in its own dialect; nothing rings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field is missing or malformed; the sentence is for the client.
    #[error("{message}")]
    Invalid {
        /// The field, as the door names it.
        field: &'static str,
        /// A short sentence, as in "Phone is missing".
        message: String,
    },
    /// A rule of the tenant forbids it.
    #[error("{0}")]
    Forbidden(String),
    /// No such extension, login code or dial plan for this tenant.
    #[error("{0}")]
    Unknown(String),
    /// The extension is offline, or the agent has no phone now.
    #[error("{0}")]
    Offline(String),
    /// The extension is blocked for click-to-call.
    #[error("{0}")]
    Blocked(String),
}

/// What surrounds a click when it is judged.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The id that the call will have.
    pub id: CallId,
    /// Now.
    pub now: Timestamp,
    /// The tenant that the credential belongs to.
    pub tenant: &'a Tenant,
    /// The credential.
    pub credential: &'a Credential,
    /// States of all phones.
    pub devices: &'a Devices,
    /// `http.public_url`.
    pub public_url: &'a str,
    /// Whether a `ctl_callbackUrl` may be used: where its tokens stand, and where it leads. The error
    /// is a short sentence for the client.
    pub callback_check: &'a dyn Fn(&str) -> Result<(), String>,
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).field("tenant", &self.tenant.id).finish_non_exhaustive()
    }
}

/// A click that may be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The order, complete.
    pub request: CallRequest,
    /// Within this time the same click again gives the same call.
    pub duplicate_window: Duration,
    /// What it counts against, and how much of it there may be.
    pub caps: Vec<Cap>,
    /// What the audit must know: overrides used.
    pub audit: Vec<String>,
}

/// What is said beside the answer.
#[derive(Debug, Default)]
struct Notes {
    warnings: Vec<String>,
    audit: Vec<String>,
}

/// Judges a click. Nothing rings; the same click under the same circumstances is judged the same.
pub fn admit(click: &Click, ctx: &Context<'_>) -> Result<Admission, Refusal> {
    if !ctx.credential.allows(Scope::Dial) {
        return Err(Refusal::Forbidden("This token may not place calls".to_owned()));
    }
    let mut notes = Notes { warnings: click.warnings.clone(), audit: Vec::new() };
    let origin = Origin::of(&click.phone, ctx)?;
    let target = End::target(click, ctx.tenant)?;
    let given = given::read(click, ctx, &mut notes)?;
    judge_ends(click, ctx, (&origin, &target), &mut notes)?;
    let shown = Shown::choose(click, ctx.tenant, &origin, &target)?;
    let a = leg_plan((Leg::A, &origin.end), click, (given.phone_dial, &shown), &mut notes);
    let b = leg_plan((Leg::B, &target), click, (given.target_dial, &shown), &mut notes);
    check_device(click.check_phone_device_state, &origin.end, ctx.devices, &mut notes)?;
    check_device(click.check_target_device_state, &target, ctx.devices, &mut notes)?;
    let request = CallRequest {
        id: ctx.id,
        tenant: ctx.tenant.id.clone(),
        credential: ctx.credential.name.clone(),
        door: click.door.to_owned(),
        accepted_at: ctx.now,
        agent: origin.agent.map(AgentRef::from),
        a,
        b,
        max_duration: given.max_duration,
        record: click.record,
        queue: queue_plan(click.queue, ctx.tenant)?,
        idempotency: click.idempotency.clone(),
        abroad: [&origin.end, &target].into_iter().any(|end| end.is_abroad(ctx.tenant)),
        vars: click.vars.clone(),
        report: report_plan(click, ctx, (&given, shown.company)),
        language: Some(given.language),
        warnings: notes.warnings,
    };
    fits(&request)?;
    Ok(Admission {
        caps: cap::caps(&request, ctx),
        request,
        duplicate_window: Duration::from_secs(u64::from(ctx.tenant.duplicate_window)),
        audit: notes.audit,
    })
}

fn queue_plan(asked: Option<u32>, tenant: &Tenant) -> Result<Option<QueuePlan>, Refusal> {
    let Some(id) = asked else { return Ok(None) };
    let queue = tenant.queue(id).ok_or_else(|| Refusal::Unknown(format!("Queue {id} is unknown")))?;
    let codes = queue.code_lists.iter().flat_map(|list| {
        list.codes.iter().map(|code| TransactionCode {
            list: list.name.clone(),
            short: code.short.clone(),
            description: code.description.clone(),
        })
    });
    let wrap_up = Duration::from_secs(u64::from(queue.wrap_up_time));
    Ok(Some(QueuePlan { id, queue: queue.queue.clone(), codes: codes.collect(), wrap_up }))
}

/// What could not be told at the end is not begun.
fn fits(request: &CallRequest) -> Result<(), Refusal> {
    if render::worst_case_size(request) <= render::MAX_BODY {
        return Ok(());
    }
    let message = format!("Ctl_userdata may become longer than {} bytes once it is filled in", render::MAX_BODY);
    Err(Refusal::Invalid { field: "ctl_userdata", message })
}

impl From<&Agent> for AgentRef {
    fn from(agent: &Agent) -> Self {
        Self { extension: agent.extension.clone(), email: agent.email.clone(), name: agent.name.clone() }
    }
}

fn report_plan(click: &Click, ctx: &Context<'_>, (given, company): (&Given, String)) -> ReportPlan {
    ReportPlan {
        userdata: given.userdata.clone(),
        ext_transaction_data: click.ext_transaction_data.clone(),
        callback_url: given.callback_url.clone(),
        cdr_url: ctx.tenant.cdr_url.clone(),
        events: given.events.clone(),
        time_zone: ctx.tenant.time_zone.clone(),
        caller_id: company,
        public_url: ctx.public_url.trim_end_matches('/').to_owned(),
    }
}

/// Whether these two may be connected at all: blocks, do-not-call list, destinations.
fn judge_ends(
    click: &Click,
    ctx: &Context<'_>,
    (origin, target): (&Origin<'_>, &End<'_>),
    notes: &mut Notes,
) -> Result<(), Refusal> {
    if origin.end.party == target.party {
        let message = "Target is the phone itself".to_owned();
        return Err(Refusal::Invalid { field: "target", message });
    }
    if let Some(agent) = origin.agents().find(|agent| agent.blocked) {
        return Err(Refusal::Blocked(format!("Extension {} is blocked for Click2Call", agent.extension)));
    }
    for end in [&origin.end, target] {
        if matches!(end.reach, Reach::Agent(agent) if agent.device.is_none()) {
            return Err(Refusal::Offline(format!("Extension {} has no phone", end.party.digits())));
        }
    }
    let asked = click.ignore_do_not_call_phone || click.ignore_do_not_call_target;
    if asked && !ctx.credential.allows(Scope::DncOverride) {
        return Err(Refusal::Forbidden("This token may not override the do-not-call list".to_owned()));
    }
    origin.end.judge_number(ctx.tenant, click.ignore_do_not_call_phone, notes)?;
    target.judge_number(ctx.tenant, click.ignore_do_not_call_target, notes)
}

fn leg_plan(
    (leg, end): (Leg, &End<'_>),
    click: &Click,
    (max_dial_time, shown): (Duration, &Shown),
    notes: &mut Notes,
) -> LegPlan {
    let wants_auto_answer = match leg {
        Leg::A => click.phone_auto_answer,
        Leg::B => click.target_auto_answer,
    };
    let headers = if wants_auto_answer { end.auto_answer(notes) } else { Vec::new() };
    // Joining two channels shows each the CALLERID of the other: so what a leg *is* must be what the
    // other one sees, or the customer would see the agent's extension once the bridge is made.
    let (caller, connected) = match leg {
        Leg::A => (&shown.on_b, &shown.on_a),
        Leg::B => (&shown.on_a, &shown.on_b),
    };
    LegPlan {
        party: end.party.clone(),
        endpoint: end.endpoint.clone(),
        device: end.device(),
        max_dial_time,
        caller: caller.clone(),
        connected: connected.clone(),
        headers,
    }
}

/// Refuses an extension that is offline; says what else there is to say of its state.
fn check_device(asked: bool, end: &End<'_>, devices: &Devices, notes: &mut Notes) -> Result<(), Refusal> {
    if !asked || matches!(end.reach, Reach::Outside) {
        return Ok(());
    }
    let extension = end.party.digits();
    let state = end.device().map_or(DeviceState::Unknown, |device| devices.state(&device));
    let remark = match state {
        DeviceState::Invalid | DeviceState::Unavailable => {
            return Err(Refusal::Offline(format!("Extension {extension} is offline")));
        }
        DeviceState::NotInuse => return Ok(()),
        DeviceState::Unknown => "is in an unknown state",
        DeviceState::Inuse => "is in a call",
        DeviceState::Busy => "is busy",
        DeviceState::Ringing | DeviceState::Ringinuse => "is ringing",
        DeviceState::Onhold => "has a call on hold",
    };
    notes.warnings.push(format!("Extension {extension} {remark}"));
    Ok(())
}
