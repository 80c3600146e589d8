//! The directory of a world: whose it is, and what is cleared in it.
//!
//! A world clears away what an earlier one left, so it must not take a directory for its own that is not: one that is
//! new or empty, one with the marker that an earlier world left, or `.lab` in this repository. The marker is locked for
//! as long as the world lives, and free again however its process ends.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

const MARKER: &str = ".dialbridge-lab";
const FETCHED: [&str; 2] = ["roots", "webhooks"];

/// A directory that belongs to one world.
#[derive(Debug)]
pub struct Place {
    /// Absolute.
    pub dir: PathBuf,
    _lock: File,
}

impl Place {
    /// Makes the directory where it is missing, keeps other worlds out of it, and clears it.
    pub fn claim(dir: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let marker = dir.join(MARKER);
        let is_ours = marker.is_file() || is_in_repository(&dir) || holds_only_fetched(&dir)?;
        anyhow::ensure!(
            is_ours,
            "{} holds files that no lab has made: set LAB_DIR to a directory that is new or empty",
            dir.display()
        );
        let lock = File::create(&marker).with_context(|| format!("making {}", marker.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                anyhow::bail!("another lab runs in {}: end it, or set LAB_DIR to another directory", dir.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).context("locking the lab's directory"),
        }
        clear(&dir)?;
        Ok(Self { dir, _lock: lock })
    }
}

fn is_in_repository(dir: &Path) -> bool {
    super::repository().join(".lab").canonicalize().is_ok_and(|own| dir.starts_with(own))
}

/// Whether there is nothing but what the tests' own scripts fetch.
fn holds_only_fetched(dir: &Path) -> anyhow::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if !FETCHED.iter().any(|fetched| name == *fetched) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Takes away what an earlier world left, and nothing else.
fn clear(dir: &Path) -> anyhow::Result<()> {
    for sub in ["asterisk", "audio", "sip"] {
        let path = dir.join(sub);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    for sub in ["audio", "sip"] {
        fs::create_dir_all(dir.join(sub)).with_context(|| format!("making {}/{sub}", dir.display()))?;
    }
    // An earlier world's calls are over, and their database with them.
    for file in ["dialbridge.db", "dialbridge.db-wal", "dialbridge.db-shm"] {
        match fs::remove_file(dir.join(file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    for log in ["carrier.log", "phones.log", "callbacks.log", "dialbridge.log"] {
        fs::write(dir.join(log), "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_somebodys_files_is_left_alone() {
        let home = tempfile::tempdir().expect("a directory");
        let audio = home.path().join("audio");
        fs::create_dir(&audio).expect("made");
        fs::write(audio.join("song.wav"), "la").expect("written");
        let refused = Place::claim(home.path()).expect_err("not a lab's").to_string();
        assert!(refused.contains("no lab has made"), "{refused}");
        assert!(audio.join("song.wav").is_file());
    }

    #[test]
    fn one_world_at_a_time_and_the_next_clears_what_the_last_left() {
        let parent = tempfile::tempdir().expect("a directory");
        let dir = parent.path().join("lab");
        let first = Place::claim(&dir).expect("new");
        fs::write(dir.join("audio/old.wav"), "la").expect("written");
        let refused = Place::claim(&dir).expect_err("taken").to_string();
        assert!(refused.contains("another lab runs in"), "{refused}");
        assert!(dir.join("audio/old.wav").is_file());
        drop(first);
        drop(Place::claim(&dir).expect("free again"));
        assert!(!dir.join("audio/old.wav").exists());
    }
}
