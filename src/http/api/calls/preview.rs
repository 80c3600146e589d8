//! A dry run: what an order would come to. Nothing rings, nothing is stored, and nothing counts, except a
//! login code that is nobody's.

use serde::Serialize;

use crate::call::{CallRequest, Identity, Leg, LegPlan};
use crate::device::DeviceState;
use crate::dial::number::Party;
use crate::dial::policy::{self, Click, resolve_phone};
use crate::directory::Tenant;
use crate::engine::Usage;
use crate::http::Shared;
use crate::http::auth::Caller;
use crate::http::error::{ApiError, Problem};
use crate::http::order;
use crate::report::record;

use super::place::Spelled;

/// What would happen.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Preview {
    /// Always true.
    dry_run: bool,
    /// Whether the call would be placed.
    would: Outcome,
    /// Why it would not.
    problem: Option<Problem>,
    /// The first leg, as far as it is known.
    phone: Option<EndView>,
    /// The second leg, as far as it is known.
    target: Option<EndView>,
    /// The company's number for this call, digits.
    caller_id: Option<String>,
    /// Name of the route that leads outside.
    route: Option<String>,
    /// How each leg would be dialled.
    legs: Vec<LegPreview>,
    /// Which ends are on the do-not-call list.
    do_not_call: Listed,
    /// What the call would count against.
    limits: Vec<LimitView>,
    /// What would be accepted and ignored.
    warnings: Vec<String>,
}

/// What would become of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The call would be placed.
    Accepted,
    /// It would be refused.
    Refused,
}

/// One end.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EndView {
    /// An extension, or E.164 with its plus.
    #[schema(example = "+12125550101")]
    party: String,
    /// What Asterisk would dial.
    endpoint: Option<String>,
    /// Asterisk's device, where there is one whose state can be known.
    device: Option<String>,
    /// That device's state.
    device_state: Option<DeviceState>,
}

/// One leg.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LegPreview {
    /// Which.
    leg: Leg,
    /// Exactly what Asterisk would dial.
    #[schema(example = "PJSIP/101")]
    dial_string: String,
    /// Seconds.
    max_dial_time: u64,
    /// Who the party on this leg is, to the other one.
    caller: Identity,
    /// What this leg's phone shows.
    shows: Identity,
    /// SIP headers of the call to it: name and value.
    headers: Vec<(String, String)>,
}

/// Which ends are on the do-not-call list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
struct Listed {
    /// The first leg.
    phone: bool,
    /// The second leg.
    target: bool,
}

/// A limit on calls.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LimitView {
    /// Its name, as in the directory.
    #[schema(example = "agent_active")]
    what: &'static str,
    /// How many calls count against it now.
    used: u32,
    /// How many may.
    most: u32,
    /// The span of time in which they count; null: while they are under way.
    window_seconds: Option<u64>,
}

impl From<&Usage> for LimitView {
    fn from(usage: &Usage) -> Self {
        let limit = usage.cap.limit;
        let window_seconds = limit.window().map(|window| window.as_secs());
        Self { what: limit.as_str(), used: usage.used, most: usage.cap.most, window_seconds }
    }
}

/// Judges a click as if it were meant.
pub(super) async fn preview(shared: &Shared, caller: &Caller, click: &Click) -> Preview {
    let tenant = &*caller.tenant;
    let spelled = Spelled::of(&click.phone);
    match order::rehearse(shared, caller, click) {
        Ok(admission) => {
            let usage = order::usage(shared, &admission).await;
            let preview = accepted(shared, tenant, click, admission.request);
            match usage {
                Ok(usage) => limited(preview, &usage, spelled),
                Err(why) => against(preview, spelled.declined(why.into())),
            }
        }
        Err(why) => {
            let problem = spelled.declined(why);
            let ends = (resolve_phone(&click.phone, tenant).ok(), policy::party("target", &click.target, tenant).ok());
            Preview { warnings: click.warnings.clone(), ..refused(tenant, ends, problem) }
        }
    }
}

/// What a refusal leaves to be said of the ends.
pub(super) fn refused(tenant: &Tenant, (phone, target): (Option<Party>, Option<Party>), why: ApiError) -> Preview {
    let listed = |party: &Option<Party>| party.as_ref().is_some_and(|party| is_listed(tenant, party));
    let do_not_call = Listed { phone: listed(&phone), target: listed(&target) };
    let view = |party: Party| EndView {
        party: record::number(&party).to_owned(),
        endpoint: None,
        device: None,
        device_state: None,
    };
    Preview {
        dry_run: true,
        would: Outcome::Refused,
        problem: Some(why.into_problem()),
        phone: phone.map(view),
        target: target.map(view),
        caller_id: None,
        route: None,
        legs: Vec::new(),
        do_not_call,
        limits: Vec::new(),
        warnings: Vec::new(),
    }
}

/// The same, refused after all.
fn against(preview: Preview, why: ApiError) -> Preview {
    Preview { would: Outcome::Refused, problem: Some(why.into_problem()), ..preview }
}

fn limited(preview: Preview, usage: &[Usage], spelled: Spelled) -> Preview {
    let preview = Preview { limits: usage.iter().map(LimitView::from).collect(), ..preview };
    match usage.iter().find_map(Usage::exceeded) {
        Some(exceeded) => against(preview, spelled.declined(exceeded.into())),
        None => preview,
    }
}

fn accepted(shared: &Shared, tenant: &Tenant, click: &Click, request: CallRequest) -> Preview {
    let do_not_call =
        Listed { phone: is_listed(tenant, &request.a.party), target: is_listed(tenant, &request.b.party) };
    Preview {
        dry_run: true,
        would: Outcome::Accepted,
        problem: None,
        phone: Some(end(shared, &request.a)),
        target: Some(end(shared, &request.b)),
        route: route(tenant, click, &request),
        legs: Leg::BOTH.map(|leg| leg_preview(leg, request.leg(leg))).into(),
        caller_id: Some(request.report.caller_id),
        do_not_call,
        limits: Vec::new(),
        warnings: request.warnings,
    }
}

fn is_listed(tenant: &Tenant, party: &Party) -> bool {
    matches!(party, Party::Outside(number) if tenant.do_not_call.contains(number))
}

fn end(shared: &Shared, plan: &LegPlan) -> EndView {
    EndView {
        party: record::number(&plan.party).to_owned(),
        endpoint: Some(plan.endpoint.clone()),
        device: plan.device.clone(),
        device_state: plan.device.as_ref().map(|device| shared.ports.devices.borrow().state(device)),
    }
}

/// The target's way out; where the target is inside, the phone's.
fn route(tenant: &Tenant, click: &Click, request: &CallRequest) -> Option<String> {
    let plan = match (&request.b.party, &request.a.party) {
        (Party::Outside(_), _) => tenant.dial_plan(click.dial_plan),
        (Party::Extension(_), Party::Outside(_)) => tenant.dial_plan(None),
        (Party::Extension(_), Party::Extension(_)) => None,
    };
    plan.map(|plan| plan.route.clone())
}

fn leg_preview(leg: Leg, plan: &LegPlan) -> LegPreview {
    LegPreview {
        leg,
        dial_string: plan.endpoint.clone(),
        max_dial_time: plan.max_dial_time.as_secs(),
        caller: plan.caller.clone(),
        shows: plan.connected.clone(),
        headers: plan.headers.clone(),
    }
}
