//! The directory at start: out of the store, or out of the seed file when the store is empty.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use crate::clock::Clock;
use crate::directory::{self, Directory, file};
use crate::editor;
use crate::store::{AuditLine, Store, TenantDocument};

/// Reads every tenant. A store without any takes the seed file's.
pub(super) async fn load(store: &Arc<dyn Store>, seed: Option<&Path>, clock: Clock) -> anyhow::Result<Directory> {
    let directory = editor::stored(&**store).await.context("reading the directory")?;
    match seed {
        Some(seed) if directory.tenants.is_empty() => sow(store, seed, clock).await,
        _ => Ok(directory),
    }
}

async fn sow(store: &Arc<dyn Store>, seed: &Path, clock: Clock) -> anyhow::Result<Directory> {
    let name = seed.display();
    let text = std::fs::read_to_string(seed).with_context(|| format!("reading the directory's seed {name}"))?;
    let mut file = file::parse(&text).with_context(|| format!("in the directory's seed {name}"))?;
    directory::password::seal(&mut file.tenants, &Directory::default());
    let directory = directory::apply(&Directory::default(), &file.tenants).map_err(|flaws| {
        let lines: Vec<_> = flaws.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("in the directory's seed {name}:\n{}", lines.join("\n"))
    })?;
    for warning in &file.warnings {
        tracing::warn!(seed = %name, "{warning}");
    }
    let documents: Vec<_> = directory
        .tenants
        .values()
        .map(|tenant| TenantDocument { tenant: tenant.id.clone(), document: directory::to_document(tenant) })
        .collect();
    let audit: Vec<_> = documents
        .iter()
        .map(|document| AuditLine {
            at: clock.now(),
            tenant: document.tenant.clone(),
            actor: "seed".to_owned(),
            action: format!("directory: tenant applied from {name}"),
        })
        .collect();
    store.put_tenants(&documents, &audit).await.context("storing the directory")?;
    tracing::info!(seed = %name, tenants = documents.len(), "the store was empty: the directory comes from its seed");
    Ok(directory)
}
