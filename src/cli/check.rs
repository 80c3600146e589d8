//! `dialbridge check`: is this set-up going to work, and is it wise?
//!
//! Everything is looked at before anything is said, so one run shows all there is to mend.

use std::fs;

use super::{Exit, Outcome, Program, Reached};
use crate::config::{Config, Source};
use crate::directory;

/// The oldest Asterisk without published flaws that concern us; they are told as advisories there.
const SOUND: [u32; 3] = [22, 10, 1];
const MENDED: &str = "GHSA-vrfp-mg3q-3959, GHSA-wcvv-g26m-wx5c and GHSA-8jw3-ccr9-xrmf";

/// What to think of settings that are merely unwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tolerance {
    /// Say so.
    Patient,
    /// Refuse them.
    Strict,
}

/// What was found, line by line.
#[derive(Debug, Default)]
struct Findings {
    lines: Vec<String>,
    cautions: Vec<String>,
    is_broken: bool,
    is_unreachable: bool,
}

/// Looks at the configuration, the seed of the directory, and both of Asterisk's doors.
pub(super) async fn run(program: Program, source: &Source, tolerance: Tolerance) -> Outcome {
    let config = match source.load() {
        Ok(config) => config,
        Err(error) => return Outcome::failed(Exit::Configuration, error.to_string()),
    };
    let mut findings = Findings { cautions: config.cautions.clone(), ..Findings::default() };
    findings.line("configuration", "ok", &source.describe());
    findings.seed(&config);
    let ari = (program.probe_ari)(config.ari.clone());
    let ami = (program.probe_ami)(config.ami.clone());
    let (ari, ami) = tokio::join!(ari, ami);
    findings.link("ARI", &config.ari.url, ari);
    findings.link("AMI", &config.ami.address, ami);
    findings.verdict(tolerance)
}

impl Findings {
    fn line(&mut self, what: &str, verdict: &str, detail: &str) {
        self.lines.push(format!("{what:<14} {verdict:<7} {detail}\n"));
    }

    fn seed(&mut self, config: &Config) {
        let Some(path) = &config.directory.seed else {
            return self.line("directory", "none", "no seed; the store's own counts");
        };
        let place = path.display();
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        match text.and_then(|text| directory::file::parse(&text).map_err(|error| error.to_string())) {
            Ok(file) => {
                let agents: usize = file.tenants.iter().map(|tenant| tenant.agents.len()).sum();
                let size = format!("{place}: {} tenants, {agents} agents", file.tenants.len());
                self.line("directory", "ok", &size);
                self.cautions.extend(file.warnings);
            }
            Err(why) => {
                self.is_broken = true;
                self.line("directory", "BROKEN", &format!("{place}: {why}"));
            }
        }
    }

    fn link(&mut self, what: &str, place: &str, reached: Result<Reached, String>) {
        match reached {
            Ok(Reached { version, transport, cautions }) => {
                self.line(what, "ok", &format!("{place}: Asterisk {version}, over {transport}"));
                let old = is_old(&version).then(|| {
                    format!(
                        "Asterisk {version} is older than 22.10.1, which mends {MENDED}; does your package carry them?"
                    )
                });
                self.cautions.extend(cautions);
                self.cautions.extend(old.filter(|caution| !self.cautions.contains(caution)));
            }
            Err(why) => {
                self.is_unreachable = true;
                self.line(what, "AWAY", &format!("{place}: {why}"));
            }
        }
    }

    fn verdict(mut self, tolerance: Tolerance) -> Outcome {
        self.lines.extend(self.cautions.iter().map(|caution| format!("caution: {caution}\n")));
        let (exit, complaint) = match (self.is_broken, self.is_unreachable, tolerance) {
            (true, _, _) => (Exit::Configuration, "the set-up is broken"),
            (false, true, _) => (Exit::Unreachable, "Asterisk cannot be reached"),
            (false, false, Tolerance::Strict) if !self.cautions.is_empty() => {
                (Exit::Configuration, "there are cautions")
            }
            (false, false, _) => (Exit::Done, ""),
        };
        Outcome { output: self.lines.concat(), complaint: complaint.to_owned(), exit }
    }
}

/// Whether a version, as Asterisk says it (`22.10.1+dfsg`), is older than the oldest sound one. One that
/// cannot be read (built from a branch) is not called old.
fn is_old(version: &str) -> bool {
    let digits = version.rsplit('/').next().unwrap_or_default();
    let mut parts = digits.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().ok());
    let Some(major) = parts.next().flatten() else { return false };
    let mut next = || parts.next().flatten().unwrap_or(0);
    [major, next(), next()] < SOUND
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::config::{AmiConfig, AriConfig};

    fn reached<C>(_: C) -> BoxFuture<'static, Result<Reached, String>> {
        let reached = Reached { version: "22.10.1+dfsg".to_owned(), transport: "websocket", cautions: Vec::new() };
        Box::pin(async { Ok(reached) })
    }

    fn away<C>(_: C) -> BoxFuture<'static, Result<Reached, String>> {
        Box::pin(async { Err("connection refused".to_owned()) })
    }

    fn program(ari: fn(AriConfig) -> BoxFuture<'static, Result<Reached, String>>) -> Program {
        Program {
            serve: |_| Box::pin(async { Ok(()) }),
            probe_ari: ari,
            probe_ami: reached::<AmiConfig>,
            courier: |_| Err("no courier".to_owned()),
        }
    }

    async fn check(file: &str, program: Program, tolerance: Tolerance) -> Outcome {
        let on_disk = tempfile::NamedTempFile::new().unwrap();
        fs::write(on_disk.path(), file).unwrap();
        run(program, &Source::new(Some(on_disk.path().to_owned())), tolerance).await
    }

    const SOUND_FILE: &str = "[ari]\npassword = 'correct-horse-battery'\n[ami]\npassword = 'correct-horse-staple'\n";
    const UNWISE_FILE: &str = "[ari]\npassword = 'asterisk'\n[ami]\npassword = 'correct-horse-staple'\n";

    #[tokio::test]
    async fn a_sound_set_up_is_said_to_be_so() {
        let outcome = check(SOUND_FILE, program(reached), Tolerance::Strict).await;
        assert_eq!(outcome.exit, Exit::Done, "{outcome:?}");
        assert!(outcome.output.contains("Asterisk 22.10.1+dfsg, over websocket"), "{}", outcome.output);
    }

    #[tokio::test]
    async fn what_is_unwise_is_said_and_refused_only_when_strict() {
        let outcome = check(UNWISE_FILE, program(reached), Tolerance::Patient).await;
        assert_eq!(outcome.exit, Exit::Done);
        assert!(outcome.output.contains("caution: ari.password"), "{}", outcome.output);
        assert_eq!(check(UNWISE_FILE, program(reached), Tolerance::Strict).await.exit, Exit::Configuration);
    }

    #[tokio::test]
    async fn an_asterisk_that_is_away_has_an_exit_code_of_its_own() {
        let outcome = check(SOUND_FILE, program(away::<AriConfig>), Tolerance::Patient).await;
        assert_eq!(outcome.exit, Exit::Unreachable);
        assert!(outcome.output.contains("AWAY") && outcome.output.contains("connection refused"));
    }

    #[tokio::test]
    async fn a_broken_configuration_is_told_before_anybody_is_asked() {
        let outcome = check("[http]\nlisten_on = 1\n", program(away::<AriConfig>), Tolerance::Patient).await;
        assert_eq!(outcome.exit, Exit::Configuration);
        assert!(outcome.complaint.contains("listen_on"), "{outcome:?}");
    }

    #[tokio::test]
    async fn a_seed_that_cannot_be_applied_is_broken_configuration() {
        let seed = tempfile::NamedTempFile::new().unwrap();
        fs::write(seed.path(), "[[tenant]]\nid = 'demo'\nagentz = []\n").unwrap();
        let file = format!("{SOUND_FILE}[directory]\nseed = '{}'\n", seed.path().display());
        let outcome = check(&file, program(reached), Tolerance::Patient).await;
        assert_eq!(outcome.exit, Exit::Configuration);
        assert!(outcome.output.contains("BROKEN") && outcome.output.contains("agentz"), "{}", outcome.output);
    }

    #[test]
    fn versions_before_the_sound_one_are_old() {
        for (version, expected) in [
            ("22.10.1+dfsg+~cs6.17.60671434-1", false),
            ("22.10.0", true),
            ("16.28.0~dfsg-0+deb11u4", true),
            ("certified/20.7-cert2", true),
            ("23.0.0", false),
            ("GIT-master-abc", false),
        ] {
            assert_eq!(is_old(version), expected, "{version}");
        }
    }
}
