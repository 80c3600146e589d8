//! How answers look: JSON for programs, tables for people, as wide as the terminal, painted only there.
//!
//! What comes from a directory or a caller may hold anything, so nothing that steers a terminal or turns
//! the direction of writing reaches it.

use std::io;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Between two columns.
const GAP: usize = 2;
/// No column is cut to less.
const NARROWEST: usize = 6;

/// For whom, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// The API's JSON, unchanged.
    pub(super) is_json: bool,
    /// Columns of the terminal; none: nothing is cut.
    pub(super) width: Option<usize>,
    /// Whether colours are understood.
    pub(super) is_painted: bool,
}

/// How a value is written in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// As it is; cut where the terminal is narrow.
    Text,
    /// As it is, never cut: people copy it.
    Whole,
    /// A moment of RFC 3339, as date and time of UTC.
    Time,
    /// A state: painted by what it means.
    State,
}

/// A column: its title, where in a row its value stands (a JSON pointer), and how it is written.
pub(super) type Column = (&'static str, &'static str, Cell);

impl Look {
    /// For standard output as it is.
    pub(super) fn of_stdout() -> Self {
        let is_painted = !matches!(AutoStream::choice(&io::stdout()), ColorChoice::Never);
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { is_json: false, width, is_painted }
    }

    /// Rows under their titles; a sentence where there are none.
    pub(super) fn table(self, columns: &[Column], rows: &[Value]) -> String {
        if rows.is_empty() {
            return "None.\n".to_owned();
        }
        let cells: Vec<Vec<String>> =
            rows.iter().map(|row| columns.iter().map(|column| written(row, *column)).collect()).collect();
        let widths = self.widths(columns, &cells);
        let titles: Vec<String> = columns.iter().map(|(title, _, _)| (*title).to_owned()).collect();
        let bold = |_: usize, text: &str| self.paint(Style::new().bold(), text);
        let plain = |column: usize, text: &str| match columns[column].2 {
            Cell::State => self.state(text),
            _ => text.to_owned(),
        };
        let head = line(&titles, &widths, bold);
        cells.iter().fold(head, |text, row| text + &line(row, &widths, plain))
    }

    /// Names and values of one thing, one below the other; what is unknown is left out.
    pub(super) fn card(self, columns: &[Column], thing: &Value) -> String {
        let names = columns.iter().map(|(name, _, _)| name.width()).max().unwrap_or(0);
        let known = columns.iter().map(|column| (column.0, column.2, written(thing, *column)));
        let lines = known.filter(|(_, _, value)| value != "-").map(|(name, cell, value)| {
            let value = if cell == Cell::State { self.state(&value) } else { value };
            format!("{name:<names$}  {value}\n")
        });
        lines.collect()
    }

    /// A word for how something stands, painted by what it means.
    pub(super) fn state(self, text: &str) -> String {
        let colour = match text {
            "completed" | "delivered" | "not_inuse" | "accepted" => AnsiColor::Green,
            "failed" | "dead" | "refused" | "unavailable" | "invalid" => AnsiColor::Red,
            "busy" | "no-answer" | "canceled" | "pending" => AnsiColor::Yellow,
            _ => return text.to_owned(),
        };
        self.paint(colour.on_default(), text)
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.is_painted { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    /// As wide as the longest cell; the widest columns give way until a line fits.
    fn widths(self, columns: &[Column], cells: &[Vec<String>]) -> Vec<usize> {
        let longest = |column: usize| {
            let cells = cells.iter().map(|row| row[column].width());
            cells.chain([columns[column].0.width()]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..columns.len()).map(longest).collect();
        let Some(room) = self.width else { return widths };
        while widths.iter().sum::<usize>() + GAP * (widths.len() - 1) > room {
            let flexible = widths.iter_mut().zip(columns).filter(|(_, column)| column.2 == Cell::Text);
            let Some((widest, _)) = flexible.max_by_key(|(width, _)| **width).filter(|(width, _)| **width > NARROWEST)
            else {
                break;
            };
            *widest -= 1;
        }
        widths
    }
}

/// A value as people read it: `-` where there is none.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => printable(text),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Number(_) | Value::Object(_) => printable(&value.to_string()),
    }
}

/// `2026-01-02T03:04:05.678Z` as `2026-01-02 03:04:05`.
pub(super) fn moment(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((date, time)) => printable(&format!("{date} {}", time.get(..8).unwrap_or(time))),
        None => printable(rfc3339),
    }
}

/// `2026-01-02T03:04:05.678Z` as `03:04:05.678`.
pub(super) fn time_of_day(rfc3339: &Value) -> String {
    let text = plain(rfc3339);
    text.split_once('T').map_or(text.as_str(), |(_, time)| time.trim_end_matches('Z')).to_owned()
}

/// Without characters that steer a terminal, or that turn the direction of writing.
pub(super) fn printable(text: &str) -> String {
    let is_steering = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_steering(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn written(row: &Value, (_, pointer, cell): Column) -> String {
    match (row.pointer(pointer).unwrap_or(&Value::Null), cell) {
        (Value::String(text), Cell::Time) => moment(text),
        (value, _) => plain(value),
    }
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(usize, &str) -> String) -> String {
    let mut text = String::new();
    for (column, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = cut(cell, *width);
        text.push_str(&paint(column, &cell));
        if column + 1 < cells.len() {
            text.push_str(&" ".repeat(width - cell.width() + GAP));
        }
    }
    text.push('\n');
    text
}

/// At most `width` columns of the terminal.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: [Column; 4] = [
        ("ID", "/id", Cell::Whole),
        ("AT", "/times/at", Cell::Time),
        ("NAME", "/name", Cell::Text),
        ("STATE", "/state", Cell::State),
    ];

    fn rows() -> Vec<Value> {
        vec![
            json!({"id": "0190aa00", "times": {"at": "2026-01-02T03:04:05.678Z"}, "name": "Alice", "state": "failed"}),
            json!({"id": "0190aa01", "times": {}, "name": "Bob with a rather long name", "state": "completed"}),
            json!({"id": "0190aa02", "times": {"at": null}, "name": "יעל", "state": "queued"}),
        ]
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells_where_nobody_limits_it() {
        insta::assert_snapshot!(Look::default().table(&COLUMNS, &rows()), @"
        ID        AT                   NAME                         STATE
        0190aa00  2026-01-02 03:04:05  Alice                        failed
        0190aa01  -                    Bob with a rather long name  completed
        0190aa02  -                    יעל                          queued
        ");
    }

    #[test]
    fn a_narrow_terminal_cuts_text_and_never_an_id() {
        let look = Look { width: Some(60), ..Look::default() };
        let table = look.table(&COLUMNS, &rows());
        assert!(table.lines().all(|line| line.width() <= 60), "{table}");
        insta::assert_snapshot!(table, @"
        ID        AT                   NAME                STATE
        0190aa00  2026-01-02 03:04:05  Alice               failed
        0190aa01  -                    Bob with a rather…  completed
        0190aa02  -                    יעל                 queued
        ");
        let tiny = Look { width: Some(10), ..Look::default() }.table(&COLUMNS, &rows());
        assert!(tiny.contains("0190aa02") && tiny.contains("2026-01-02 03:04:05"), "{tiny}");
    }

    #[test]
    fn nothing_is_painted_outside_a_terminal() {
        assert!(!Look::default().table(&COLUMNS, &rows()).contains('\u{1b}'));
        let painted = Look { is_painted: true, ..Look::default() }.table(&COLUMNS, &rows());
        assert!(painted.contains("\u{1b}[32mcompleted\u{1b}[0m"), "{painted:?}");
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        let row = json!({"id": "\u{1b}[2J\u{7}", "name": "a\u{202e}b\nc"});
        let table = Look::default().table(&COLUMNS, &[row]);
        assert_eq!(table.lines().count(), 2, "{table}");
        assert!(!table.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{table:?}");
    }

    #[test]
    fn a_card_leaves_out_what_is_unknown() {
        let card = Look::default().card(&COLUMNS, &json!({"id": "0190aa00", "name": "", "state": "busy"}));
        assert_eq!(card, "ID     0190aa00\nSTATE  busy\n");
    }

    #[test]
    fn no_rows_are_said_to_be_none() {
        assert_eq!(Look::default().table(&COLUMNS, &[]), "None.\n");
    }
}
