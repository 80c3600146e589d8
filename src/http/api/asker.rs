//! Who asks, of which tenant, and whether they may.
//!
//! A handler takes a [`May`] with the permission that it needs; nothing else lets it know who asks. A
//! token or a session belongs to one tenant, and to it another tenant does not exist. Whoever is at the admin
//! socket may do everything, of all tenants or of the one that `?tenant=` names. A session's cookie comes along
//! with whatever its browser sends, so a page of another site changes nothing by it.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use crate::call::CallRequest;
use crate::directory::{Credential, Directory, Scope, Tenant};
use crate::http::api::input::Query;
use crate::http::auth::{Administrator, Caller};
use crate::http::error::{ApiError, Kind};
use crate::http::guard::{self, Sender};
use crate::http::{Peer, Shared, client, order, session};

/// How logs and the audit call whoever comes over the admin socket.
const ADMIN_SOCKET: &str = "admin socket";

/// Who asks.
#[derive(Clone, Debug)]
pub(in crate::http) struct Asker {
    /// The only tenant that it is about; none: all of them.
    tenant: Option<Arc<Tenant>>,
    credential: Credential,
    proof: Proof,
}

/// What shows who asks.
#[derive(Clone, Debug)]
enum Proof {
    /// Being at the admin socket.
    Socket,
    /// A token.
    Token,
    /// A session's cookies, among other headers.
    Session(HeaderMap),
}

impl Asker {
    /// The only tenant that it is about; none where it is about all of them.
    pub(in crate::http) fn only_tenant(&self) -> Option<&Arc<Tenant>> {
        self.tenant.as_ref()
    }

    /// The tenant, where there must be one.
    pub(in crate::http) fn tenant(&self, directory: &Directory) -> Result<Arc<Tenant>, ApiError> {
        if let Some(tenant) = &self.tenant {
            return Ok(Arc::clone(tenant));
        }
        let mut tenants = directory.tenants.values();
        match (tenants.next(), tenants.next()) {
            (Some(tenant), None) => Ok(Arc::clone(tenant)),
            _ => Err(ApiError::malformed("tenant", "must be given: there is not exactly one")),
        }
    }

    /// Who asks in the name of one tenant, as the doors know callers.
    pub(in crate::http) fn caller(&self, directory: &Directory) -> Result<Caller, ApiError> {
        Ok(Caller { tenant: self.tenant(directory)?, credential: self.credential.clone() })
    }

    /// The credential; that of the admin socket has every scope.
    pub(in crate::http) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Extension of the agent whose own credential it is.
    pub(in crate::http) fn agent(&self) -> Option<&str> {
        self.credential.agent.as_deref()
    }

    /// Whether it may change the directory. An agent's own credential never does.
    pub(in crate::http) fn administers(&self) -> bool {
        self.agent().is_none() && self.credential.allows(Scope::Admin)
    }

    /// Whether a call exists for whoever asks: it is the tenant's, and an agent's own credential knows of
    /// that agent's calls alone.
    pub(in crate::http) fn knows(&self, call: &CallRequest) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| tenant.id == call.tenant)
            && self.agent().is_none_or(|agent| order::is_of_agent(call, agent))
    }

    /// What is counted per credential is counted under this.
    pub(in crate::http) fn key(&self) -> (String, String) {
        (self.tenant.as_ref().map(|tenant| tenant.id.clone()).unwrap_or_default(), self.credential.name.clone())
    }

    /// Whether the credential is still what it was: for answers that take hours.
    pub(in crate::http) async fn is_still_good(&self, shared: &Shared) -> bool {
        match &self.proof {
            Proof::Socket => true,
            Proof::Token => {
                let directory = shared.ports.directory.load();
                let tenant = self.tenant.as_ref().and_then(|tenant| directory.tenant(&tenant.id));
                tenant.is_some_and(|tenant| tenant.tokens.contains(&self.credential))
            }
            Proof::Session(headers) => matches!(session::goes_on(shared, headers).await, Ok(true)),
        }
    }

    fn of_caller(caller: Caller, proof: Proof) -> Self {
        Self { tenant: Some(caller.tenant), credential: caller.credential, proof }
    }

    fn administrator(tenant: Option<Arc<Tenant>>) -> Self {
        let scopes = [Scope::Dial, Scope::Terminate, Scope::Read, Scope::DncOverride, Scope::Admin];
        let credential = Credential { name: ADMIN_SOCKET.to_owned(), scopes: scopes.into(), ..Credential::default() };
        Self { tenant, credential, proof: Proof::Socket }
    }
}

impl FromRequestParts<Arc<Shared>> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let is_administrator = parts.extensions.get::<Administrator>().is_some();
        let asker = if is_administrator { None } else { Some(identified(parts, shared).await?) };
        let named = Query::of(parts)?.text("tenant").map(str::to_owned);
        match (asker, named) {
            (None, None) => Ok(Self::administrator(None)),
            (None, Some(id)) => {
                let tenant = shared.ports.directory.load().tenant(&id).cloned();
                Ok(Self::administrator(Some(tenant.ok_or_else(ApiError::not_found)?)))
            }
            (Some(asker), Some(id)) if asker.tenant.as_ref().is_none_or(|tenant| tenant.id != id) => {
                Err(ApiError::not_found())
            }
            (Some(asker), _) => Ok(asker),
        }
    }
}

/// Whose token it is; without one, whose session.
async fn identified(parts: &Parts, shared: &Shared) -> Result<Asker, ApiError> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else { return signed_in(parts, shared).await };
    let token = header.to_str().ok().and_then(bearer).ok_or_else(ApiError::unauthorized)?;
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer::Local);
    let client = client::address(peer, &parts.headers, &shared.ports.trusted_proxies);
    Ok(Asker::of_caller(shared.gate.caller(&shared.ports, token, client)?, Proof::Token))
}

async fn signed_in(parts: &Parts, shared: &Shared) -> Result<Asker, ApiError> {
    let caller = session::of_request(shared, &parts.headers).await?.ok_or_else(ApiError::unauthorized)?;
    shared.gate.count(&shared.ports, &caller)?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if !reads && guard::sender(&parts.headers, &shared.ports.public_url) == Sender::Foreign {
        return Err(ApiError::new(Kind::Forbidden, "a page of another site may not do that"));
    }
    let cookies = parts.headers.get_all(COOKIE).iter().map(|cookie| (COOKIE, cookie.clone()));
    Ok(Asker::of_caller(caller, Proof::Session(cookies.collect())))
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Something that a credential may be used for.
pub(in crate::http) trait Permission: Send + 'static {
    /// The scope that it needs.
    const SCOPE: Scope;
}

/// To read.
#[derive(Debug)]
pub(in crate::http) enum Read {}
/// To place calls.
#[derive(Debug)]
pub(in crate::http) enum Dial {}
/// To end calls.
#[derive(Debug)]
pub(in crate::http) enum Terminate {}
/// To change the directory.
#[derive(Debug)]
pub(in crate::http) enum Admin {}

impl Permission for Read {
    const SCOPE: Scope = Scope::Read;
}

impl Permission for Dial {
    const SCOPE: Scope = Scope::Dial;
}

impl Permission for Terminate {
    const SCOPE: Scope = Scope::Terminate;
}

impl Permission for Admin {
    const SCOPE: Scope = Scope::Admin;
}

/// Who asks, and may.
#[derive(Debug)]
pub(in crate::http) struct May<P>(Asker, PhantomData<P>);

impl<P> Deref for May<P> {
    type Target = Asker;

    fn deref(&self) -> &Asker {
        &self.0
    }
}

impl<P: Permission> FromRequestParts<Arc<Shared>> for May<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, ApiError> {
        let asker = Asker::from_request_parts(parts, shared).await?;
        let is_allowed = match P::SCOPE {
            Scope::Admin => asker.administers(),
            scope => asker.credential.allows(scope),
        };
        if !is_allowed {
            return Err(ApiError::forbidden());
        }
        Ok(Self(asker, PhantomData))
    }
}
