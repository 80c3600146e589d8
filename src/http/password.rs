//! Passwords, hashed and compared with their hashes: on threads where that may take its time, at most two
//! at once, because each costs 19 MiB and a good part of a second on purpose.
//!
//! Somebody who does not exist costs the same time as somebody with another password.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::directory::{Sealed, password};

/// Hashed or compared at once.
const AT_ONCE: usize = 2;
/// How long one may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody's password: what is compared for those who have none.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$ZGlhbGJyaWRnZS1ub25lIQ$YmJylt4QUO2fRaIxM8AqdnX/CfzzcPDoAJWO7jdJdS4";

/// Too many passwords wait for their turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// Hashes and compares passwords.
#[derive(Debug)]
pub(super) struct Passwords(Arc<Semaphore>);

impl Default for Passwords {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Passwords {
    /// Whether this is the password with this hash. Where there is no hash it never is.
    pub(super) async fn fits(&self, password: Sealed, hash: Option<Sealed>) -> Result<bool, Busy> {
        self.work(move || {
            let known = hash.is_some();
            password::fits(&password, &hash.unwrap_or_else(|| Sealed::new(NOBODY))) && known
        })
        .await
    }

    /// Has something done with passwords when its turn comes.
    pub(super) async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let turn = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else { return Err(Busy) };
        let done = tokio::task::spawn_blocking(move || {
            // A caller that goes away leaves the work running: its turn ends with it.
            let _turn = turn;
            work()
        });
        done.await.map_err(|_| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `demo-pass`, with parameters that take no time.
    const HASH: &str = "$argon2id$v=19$m=8,t=1,p=1$ZGlhbGJyaWRnZS10ZXN0IQ$VVcU76UKUGwABKD4HlMXFhu+Mjdy32k2FHgyj+DSCss";

    #[tokio::test]
    async fn a_password_is_known_by_its_hash() {
        let passwords = Passwords::default();
        let fits = async |password: &str, hash: Option<&str>| {
            passwords.fits(Sealed::new(password), hash.map(Sealed::new)).await.unwrap()
        };
        assert!(fits("demo-pass", Some(HASH)).await);
        assert!(!fits("demo-pas", Some(HASH)).await);
        assert!(!fits("", Some(HASH)).await);
        assert!(!fits("demo-pass", Some("no hash")).await);
        assert!(!fits("demo-pass", None).await);
        assert!(password::is_hash(NOBODY), "costs what a real one costs");
    }
}
