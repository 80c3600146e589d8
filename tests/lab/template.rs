//! Files with placeholders: `{ari_port}`, `{dir}`, and `{sink_port+9}` for a port nearby.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::ports::Ports;

/// Values by the name of their placeholder.
#[derive(Clone, Debug, Default)]
pub struct Values(BTreeMap<String, String>);

impl Values {
    /// All ports of a world, and its directory.
    pub fn of(ports: &Ports, dir: &Path) -> Self {
        let mut values = Self::default();
        for (name, port) in [
            ("http_port", ports.http),
            ("metrics_port", ports.metrics),
            ("ari_port", ports.ari),
            ("ami_port", ports.ami),
            ("sip_port", ports.sip),
            ("carrier_port", ports.carrier),
            ("phones_port", ports.phones),
            ("sink_port", ports.sink),
            ("rtp_first", ports.rtp.0),
            ("rtp_last", ports.rtp.1),
        ] {
            values.set(name, &port);
        }
        values.set("dir", &dir.display());
        values
    }

    pub fn set(&mut self, name: &str, value: &dyn Display) {
        self.0.insert(name.to_owned(), value.to_string());
    }

    /// Fills the placeholders in. Braces around anything that is no known name stay as they are.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from_open) = rest.split_at(open);
            filled.push_str(before);
            let found = from_open.find('}').and_then(|close| Some((close, self.value(&from_open[1..close])?)));
            let taken = if let Some((close, value)) = found {
                filled.push_str(&value);
                close + 1
            } else {
                filled.push('{');
                1
            };
            rest = &from_open[taken..];
        }
        filled + rest
    }

    /// Reads a template, writes it filled in.
    pub fn render(&self, template: &Path, to: &Path) -> anyhow::Result<()> {
        let text = fs::read_to_string(template).with_context(|| format!("reading {}", template.display()))?;
        fs::write(to, self.fill(&text)).with_context(|| format!("writing {}", to.display()))
    }

    fn value(&self, name: &str) -> Option<String> {
        let Some((name, offset)) = name.split_once('+') else { return self.0.get(name).cloned() };
        let base: u16 = self.0.get(name)?.parse().ok()?;
        Some((base + offset.parse::<u16>().ok()?).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_filled_in_and_other_braces_stay() {
        let mut values = Values::default();
        values.set("sink_port", &8090);
        assert_eq!(
            values.fill("a = \"{sink_port}-{sink_port+9}\" { x = 1 } {number}"),
            "a = \"8090-8099\" { x = 1 } {number}"
        );
    }
}
