//! Secrets that stand in files of their own: read once, at load.
//!
//! A file that everybody on the machine may read is refused: it is no secret. systemd's credentials
//! (`LoadCredential=`) are files in a directory named by `$CREDENTIALS_DIRECTORY`; that name may be
//! written literally at the start of a path.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{Config, ConfigError};

/// How a path into the directory of credentials begins.
const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY";

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Neither in clear nor as a file.
    #[error("is not set; put the password into a file of mode 0600 and name it in password_file")]
    Missing,
    /// Both in clear and as a file.
    #[error("is set beside password_file; keep one of them")]
    Ambiguous,
    /// The path starts with `$CREDENTIALS_DIRECTORY`, and systemd has given none.
    #[error("starts with $CREDENTIALS_DIRECTORY, which is not set: the unit needs LoadCredential=")]
    NoCredentials,
    /// The file cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file is no secret.
    #[error("{}: everybody on this machine may read it; chmod 0600 {}", path.display(), path.display())]
    Exposed {
        /// Which.
        path: PathBuf,
    },
}

/// Reads the files that hold passwords into the fields that take them, and forgets the files.
pub(super) fn resolve(config: &mut Config, credentials: Option<&Path>) -> Result<(), ConfigError> {
    let Config { ari, ami, .. } = config;
    for (names, clear, file) in [
        (["ari.password", "ari.password_file"], &mut ari.password, ari.password_file.take()),
        (["ami.password", "ami.password_file"], &mut ami.password, ami.password_file.take()),
    ] {
        let fault = |key: &'static str| move |source| ConfigError::Secret { key, source };
        *clear = match (clear.expose_secret().is_empty(), file) {
            (true, Some(path)) => read(&path, credentials).map_err(fault(names[1]))?,
            (false, None) => continue,
            (true, None) => return Err(fault(names[0])(SecretError::Missing)),
            (false, Some(_)) => return Err(fault(names[0])(SecretError::Ambiguous)),
        };
    }
    Ok(())
}

/// Whether anybody on this machine may read a file; a file that is not there may not be read.
pub(super) fn others_may_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
}

/// The first line of the file: editors leave an end of line behind.
fn read(path: &Path, credentials: Option<&Path>) -> Result<SecretString, SecretError> {
    let path = match (path.strip_prefix(CREDENTIALS), credentials) {
        (Ok(rest), Some(directory)) => directory.join(rest),
        (Ok(_), None) => return Err(SecretError::NoCredentials),
        (Err(_), _) => path.to_owned(),
    };
    if others_may_read(&path) {
        return Err(SecretError::Exposed { path });
    }
    let unreadable = |why: String| SecretError::Unreadable { path: path.clone(), why };
    let text = fs::read_to_string(&path).map_err(|fault| unreadable(fault.to_string()))?;
    match text.lines().next().unwrap_or_default() {
        "" => Err(unreadable("its first line is empty".to_owned())),
        line => Ok(line.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(mode: u32, text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ari-password");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_secret_is_the_first_line_of_its_file() {
        let (_directory, path) = secret(0o600, "s3cret\n");
        assert_eq!(read(&path, None).unwrap().expose_secret(), "s3cret");
    }

    #[test]
    fn a_file_that_everybody_may_read_is_refused() {
        let (_directory, path) = secret(0o644, "s3cret\n");
        assert!(matches!(read(&path, None), Err(SecretError::Exposed { .. })));
    }

    #[test]
    fn an_empty_file_is_no_secret() {
        let (_directory, path) = secret(0o600, "\n");
        assert!(matches!(read(&path, None), Err(SecretError::Unreadable { .. })));
    }

    #[test]
    fn credentials_of_systemd_are_found_by_their_directory() {
        let (directory, _) = secret(0o400, "s3cret");
        let path = Path::new("$CREDENTIALS_DIRECTORY/ari-password");
        assert_eq!(read(path, Some(directory.path())).unwrap().expose_secret(), "s3cret");
        assert!(matches!(read(path, None), Err(SecretError::NoCredentials)));
    }

    #[test]
    fn a_password_must_come_from_exactly_one_place() {
        let config = |ari: &str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            fs::write(file.path(), format!("[ari]\n{ari}\n[ami]\npassword = 'x'\n")).unwrap();
            Config::load(Some(file.path()), std::iter::empty()).map(|_| ()).unwrap_err().to_string()
        };
        assert!(config("").starts_with("ari.password: is not set"), "{}", config(""));
        assert!(config("password = 'x'\npassword_file = '/y'").contains("keep one"));
    }
}
