//! Where a user's own desktop keeps which program opens what (freedesktop.org's base directories).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::source;

/// Directories of the user who runs this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desktop {
    /// Where entries of programs lie: `~/.local/share/applications`.
    pub applications: PathBuf,
    /// Where choices are kept: `~/.config`.
    pub config: PathBuf,
}

impl Desktop {
    /// That of this process; none where `HOME` is not set.
    pub fn find() -> Option<Self> {
        Self::of(&source::variables(|name| ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"].contains(&name)))
    }

    fn of(variables: &BTreeMap<String, String>) -> Option<Self> {
        // A path that is not absolute does not count, says the specification.
        let path = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let below = |name, rest: &Path| path(name).or_else(|| Some(path("HOME")?.join(rest)));
        Some(Self {
            applications: below("XDG_DATA_HOME", Path::new(".local/share"))?.join("applications"),
            config: below("XDG_CONFIG_HOME", Path::new(".config"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<(String, String)> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let Desktop { applications, config } = Desktop::of(&variables)?;
        Some((applications.display().to_string(), config.display().to_string()))
    }

    #[test]
    fn a_home_is_enough_and_other_places_may_be_named() {
        let usual = Some(("/home/a/.local/share/applications".to_owned(), "/home/a/.config".to_owned()));
        assert_eq!(found(&[("HOME", "/home/a")]), usual);
        assert_eq!(found(&[("HOME", "/home/a"), ("XDG_DATA_HOME", ""), ("XDG_CONFIG_HOME", "here")]), usual);
        let named = [("XDG_DATA_HOME", "/d"), ("XDG_CONFIG_HOME", "/c")];
        assert_eq!(found(&named), Some(("/d/applications".to_owned(), "/c".to_owned())));
        assert_eq!(found(&[("HOME", "")]), None);
    }
}
