//! The thin binary.

use std::process::ExitCode;

use dialbridge::cli::{self, Program};

fn main() -> ExitCode {
    cli::main(Program {
        serve: |_| Box::pin(async { anyhow::bail!("the daemon is not built in") }),
        probe_ari: |_| Box::pin(async { Err("the link is not built in".to_owned()) }),
        probe_ami: |_| Box::pin(async { Err("the link is not built in".to_owned()) }),
    })
}
