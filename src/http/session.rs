//! Agents who have signed in: two cookies of one session, and the caller that they stand for.
//!
//! `__Host-db` is for the console and the API, and no other site's page can send it (`SameSite=Strict`).
//! `__Host-dbdial` comes along when somebody follows a link (`Lax`), and opens the one door that places
//! calls for links, nothing else. Both are random, known here by their hashes alone, and end together:
//! by signing out, after a time without use, after a day, or when the agent gets another password. They
//! live in the store, so a restart signs nobody out.

use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::timeout;

use crate::directory::{Agent, Credential, Directory, Scope, Tenant, TokenHash};
use crate::http::Shared;
use crate::http::auth::Caller;
use crate::store::{Expired, Session, SessionToken, StoreError};
use crate::timestamp::Timestamp;

/// A session that is used more often than this is written down only so often.
const SEEN_EVERY: Duration = Duration::from_mins(1);
/// How long a request may wait for that.
const PATIENCE: Duration = Duration::from_secs(1);

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    /// What the agent may do.
    pub(super) caller: Caller,
    /// Names the session; worth nothing as a cookie.
    pub(super) session: String,
}

/// Whose console or API client this is. No other site's page can have sent the request's cookie; still,
/// whoever changes something checks where the request comes from.
pub(super) async fn of_request(shared: &Shared, headers: &HeaderMap) -> Result<Option<Caller>, StoreError> {
    Ok(signed_in(shared, headers, SessionToken::Strict).await?.map(|signed_in| signed_in.caller))
}

/// Whether the session of a request goes on. To ask is no use of it.
pub(super) async fn goes_on(shared: &Shared, headers: &HeaderMap) -> Result<bool, StoreError> {
    Ok(standing(shared, headers, SessionToken::Strict).await?.is_some())
}

/// Whose browser this is, as far as its cookie for clicks tells.
pub(super) async fn of_click(shared: &Shared, headers: &HeaderMap) -> Result<Option<SignedIn>, StoreError> {
    signed_in(shared, headers, SessionToken::Dial).await
}

/// Opens a session, and gives the two cookies. The one that the browser had so far ends.
pub(super) async fn open(
    shared: &Shared,
    headers: &HeaderMap,
    tenant: &Tenant,
    agent: &Agent,
) -> Result<[HeaderValue; 2], StoreError> {
    end(shared, headers).await?;
    let (now, config) = (shared.ports.clock.now(), shared.ports.session);
    let [strict, dial] = [token(), token()];
    let session = Session {
        strict: hash_of(&strict),
        dial: hash_of(&dial),
        tenant: tenant.id.clone(),
        agent: agent.extension.clone(),
        mark: mark(agent).unwrap_or_default(),
        opened_at: now,
        seen_at: now,
    };
    let expired = Expired { opened_before: now - config.absolute, seen_before: now - config.idle };
    shared.ports.store.open_session(&session, &expired).await?;
    Ok([cookie(SessionToken::Strict, &strict), cookie(SessionToken::Dial, &dial)])
}

/// Ends the session of a request, if it has one, and takes both cookies away.
pub(super) async fn close(shared: &Shared, headers: &HeaderMap) -> Result<[HeaderValue; 2], StoreError> {
    end(shared, headers).await?;
    Ok([SessionToken::Strict, SessionToken::Dial].map(|token| cookie(token, "")))
}

async fn end(shared: &Shared, headers: &HeaderMap) -> Result<(), StoreError> {
    for token in [SessionToken::Strict, SessionToken::Dial] {
        if let Some(session) = stored(shared, headers, token).await? {
            shared.ports.store.end_session(&session.strict).await?;
        }
    }
    Ok(())
}

async fn signed_in(shared: &Shared, headers: &HeaderMap, token: SessionToken) -> Result<Option<SignedIn>, StoreError> {
    let Some((caller, session)) = standing(shared, headers, token).await? else { return Ok(None) };
    let now = shared.ports.clock.now();
    if now.since(session.seen_at) >= SEEN_EVERY {
        seen(shared, &session.strict, now).await;
    }
    Ok(Some(SignedIn { caller, session: session.strict }))
}

/// A session that has not ended, and whose it is.
async fn standing(
    shared: &Shared,
    headers: &HeaderMap,
    token: SessionToken,
) -> Result<Option<(Caller, Session)>, StoreError> {
    let Some(session) = stored(shared, headers, token).await? else { return Ok(None) };
    let (now, config) = (shared.ports.clock.now(), shared.ports.session);
    if now.since(session.seen_at) > config.idle || now.since(session.opened_at) > config.absolute {
        return Ok(None);
    }
    Ok(caller(&shared.ports.directory.load(), &session).map(|caller| (caller, session)))
}

async fn stored(shared: &Shared, headers: &HeaderMap, token: SessionToken) -> Result<Option<Session>, StoreError> {
    match value(headers, name(token)) {
        Some(value) => shared.ports.store.session(token, &hash_of(value)).await,
        None => Ok(None),
    }
}

/// The agent whose session this is, unless it is no longer theirs.
fn caller(directory: &Directory, session: &Session) -> Option<Caller> {
    let tenant = directory.tenant(&session.tenant)?;
    let agent = tenant.agent(&session.agent).filter(|agent| mark(agent).as_ref() == Some(&session.mark))?;
    let credential = Credential {
        name: format!("session:{}", agent.extension),
        scopes: [Scope::Dial, Scope::Terminate, Scope::Read].into(),
        agent: Some(agent.extension.clone()),
        ..Credential::default()
    };
    Some(Caller { tenant: tenant.clone(), credential })
}

/// That it could not be written down shortens a session, and is no reason to turn anybody away.
async fn seen(shared: &Shared, session: &str, now: Timestamp) {
    let written = timeout(PATIENCE, shared.ports.store.session_seen(session, now)).await;
    if !matches!(written, Ok(Ok(()))) {
        tracing::debug!("the use of a session could not be written down");
    }
}

/// What an agent's password leaves on a session; none without a password.
fn mark(agent: &Agent) -> Option<String> {
    agent.password_hash.as_ref().map(|hash| hash_of(hash.expose()))
}

fn hash_of(secret: &str) -> String {
    TokenHash::of(secret).into()
}

/// 256 bits that nobody can guess.
fn token() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

const fn name(token: SessionToken) -> &'static str {
    match token {
        SessionToken::Strict => "__Host-db",
        SessionToken::Dial => "__Host-dbdial",
    }
}

/// `Set-Cookie`; an empty value takes the cookie away.
fn cookie(token: SessionToken, value: &str) -> HeaderValue {
    let same_site = match token {
        SessionToken::Strict => "Strict",
        SessionToken::Dial => "Lax",
    };
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{}={value}; Path=/; Secure; HttpOnly; SameSite={same_site}{end}", name(token));
    // Base64 and the words above: always a header's value.
    HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""))
}

/// A cookie's value; none where there are two of that name, since one of them is not ours.
fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    let value = values.next()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_the_hosts_own_and_out_of_reach_of_scripts() {
        let strict = cookie(SessionToken::Strict, "x");
        assert_eq!(strict, "__Host-db=x; Path=/; Secure; HttpOnly; SameSite=Strict");
        let gone = cookie(SessionToken::Dial, "");
        assert_eq!(gone, "__Host-dbdial=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
    }

    #[test]
    fn a_cookie_counts_where_it_is_the_only_one_of_its_name() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            value(&headers, "__Host-db").map(str::to_owned)
        };
        assert_eq!(read(&["a=b; __Host-db=x=y;c=d"]).as_deref(), Some("x=y"));
        assert_eq!(read(&["a=b", "__Host-db=x"]).as_deref(), Some("x"));
        for none in [&["__Host-dbdial=x"][..], &["__Host-db=x; __Host-db=y"], &["__Host-db=x", "__Host-db=y"], &[]] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let tokens: std::collections::BTreeSet<String> = (0..1000).map(|_| token()).collect();
        assert!(tokens.len() == 1000 && tokens.iter().all(|token| token.len() == 43));
    }
}
