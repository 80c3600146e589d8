//! Whoever changes the directory: one change at a time, stored before it counts, with its lines in the
//! audit, and counting at once for every new click. Calls that are up never look at the directory again.
//!
//! An edit that is given up half-way (its client went away) may have been stored or not: before the next
//! one the store is asked what it holds.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::directory::{self, Change, Directory, Flaw, Tenant};
use crate::store::{AuditLine, Store, StoreError, TenantDocument};

/// Largest document of one tenant, in bytes.
const LARGEST: usize = 8 << 20;

/// Changes the directory. Whatever else holds the same swap only reads.
pub struct Editor {
    store: Arc<dyn Store>,
    directory: Arc<ArcSwap<Directory>>,
    clock: Clock,
    /// Held while something is being changed.
    state: Mutex<State>,
}

/// Whether memory and store say the same.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Same,
    Unknown,
}

/// What an edit did.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The directory that counts now.
    pub directory: Arc<Directory>,
    /// What changed; empty: nothing, and nothing was stored.
    pub changes: Vec<Change>,
}

/// Why nothing was changed.
#[derive(Clone, Debug)]
pub enum NotEdited<E> {
    /// Whoever planned the edit found out that it should not be.
    Refused(E),
    /// The tenants would not be sound.
    Flawed {
        /// What is wrong.
        flaws: Vec<Flaw>,
        /// The tenants as they were wanted.
        wanted: Vec<Tenant>,
    },
    /// The store did not take it.
    Store(StoreError),
}

impl<E> From<StoreError> for NotEdited<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Editor {
    /// An editor of this directory, which is the store's.
    pub fn new(store: Arc<dyn Store>, directory: Arc<ArcSwap<Directory>>, clock: Clock) -> Self {
        Self { store, directory, clock, state: Mutex::new(State::Same) }
    }

    /// Makes the tenants what `plan` wants, which sees the directory as it is now and names only those
    /// tenants that may change. The actor is a credential's name, or `admin socket`.
    pub async fn edit<E>(
        &self,
        actor: &str,
        plan: impl FnOnce(&Directory) -> Result<Vec<Tenant>, E>,
    ) -> Result<Edited, NotEdited<E>> {
        let mut state = self.state.lock().await;
        if *state == State::Unknown {
            self.directory.store(Arc::new(stored(&*self.store).await?));
            *state = State::Same;
        }
        let now = self.directory.load_full();
        let wanted = plan(&now).map_err(NotEdited::Refused)?;
        let changes = directory::diff(&now, &wanted);
        let next = match directory::apply(&now, &wanted) {
            Ok(next) => next,
            Err(flaws) => return Err(NotEdited::Flawed { flaws, wanted }),
        };
        if changes.is_empty() {
            return Ok(Edited { directory: now, changes });
        }
        let documents = documents(&next, &changes);
        if let Some(flaws) = too_large(&documents) {
            return Err(NotEdited::Flawed { flaws, wanted });
        }
        *state = State::Unknown;
        self.store.put_tenants(&documents, &self.audit(actor, &changes)).await?;
        let next = Arc::new(next);
        self.directory.store(Arc::clone(&next));
        *state = State::Same;
        tracing::info!(actor, changes = changes.len(), "the directory was changed");
        Ok(Edited { directory: next, changes })
    }

    fn audit(&self, actor: &str, changes: &[Change]) -> Vec<AuditLine> {
        let at = self.clock.now();
        let line = |change: &Change| AuditLine {
            at,
            tenant: change.tenant.clone(),
            actor: actor.to_owned(),
            action: format!("directory: {}", change.line),
        };
        changes.iter().map(line).collect()
    }
}

/// The directory that a store holds.
pub async fn stored(store: &dyn Store) -> Result<Directory, StoreError> {
    let documents = store.tenants().await?;
    let tenant = |stored: &TenantDocument| {
        let read = directory::from_document(&stored.document);
        read.map_err(|error| StoreError::Corrupt(format!("tenant {}: {error}", stored.tenant)))
    };
    Ok(Directory::new(documents.iter().map(tenant).collect::<Result<Vec<_>, _>>()?))
}

/// Only tenants that change are written.
fn documents(next: &Directory, changes: &[Change]) -> Vec<TenantDocument> {
    let differs = |tenant: &&Arc<Tenant>| changes.iter().any(|change| change.tenant == tenant.id);
    let document =
        |tenant: &Arc<Tenant>| TenantDocument { tenant: tenant.id.clone(), document: directory::to_document(tenant) };
    next.tenants.values().filter(differs).map(document).collect()
}

fn too_large(documents: &[TenantDocument]) -> Option<Vec<Flaw>> {
    let large = documents.iter().find(|document| document.document.len() > LARGEST)?;
    let (tenant, path) = (large.tenant.clone(), "tenant".to_owned());
    Some(vec![Flaw { tenant, path, message: "has grown larger than 8 MiB".to_owned() }])
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt as _;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::directory::file;
    use crate::store::sqlite::SqliteStore;

    struct Rig {
        _dir: tempfile::TempDir,
        store: Arc<SqliteStore>,
        directory: Arc<ArcSwap<Directory>>,
        editor: Editor,
    }

    impl Rig {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (clock, url) = (Clock::start(), format!("sqlite:{}", dir.path().join("x.db").display()));
            let (store, writer) = SqliteStore::open(&url, clock).await.unwrap();
            tokio::spawn(writer.run(CancellationToken::new()));
            let directory = Arc::new(ArcSwap::from_pointee(Directory::default()));
            let editor = Editor::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&directory), clock);
            Self { _dir: dir, store, directory, editor }
        }

        async fn apply(&self, text: &str) -> Result<Edited, NotEdited<Infallible>> {
            self.editor.edit("somebody", |_| Ok(file::parse(text).unwrap().tenants)).await
        }

        async fn stored(&self) -> Directory {
            stored(&*self.store).await.unwrap()
        }
    }

    fn tenant(more: &str) -> String {
        format!("[[tenant]]\nid = 't'\nregion = 'US'\n{more}")
    }

    #[tokio::test]
    async fn a_change_is_stored_and_counts_at_once() {
        let rig = Rig::new().await;
        let edited = rig.apply(&tenant("language = 'he'")).await.unwrap();
        assert_eq!(edited.changes.len(), 1);
        assert_eq!(rig.directory.load().tenant("t").unwrap().language, "he");
        assert_eq!(rig.stored().await, **rig.directory.load());
        assert!(rig.apply(&tenant("language = 'he'")).await.unwrap().changes.is_empty());
    }

    #[tokio::test]
    async fn what_is_flawed_changes_nothing() {
        let rig = Rig::new().await;
        rig.apply(&tenant("")).await.unwrap();
        let refused = rig.editor.edit("somebody", |now| {
            let tenant = (**now.tenant("t").unwrap()).clone();
            Ok::<_, Infallible>(vec![Tenant { duplicate_window: 61, ..tenant }])
        });
        let Err(NotEdited::Flawed { flaws, .. }) = refused.await else { panic!("taken") };
        assert_eq!(flaws[0].path, "duplicate_window");
        assert_eq!(rig.stored().await.tenant("t").unwrap().duplicate_window, 5);
    }

    #[tokio::test]
    async fn after_an_edit_that_was_given_up_the_store_has_the_last_word() {
        let rig = Rig::new().await;
        rig.apply(&tenant("")).await.unwrap();
        {
            let text = tenant("language = 'he'");
            let edit = rig.apply(&text);
            assert!(edit.now_or_never().is_none(), "it waits for the store, and is dropped there");
        }
        let other = "[[tenant]]\nid = 'u'\nregion = 'US'\n";
        rig.apply(other).await.unwrap();
        assert_eq!(rig.stored().await, **rig.directory.load());
    }

    #[tokio::test]
    async fn edits_at_once_lose_none() {
        let rig = Rig::new().await;
        rig.apply(&tenant("")).await.unwrap();
        let edits = (0..20).map(|n| {
            rig.editor.edit("somebody", move |now| {
                let mut tenant = (**now.tenant("t").unwrap()).clone();
                tenant.do_not_call.push(format!("+1212555{n:04}"));
                Ok::<_, Infallible>(vec![tenant])
            })
        });
        for edited in futures_util::future::join_all(edits).await {
            edited.unwrap();
        }
        assert_eq!(rig.stored().await.tenant("t").unwrap().do_not_call.len(), 20);
    }
}
