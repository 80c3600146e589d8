//! What the command line says of itself.

use clap::{Command, CommandFactory as _};

use super::rig::Rig;
use crate::cli::{CommandLine, Exit};
use crate::config::{REFERENCE, client};

fn walk(command: &Command, path: &str, each: &mut impl FnMut(&str, &Command)) {
    let path = format!("{path}{}", command.get_name());
    each(&path, command);
    for sub in command.get_subcommands() {
        walk(sub, &format!("{path} "), each);
    }
}

#[test]
fn the_command_line_is_well_formed() {
    CommandLine::command().debug_assert();
}

#[test]
fn exit_codes_are_the_promised_ones() {
    let codes =
        [Exit::Done, Exit::Failed, Exit::Usage, Exit::Refused, Exit::Unreachable, Exit::NotReady, Exit::Configuration];
    assert_eq!(codes.map(|exit| exit as u8), [0, 1, 2, 3, 4, 5, 78]);
    let nonsense = <CommandLine as clap::Parser>::try_parse_from(["dialbridge", "nonsense"]).unwrap_err();
    assert_eq!(nonsense.exit_code(), i32::from(Exit::Usage as u8));
}

#[test]
fn the_socket_of_the_command_line_is_the_daemon_s_default() {
    let defaults: toml::Table = toml::from_str(REFERENCE).unwrap();
    assert_eq!(defaults["admin"]["socket"].as_str(), Some(client::SOCKET));
}

#[test]
fn every_command_and_every_argument_says_what_it_is_for() {
    let mut all = 0;
    walk(&CommandLine::command(), "", &mut |path, command| {
        all += 1;
        assert!(command.get_about().is_some(), "{path}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
        }
    });
    assert!(all > 25, "{all}");
}

#[test]
fn the_overview_is_one_page() {
    insta::assert_snapshot!(CommandLine::command().render_help(), @"
    Click-to-call for Asterisk: rings the agent, then the target, joins them, and tells the CRM how it ended

    Usage: dialbridge <COMMAND>

    Commands:
      serve        Run the daemon
      check        Read the configuration, reach Asterisk, and say what is wrong or unwise
      config       Print every setting with its default and what it means
      call         Place a call: first one phone rings, then the target's
      calls        List calls, or watch them live
      call-info    Show a call and what happened to it, step by step
      hangup       End a call, whoever talks
      open         Call whom a votel:, tel: or callto: link names, or be what opens them on your desktop
      caller-ids   Show the numbers that you may call as
      devices      Show the phones and what they are doing
      callbacks    Show what was told to whom, and whether it arrived
      resend       Send a callback once more
      trigger      Send a signed sample of an event
      listen       Pass live events on to a program on this machine, signed like callbacks
      directory    Change or show who may call whom, as whom, through what
      token        Make, revoke or list tokens
      agent        Set an agent's password, or the desk at which its calls ring
      completions  Print a script that completes commands in a shell
      man          Print the manual page, or write all of them
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version
    ");
}

#[tokio::test]
async fn every_shell_completes_every_command() {
    let rig = Rig::new(&[]).await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = rig.run_as_it_is(&["completions", shell]).await.output;
        assert!(script.contains("call-info") && script.contains("forward-to"), "{shell}: {script}");
    }
}

#[tokio::test]
async fn every_command_has_a_page_of_the_manual() {
    let rig = Rig::new(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let said = rig.run_as_it_is(&["man", directory.path().to_str().unwrap()]).await;
    assert_eq!(said.exit, Exit::Done, "{said:?}");
    walk(&CommandLine::command(), "", &mut |path, _| {
        let page = directory.path().join(format!("{}.1", path.replace(' ', "-")));
        assert!(page.is_file(), "{}", page.display());
    });
    let first = rig.run_as_it_is(&["man"]).await.output;
    assert!(first.starts_with(".ie") || first.contains(".TH dialbridge 1"), "{first}");
}

#[tokio::test]
async fn a_sample_directory_needs_no_daemon() {
    let rig = Rig::new(&[]).await;
    let sample = rig.run_as_it_is(&["directory", "sample", "--socket", "/nowhere/admin.sock"]).await;
    assert_eq!(sample.output, include_str!("../../directory/sample.toml"));
}
