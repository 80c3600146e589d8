//! One edit of one tenant's part of the directory, and what a refusal of it says.

use std::sync::Arc;

use crate::directory::edit::place;
use crate::directory::{Directory, Flaw, Tenant, password};
use crate::editor::NotEdited;
use crate::http::Shared;
use crate::http::api::Asker;
use crate::http::error::{ApiError, Kind};

/// The member that an edit is about: its list, and its key.
pub(super) type Subject<'a> = Option<(&'static str, &'a str)>;

/// Makes the asker's tenant what `plan` wants of it as it is now. A refusal names fields of the subject.
pub(super) async fn edit(
    shared: &Shared,
    asker: &Asker,
    subject: Subject<'_>,
    plan: impl FnOnce(&Tenant) -> Result<Tenant, ApiError>,
) -> Result<Arc<Tenant>, ApiError> {
    let id = asker.tenant(&shared.ports.directory.load())?.id.clone();
    let plan = |now: &Directory| {
        let tenant = now.tenant(&id).ok_or_else(ApiError::not_found)?;
        Ok(vec![plan(tenant)?])
    };
    let edited = shared.ports.editor.edit(&asker.credential().name, plan).await;
    let edited = edited.map_err(|why| match why {
        NotEdited::Refused(error) => error,
        NotEdited::Flawed { flaws, wanted } => flawed(&flaws, &wanted, subject),
        NotEdited::Store(error) => error.into(),
    })?;
    edited.directory.tenant(&id).cloned().ok_or_else(ApiError::not_found)
}

/// The first flaw that is the subject's own gives the field; all of them are told.
fn flawed(flaws: &[Flaw], wanted: &[Tenant], subject: Subject<'_>) -> ApiError {
    let mut field = None;
    let told = flaws.iter().map(|flaw| {
        let Some(tenant) = wanted.iter().find(|tenant| tenant.id == flaw.tenant) else { return flaw.message.clone() };
        let place = place(flaw, tenant);
        let is_own = place.member.as_ref().map(|(list, key)| (*list, key.as_str())) == subject;
        let sentence = if is_own || place.words.is_empty() {
            format!("{} {}", place.field, flaw.message)
        } else {
            format!("{}: {} {}", place.words, place.field, flaw.message)
        };
        if is_own && field.is_none() {
            field = Some(place.field);
        }
        sentence
    });
    let detail = told.collect::<Vec<_>>().join("; ");
    let error = ApiError::new(Kind::Impossible, detail);
    match field {
        Some(field) => error.at(field),
        None => error,
    }
}

/// These tenants with hashes in place of passwords: made where that may take its time.
pub(super) async fn sealed(shared: &Shared, mut tenants: Vec<Tenant>) -> Result<Vec<Tenant>, ApiError> {
    if !tenants.iter().flat_map(|tenant| &tenant.agents).any(|agent| agent.password.is_some()) {
        return Ok(tenants);
    }
    let now = shared.ports.directory.load_full();
    let sealed = shared.sign_ins.passwords().work(move || {
        password::seal(&mut tenants, &now);
        tenants
    });
    Ok(sealed.await?)
}
