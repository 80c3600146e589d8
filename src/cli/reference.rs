//! `dialbridge completions` and `man`: made from the command line itself, so they cannot differ from it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::session::Ended;
use super::{Exit, Outcome};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// For which shell
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Write a page for each command into this directory
    directory: Option<PathBuf>,
}

/// `dialbridge completions`
pub(super) fn completions(mut commands: Command, Completions { shell }: &Completions) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(*shell, &mut commands, "dialbridge", &mut script);
    Outcome::done(String::from_utf8_lossy(&script))
}

/// `dialbridge man`: the first page on standard output, or all of them as files.
pub(super) fn man(commands: Command, man: &Man) -> Ended {
    let failed = |error: std::io::Error| Outcome::failed(Exit::Failed, error.to_string());
    if let Some(directory) = &man.directory {
        return write_all(commands, directory).map_err(failed);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(commands).render(&mut page).map_err(failed)?;
    Ok(Outcome::done(String::from_utf8_lossy(&page)))
}

fn write_all(commands: Command, directory: &Path) -> std::io::Result<Outcome> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(commands, directory)?;
    Ok(Outcome::done(format!("Written to {}.\n", directory.display())))
}
