//! Processes that end with the lab, always.
//!
//! Each is started through `setpriv --pdeathsig KILL`, so that the kernel ends it when the thread that started it dies.
//! That thread is one of our own which never ends by itself: it dies with the whole process, also by SIGKILL. Besides,
//! dropping a [`Process`] kills it. Signals go to one process id, under the lock that also reaps it, so that the id
//! cannot have passed to somebody else.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::Duration;

use anyhow::Context as _;

/// A running program of the lab.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Mutex<Child>,
}

impl Process {
    /// Starts `program`, both its outputs appended to the file `output`.
    pub fn start(name: &str, program: &Path, arguments: &[String], output: &Path) -> anyhow::Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(output)
            .with_context(|| format!("opening {}", output.display()))?;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments);
        command.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out);
        let child =
            spawn_from_lasting_thread(command).with_context(|| format!("starting {name} ({})", program.display()))?;
        Ok(Self { name: name.to_owned(), child: Mutex::new(child) })
    }

    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.child().try_wait().ok().flatten()
    }

    pub fn is_running(&self) -> bool {
        self.exit_status().is_none()
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.child();
        // It may have ended by itself: then there is nothing to do.
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let mut child = self.child();
        anyhow::ensure!(child.try_wait()?.is_none(), "{} has ended already", self.name);
        let sent = Command::new("kill").arg("-s").arg(name).arg(child.id().to_string()).status()?;
        anyhow::ensure!(sent.success(), "{} took no signal {name}", self.name);
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub async fn wait(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        super::wait_until(limit, &format!("{} to end", self.name), || self.exit_status()).await
    }

    /// SIGTERM, then SIGKILL when it has not ended within the limit.
    pub async fn terminate(&self, limit: Duration) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.exit_status() {
            return Ok(status);
        }
        self.signal("TERM")?;
        let ended = self.wait(limit).await;
        self.kill();
        ended
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

type Order = (Command, mpsc::Sender<std::io::Result<Child>>);

fn spawn_from_lasting_thread(command: Command) -> anyhow::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in orders {
                // Whoever asked may be gone: then the child is dropped, and ends with this process.
                let _ = reply.send(command.spawn());
            }
        });
        sender
    });
    let (reply, answer) = mpsc::channel();
    spawner.send((command, reply)).context("the spawning thread is gone")?;
    Ok(answer.recv().context("the spawning thread is gone")??)
}
