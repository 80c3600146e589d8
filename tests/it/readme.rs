//! What the README says of settings is what the program has.

use dialbridge::config::REFERENCE;

const README: &str = include_str!("../../README.md");

#[test]
fn its_table_has_every_setting_with_its_default_and_no_other() {
    let sections: toml::Table = toml::from_str(REFERENCE).expect("the reference is TOML");
    let mut expected = Vec::new();
    for (section, keys) in &sections {
        for (key, default) in keys.as_table().expect("a section") {
            expected.push(format!("| `{section}.{key}` | `{default}` |"));
        }
    }
    let is_setting = |line: &&str| sections.keys().any(|section| line.starts_with(&format!("| `{section}.")));
    let written: Vec<&str> = README.lines().filter(is_setting).collect();
    for row in &expected {
        assert!(written.iter().any(|line| line.starts_with(row)), "the README lacks {row}");
    }
    assert_eq!(written.len(), expected.len(), "the README has settings that do not exist");
}

#[test]
fn the_metrics_that_it_recommends_exist() {
    let metrics = crate::metrics::everything();
    let words = README.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: Vec<&str> = words.filter(|word| word.starts_with("dialbridge_")).collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "there is no metric {name}");
    }
}
