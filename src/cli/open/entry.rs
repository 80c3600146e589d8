//! This program as the one that opens links: its entry among the user's applications, and the choice of
//! it by `xdg-mime`.
//!
//! Nothing here needs more rights than the user has, and taking the entry away leaves nothing behind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::cli::{Exit, Outcome};
use crate::config::desktop::Desktop;

const NAME: &str = "dialbridge.desktop";
/// `TEL:` besides, as links spell it that no browser has read: some `xdg-open` minds the case.
const KINDS: [&str; 4] =
    ["x-scheme-handler/votel", "x-scheme-handler/tel", "x-scheme-handler/TEL", "x-scheme-handler/callto"];
/// Where choices are written, of which the second is where older desktops did.
const CHOICES: &str = "mimeapps.list";

/// Writes the entry, and makes it the one that opens these links.
pub(super) fn install() -> Result<Outcome, Outcome> {
    let desktop = found()?;
    let program = std::env::current_exe().map_err(|why| failed(&format!("where is this program? {why}")))?;
    let program = program.to_str().ok_or_else(|| failed("the path of this program is no text"))?;
    let path = desktop.applications.join(NAME);
    let written = fs::create_dir_all(&desktop.applications).and_then(|()| fs::write(&path, entry(program)));
    written.map_err(|why| failed(&format!("{}: {why}", path.display())))?;
    fs::create_dir_all(&desktop.config).map_err(|why| failed(&format!("{}: {why}", desktop.config.display())))?;
    let chosen = Command::new("xdg-mime").args(["default", NAME]).args(KINDS).stdin(Stdio::null()).status();
    match chosen {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(failed(&format!("xdg-mime did not make {} the default: {status}", path.display()))),
        Err(why) => return Err(failed(&format!("xdg-mime, of the package xdg-utils, cannot be started: {why}"))),
    }
    refresh(&desktop.applications);
    Ok(Outcome::done(format!("votel:, tel: and callto: links open with {}\n", path.display())))
}

/// Takes the entry and the choice of it away.
pub(super) fn uninstall() -> Result<Outcome, Outcome> {
    let desktop = found()?;
    let path = desktop.applications.join(NAME);
    let was_there = remove(&path).map_err(|why| failed(&format!("{}: {why}", path.display())))?;
    for directory in [&desktop.config, &desktop.applications] {
        let choices = directory.join(CHOICES);
        unchoose(&choices).map_err(|why| failed(&format!("{}: {why}", choices.display())))?;
    }
    refresh(&desktop.applications);
    let said = if was_there { "taken away" } else { "was not there" };
    Ok(Outcome::done(format!("{} {said}\n", path.display())))
}

fn found() -> Result<Desktop, Outcome> {
    Desktop::find().ok_or_else(|| failed("HOME is not set: whose desktop is this?"))
}

fn failed(why: &str) -> Outcome {
    Outcome::failed(Exit::Failed, why)
}

fn remove(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}

fn unchoose(path: &Path) -> io::Result<()> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(why) => return Err(why),
    };
    let without = without_us(&text);
    if without == text { Ok(()) } else { fs::write(path, without) }
}

/// Desktops that keep an index of entries learn of the change; others have nothing to be told.
fn refresh(applications: &Path) {
    let mut index = Command::new("update-desktop-database");
    let _ = index.arg(applications).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// The entry. `--` keeps whatever a page writes from being read as an option.
fn entry(program: &str) -> String {
    format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=dialbridge\n\
         Comment=Call the number that a link names\n\
         Exec={} open -- %u\n\
         Icon=call-start\n\
         Terminal=false\n\
         NoDisplay=true\n\
         MimeType={};\n",
        quoted(program),
        KINDS.join(";")
    )
}

/// A program's path as the Desktop Entry Specification writes it. Plain paths stay bare: not every
/// `xdg-open` reads quotes.
fn quoted(path: &str) -> String {
    if path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+".contains(&b)) {
        return path.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in path.chars() {
        match c {
            // Once for the quotes, and once more because the value as a whole is a string with escapes.
            '\\' => quoted.push_str("\\\\\\\\"),
            '"' | '`' | '$' => quoted.extend(['\\', '\\', c]),
            '%' => quoted.push_str("%%"),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// A list of choices without our entry for our links; whatever else it says stays.
fn without_us(choices: &str) -> String {
    choices.split_inclusive('\n').filter_map(kept).collect()
}

fn kept(line: &str) -> Option<String> {
    let Some((kind, chosen)) = line.split_once('=') else { return Some(line.to_owned()) };
    let others: Vec<&str> = chosen.trim_end().split(';').filter(|name| !name.is_empty() && *name != NAME).collect();
    match () {
        () if !KINDS.contains(&kind.trim()) || !chosen.contains(NAME) => Some(line.to_owned()),
        () if others.is_empty() => None,
        () => Some(format!("{kind}={};\n", others.join(";"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_is_what_desktops_expect() {
        let lines = [
            "[Desktop Entry]",
            "Type=Application",
            "Name=dialbridge",
            "Comment=Call the number that a link names",
            "Exec=/usr/bin/dialbridge open -- %u",
            "Icon=call-start",
            "Terminal=false",
            "NoDisplay=true",
            "MimeType=x-scheme-handler/votel;x-scheme-handler/tel;x-scheme-handler/TEL;x-scheme-handler/callto;",
        ];
        assert_eq!(entry("/usr/bin/dialbridge").lines().collect::<Vec<_>>(), lines);
    }

    #[test]
    fn a_path_with_a_meaning_of_its_own_is_quoted() {
        for (path, written) in [
            ("/usr/bin/dialbridge", "/usr/bin/dialbridge"),
            ("/opt/my programs/dialbridge", "\"/opt/my programs/dialbridge\""),
            ("/a$b`c\"d", "\"/a\\\\$b\\\\`c\\\\\"d\""),
            ("/a\\b", "\"/a\\\\\\\\b\""),
            ("/100%", "\"/100%%\""),
        ] {
            assert_eq!(quoted(path), written);
        }
    }

    #[test]
    fn what_others_chose_stays() {
        let list = "[Default Applications]\n\
                    text/html=firefox.desktop\n\
                    x-scheme-handler/votel=dialbridge.desktop\n\
                    x-scheme-handler/tel=dialbridge.desktop;phone.desktop;\n\
                    x-scheme-handler/callto=phone.desktop\n\
                    x-scheme-handler/sip=dialbridge.desktop\n";
        let left = "[Default Applications]\n\
                    text/html=firefox.desktop\n\
                    x-scheme-handler/tel=phone.desktop;\n\
                    x-scheme-handler/callto=phone.desktop\n\
                    x-scheme-handler/sip=dialbridge.desktop\n";
        assert_eq!(without_us(list), left);
        assert_eq!(without_us(left), left);
    }
}
