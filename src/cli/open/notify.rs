//! A word on the user's screen, where there is one: links are opened by a browser that shows no output.

use std::process::{Command, Stdio};

/// Shows it by `notify-send`, without waiting. A desktop that has none of it has the output.
pub(in crate::cli) fn notify(summary: &str, body: &str) {
    let mut command = Command::new("notify-send");
    command.args(["--app-name=dialbridge", "--icon=call-start", "--"]).args([summary, &escaped(body)]);
    // Whether it can be shown is not known before it is tried, and changes nothing.
    drop(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn());
}

/// Bodies are read as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_as_it_is() {
        assert_eq!(escaped("as +1 (R&D <b>)"), "as +1 (R&amp;D &lt;b&gt;)");
    }
}
