//! Everything else that a click gives: timers, language, variables, user data.

use std::time::Duration;

use crate::dial::policy::end::sentence_case;
use crate::dial::policy::{Click, Context, Notes, Refusal};
use crate::directory::is_language;
use crate::report::event::EventPlan;
use crate::report::userdata::UserData;

/// What was given, checked, with defaults where nothing was.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) phone_dial: Duration,
    pub(super) target_dial: Duration,
    pub(super) max_duration: Duration,
    pub(super) language: String,
    pub(super) userdata: Option<UserData>,
    pub(super) callback_url: Option<String>,
    pub(super) events: Option<EventPlan>,
}

/// Longest dial time, seconds.
const MAX_DIAL: i64 = 300;
/// Longest call, seconds.
const MAX_DURATION: i64 = 14_400;
const MAX_VARS: usize = 10;
const MAX_VAR_NAME: usize = 32;
const MAX_VAR_BYTES: usize = 256;

pub(super) fn read(click: &Click, ctx: &Context<'_>, notes: &mut Notes) -> Result<Given, Refusal> {
    check_vars(click)?;
    Ok(Given {
        phone_dial: seconds("phonemaxdialtime", click.phone_max_dial_time.unwrap_or(60), MAX_DIAL)?,
        target_dial: seconds("targetmaxdialtime", click.target_max_dial_time.unwrap_or(60), MAX_DIAL)?,
        max_duration: seconds("maxduration", click.max_duration.unwrap_or(7200), MAX_DURATION)?,
        language: language(click.language.as_deref(), &ctx.tenant.language)?,
        callback_url: callback_url(click.userdata.as_ref(), ctx)?,
        events: events(click.events.as_ref(), ctx)?,
        userdata: click.userdata.as_ref().map(|userdata| without_record_id(userdata, notes)),
    })
}

/// Out of range is refused, not clamped: who asks for a day must not believe that they got it.
fn seconds(field: &'static str, given: i64, most: i64) -> Result<Duration, Refusal> {
    match u64::try_from(given) {
        Ok(seconds) if (1..=most).contains(&given) => Ok(Duration::from_secs(seconds)),
        _ => Err(invalid(field, &format!("must be 1 to {most} seconds"))),
    }
}

/// As Asterisk writes it: `en`, `en_US`.
fn language(asked: Option<&str>, default: &str) -> Result<String, Refusal> {
    let text = asked.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(default);
    if !is_language(text) {
        return Err(invalid("language", "must be two letters, as in en or en_US"));
    }
    Ok(match text.split_once(['-', '_']) {
        None => text.to_ascii_lowercase(),
        Some((language, region)) => format!("{}_{}", language.to_ascii_lowercase(), region.to_ascii_uppercase()),
    })
}

fn check_vars(click: &Click) -> Result<(), Refusal> {
    const FIELD: &str = "var_";
    let refuse = |message: String| Err(Refusal::Invalid { field: FIELD, message });
    if click.vars.len() > MAX_VARS {
        return refuse(format!("There are more than {MAX_VARS} var_ parameters"));
    }
    for (name, value) in &click.vars {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain || !(1..=MAX_VAR_NAME).contains(&name.len()) {
            return refuse(format!("A var_ name must be 1 to {MAX_VAR_NAME} letters, digits and underscores"));
        }
        if value.len() > MAX_VAR_BYTES || value.chars().any(char::is_control) {
            return refuse(format!("Var_{name} must be at most {MAX_VAR_BYTES} bytes without control characters"));
        }
    }
    Ok(())
}

fn callback_url(userdata: Option<&UserData>, ctx: &Context<'_>) -> Result<Option<String>, Refusal> {
    const FIELD: &str = "ctl_callbackUrl";
    let Some(userdata) = userdata else { return Ok(None) };
    if userdata.pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(FIELD)).count() > 1 {
        return Err(invalid(FIELD, "is given twice"));
    }
    let Some(url) = userdata.callback_url().filter(|url| !url.is_empty()) else { return Ok(None) };
    (ctx.callback_check)(&url).map_err(|why| Refusal::Invalid { field: FIELD, message: sentence_case(&why) })?;
    Ok(Some(url))
}

fn events(asked: Option<&EventPlan>, ctx: &Context<'_>) -> Result<Option<EventPlan>, Refusal> {
    let Some(plan) = asked else { return Ok(None) };
    let refuse = |why: String| Refusal::Invalid { field: "callback.url", message: sentence_case(&why) };
    (ctx.callback_check)(&plan.url).map_err(refuse)?;
    Ok(Some(plan.clone()))
}

/// The id of a new record is ours to give; from outside it is dropped.
fn without_record_id(userdata: &UserData, notes: &mut Notes) -> UserData {
    let mut userdata = userdata.clone();
    let before = userdata.pairs.len();
    userdata.pairs.retain(|(name, _)| !name.eq_ignore_ascii_case("ctl_newRecordId"));
    if userdata.pairs.len() < before {
        notes.warnings.push("ctl_newRecordId is ignored: it is given by this side".to_owned());
    }
    userdata
}

fn invalid(field: &'static str, rest: &str) -> Refusal {
    Refusal::Invalid { field, message: format!("{} {rest}", sentence_case(field)) }
}
