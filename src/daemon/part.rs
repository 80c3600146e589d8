//! Parts of the daemon: tasks that begin and end together.
//!
//! No part may die alone. A task that ends although nobody told it to, or panics, ends the daemon:
//! whoever supervises it starts a whole one, and calls that are up stay up meanwhile.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tasks that begin and end together.
pub(super) struct Part {
    tasks: TaskTracker,
    /// Tells its tasks to end.
    pub(super) stop: CancellationToken,
    failed: mpsc::Sender<anyhow::Error>,
}

impl Part {
    pub(super) fn new(failed: &mpsc::Sender<anyhow::Error>) -> Self {
        Self { tasks: TaskTracker::new(), stop: CancellationToken::new(), failed: failed.clone() }
    }

    /// Runs a task. One that ends before it was told to, or panics, is the end of the daemon: half of
    /// it would be worse than none.
    pub(super) fn spawn(&self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let (stop, failed) = (self.stop.clone(), self.failed.clone());
        let task = AssertUnwindSafe(task).catch_unwind();
        self.tasks.spawn(async move {
            let why = match task.await {
                Ok(Ok(())) if stop.is_cancelled() => return,
                Ok(Ok(())) => anyhow::anyhow!("{name} ended by itself"),
                Ok(Err(error)) => error.context(name),
                Err(_) => anyhow::anyhow!("{name} panicked"),
            };
            tracing::error!(error = format!("{why:#}"), "a part of the daemon has failed");
            // The first one is enough to end it all.
            drop(failed.try_send(why));
        });
    }

    pub(super) async fn end(&self, within: Duration) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(within, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "leaving tasks behind that did not end in time");
        }
    }
}
