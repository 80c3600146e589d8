//! The directory as a file: TOML, one `[[tenant]]` for each tenant.
//!
//! Beside what the types say, a file may give a token, a callback key or a callback header as `secret` (in clear, with a
//! warning) or as `secret_file` (the file's first line), and a password as `password` or `password_file`. All are
//! settled here, where the file is read: a token is hashed at once and its clear text goes no further; a password is
//! hashed where it is applied ([`password::seal`](super::password::seal)), since only there it shows whether it is new.
//! What comes out of [`parse`] can be sent to a daemon elsewhere, which never opens the files that it names.

use std::fs;
use std::io;

use serde::Serialize;
use toml::{Table, Value};

use crate::directory::check::{self, Flaw};
use crate::directory::secret::{Sealed, TokenHash};
use crate::directory::{Directory, Limits, Tenant};

/// A commented file to start from.
pub const SAMPLE: &str = include_str!("sample.toml");

/// What a directory file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryFile {
    /// Its tenants; secrets named without a value are not filled in yet.
    pub tenants: Vec<Tenant>,
    /// What should be better, for people.
    pub warnings: Vec<String>,
}

/// Why a file says nothing that can be applied.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not TOML.
    #[error("line {line}: {message}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// TOML, but of another shape: an unknown key, a word for a number.
    #[error("{path}: {message}")]
    Shape {
        /// As `demo: agents[3].blocked`.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// Of the right shape, but not true.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Flaws(Vec<Flaw>),
}

/// Reads a file's text, and the secret files that it names.
pub fn parse(text: &str) -> Result<DirectoryFile, FileError> {
    parse_with(text, |path| fs::read_to_string(path))
}

/// Reads a file's text, with `read` for the secret files that it names.
pub fn parse_with(text: &str, read: impl Fn(&str) -> io::Result<String>) -> Result<DirectoryFile, FileError> {
    let mut table: Table = toml::from_str(text).map_err(|error| syntax(text, &error))?;
    let tenants = table.remove("tenant").unwrap_or(Value::Array(Vec::new()));
    if let Some(key) = table.keys().next() {
        return Err(shape(key, "is unknown here: everything belongs to a [[tenant]]"));
    }
    let Value::Array(tenants) = tenants else {
        return Err(shape("tenant", "is written with two brackets: [[tenant]]"));
    };
    let mut file = DirectoryFile::default();
    for tenant in tenants {
        let tenant = parse_tenant(tenant, &read, &mut file.warnings)?;
        file.tenants.push(tenant);
    }
    file.warnings.extend(file.tenants.iter().filter_map(hasty));
    let mut flaws: Vec<Flaw> = file.tenants.iter().flat_map(check::flaws).collect();
    flaws.extend(check::shared(file.tenants.iter()));
    flaws.extend(twice(&file.tenants));
    if flaws.is_empty() { Ok(file) } else { Err(FileError::Flaws(flaws)) }
}

/// All tenants as a file. Secrets are named without their values; applying it changes nothing.
pub fn export(directory: &Directory) -> Result<String, toml::ser::Error> {
    #[derive(Serialize)]
    struct File {
        tenant: Vec<Tenant>,
    }
    let tenant = directory.tenants.values().map(|tenant| without_secrets(tenant)).collect();
    toml::to_string_pretty(&File { tenant })
}

fn parse_tenant(
    mut tenant: Value,
    read: &impl Fn(&str) -> io::Result<String>,
    warnings: &mut Vec<String>,
) -> Result<Tenant, FileError> {
    let id = tenant.get("id").and_then(Value::as_str).unwrap_or("tenant without id").to_owned();
    for (list, keeping) in
        [("tokens", Keeping::Hash), ("callback_secrets", Keeping::Clear), ("agents", Keeping::Password)]
    {
        let members = tenant.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for (i, member) in members.enumerate() {
            let path = format!("{id}: {list}[{i}]");
            let Some(member) = member.as_table_mut() else { continue };
            warnings.extend(settle(member, &path, keeping, read)?);
        }
    }
    if let Some(header) = tenant.get_mut("callback_header").and_then(Value::as_table_mut) {
        warnings.extend(settle(header, &format!("{id}: callback_header"), Keeping::Clear, read)?);
    }
    serde_path_to_error::deserialize(tenant).map_err(|error| {
        let path = error.path().to_string();
        shape(&format!("{id}: {path}"), error.into_inner().message())
    })
}

/// What becomes of a secret in clear.
#[derive(Clone, Copy)]
enum Keeping {
    Hash,
    Clear,
    Password,
}

impl Keeping {
    /// The field for the secret itself, for the file that holds it, and for its hash.
    const fn fields(self) -> [&'static str; 3] {
        match self {
            Self::Hash | Self::Clear => ["secret", "secret_file", "secret_hash"],
            Self::Password => ["password", "password_file", "password_hash"],
        }
    }
}

/// Replaces the name of a file, and for tokens the secret, by what the types know; gives a warning back.
fn settle(
    member: &mut Table,
    path: &str,
    keeping: Keeping,
    read: &impl Fn(&str) -> io::Result<String>,
) -> Result<Option<String>, FileError> {
    let [clear, in_file, hash] = keeping.fields();
    if [clear, in_file, hash].iter().filter(|field| member.contains_key(**field)).count() > 1 {
        return Err(shape(path, &format!("has more than one of {clear}, {in_file} and {hash}")));
    }
    let text = |value: Value, field: &str| match value {
        Value::String(text) => Ok(text),
        _ => Err(shape(&format!("{path}.{field}"), "is no text")),
    };
    let (secret, warning) = if let Some(file) = member.remove(in_file) {
        (first_line(&text(file, in_file)?, &format!("{path}.{in_file}"), read)?, None)
    } else if let Some(secret) = member.remove(clear) {
        let secret = text(secret, clear)?;
        let is_clear = !secret.is_empty();
        (secret, is_clear.then(|| format!("{path}.{clear} stands in the file in clear; {in_file} keeps it out")))
    } else {
        return Ok(None);
    };
    match keeping {
        Keeping::Clear | Keeping::Password => member.insert(clear.to_owned(), Value::String(secret)),
        Keeping::Hash if secret.is_empty() => None,
        Keeping::Hash => member.insert(hash.to_owned(), Value::String(TokenHash::of(&secret).into())),
    };
    Ok(warning)
}

fn first_line(file: &str, path: &str, read: &impl Fn(&str) -> io::Result<String>) -> Result<String, FileError> {
    let text = read(file).map_err(|error| shape(path, &format!("{file}: {error}")))?;
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() { Err(shape(path, &format!("{file}: is empty"))) } else { Ok(line.to_owned()) }
}

fn hasty(tenant: &Tenant) -> Option<String> {
    let (id, wise) = (&tenant.id, Limits::WISE_PER_SECOND);
    let is_hasty = tenant.limits.tenant_per_second > wise;
    is_hasty.then(|| format!("{id}: limits.tenant_per_second is above {wise}, which no people need"))
}

fn twice(tenants: &[Tenant]) -> impl Iterator<Item = Flaw> {
    let repeated = tenants.iter().enumerate().filter(|(i, tenant)| tenants[..*i].iter().any(|t| t.id == tenant.id));
    repeated.map(|(_, tenant)| Flaw {
        tenant: tenant.id.clone(),
        path: "id".to_owned(),
        message: "is there twice".to_owned(),
    })
}

fn without_secrets(tenant: &Tenant) -> Tenant {
    let mut tenant = tenant.clone();
    for token in &mut tenant.tokens {
        token.secret_hash = None;
    }
    for key in &mut tenant.callback_secrets {
        key.secret = Sealed::default();
    }
    for agent in &mut tenant.agents {
        agent.password_hash = agent.password_hash.take().map(|_| Sealed::default());
    }
    if let Some(header) = &mut tenant.callback_header {
        header.secret = Sealed::default();
    }
    tenant
}

/// Without the line itself, which may hold a secret.
fn syntax(text: &str, error: &toml::de::Error) -> FileError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(start).filter(|b| *b == b'\n').count() + 1;
    FileError::Syntax { line, message: error.message().to_owned() }
}

fn shape(path: &str, message: &str) -> FileError {
    FileError::Shape { path: path.to_owned(), message: message.to_owned() }
}
