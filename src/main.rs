//! The thin binary.

use std::process::ExitCode;

use dialbridge::cli::{self, Program};
use dialbridge::daemon;

fn main() -> ExitCode {
    cli::main(Program {
        serve: |start| Box::pin(daemon::serve(start)),
        probe_ari: |config| Box::pin(daemon::probe_ari(config)),
        probe_ami: |config| Box::pin(daemon::probe_ami(config)),
        courier: daemon::courier,
    })
}
