//! CSV that spreadsheets open without running it, and that reads back as what was written.
//!
//! Every cell is quoted; one that a spreadsheet would take for a formula gets an apostrophe in front, which
//! reading takes away again. Source: OWASP, CSV Injection.

use csv::{Position, QuoteStyle, ReaderBuilder, WriterBuilder};

const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell that nobody takes for a formula.
fn guarded(cell: &str) -> String {
    if cell.starts_with(FORMULA) || cell.starts_with('\'') { format!("'{cell}") } else { cell.to_owned() }
}

/// The cell that was guarded.
fn bare(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.starts_with(FORMULA) || rest.starts_with('\'') => rest,
        _ => cell,
    }
}

/// One column with its name.
pub(super) fn write<'a>(name: &'a str, cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().quote_style(QuoteStyle::Always).from_writer(Vec::new());
    for cell in std::iter::once(name).chain(cells) {
        writer.write_record([guarded(cell)]).expect("memory takes it all, and each row has one cell");
    }
    writer.into_inner().expect("memory takes it all")
}

/// A cell and the line on which its row begins, from 1; or what is wrong there.
pub(super) type Cell = Result<(u64, String), (u64, String)>;

/// The cells of the column with this name, or of the only column where the first row does not name it.
pub(super) fn read<'a>(name: &'a str, bytes: &'a [u8]) -> impl Iterator<Item = Cell> + 'a {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
    let mut column = None;
    let mut rows = reader.into_byte_records().enumerate();
    std::iter::from_fn(move || {
        loop {
            let (index, row) = rows.next()?;
            let row = match row {
                Ok(row) => row,
                Err(error) => {
                    let line = error.position().map_or(0, |position| line_of(position, bytes));
                    return Some(Err((line, "is not CSV".to_owned())));
                }
            };
            let line = row.position().map_or(0, |position| line_of(position, bytes));
            let cells: Vec<String> =
                row.iter().map(|cell| bare(String::from_utf8_lossy(cell).trim()).to_owned()).collect();
            if index == 0 {
                column = cells.iter().position(|cell| cell.eq_ignore_ascii_case(name));
                if column.is_some() {
                    continue;
                }
            }
            return Some(match (column, cells.as_slice()) {
                (Some(column), cells) => {
                    let cell = cells.get(column).filter(|cell| !cell.is_empty());
                    cell.map(|cell| (line, cell.clone())).ok_or_else(|| (line, format!("has no {name}")))
                }
                (None, [cell]) if cell.is_empty() => Err((line, format!("has no {name}"))),
                (None, [cell]) => Ok((line, cell.clone())),
                (None, _) => Err((line, format!("has several columns, and the first line names none {name}"))),
            });
        }
    })
}

/// The line of a row: the reader notes where it was before it skipped empty lines.
fn line_of(position: &Position, bytes: &[u8]) -> u64 {
    let start = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let skipped = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    position.line() + skipped.filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(text: &str) -> Vec<Cell> {
        read("number", text.as_bytes()).collect()
    }

    fn bad(line: u64, why: &str) -> Cell {
        Err((line, why.to_owned()))
    }

    #[test]
    fn a_column_is_found_by_its_name_or_is_the_only_one() {
        let expected = [Ok((2, "+1".to_owned())), Ok((3, "+2".to_owned()))];
        assert_eq!(cells("number\n+1\n+2\n"), expected);
        assert_eq!(cells("\u{feff}name,Number,why\r\nA,+1,x\r\n\"B, C\",'+2,\"y\nz\"\r\n"), expected);
        assert_eq!(cells("+1\n\n'+2"), [Ok((1, "+1".to_owned())), Ok((3, "+2".to_owned()))], "empty lines are nothing");
        assert_eq!(cells(""), []);
    }

    #[test]
    fn a_bad_row_is_told_by_its_line() {
        assert_eq!(cells("a,number\n1\n2,3"), [bad(2, "has no number"), Ok((3, "3".to_owned()))]);
        let several = "has several columns, and the first line names none number";
        assert_eq!(cells("1\n2,3"), [Ok((1, "1".to_owned())), bad(2, several)]);
        assert_eq!(cells("number\n\" \""), [bad(2, "has no number")]);
        let _: Vec<Cell> = read("number", b"number\n\xff\xfe,\"").collect();
    }

    #[test]
    fn no_cell_is_a_formula() {
        let written = write("number", ["+1", "=HYPERLINK(1)", "-1", "@x", "\tx", "a\"b"].into_iter());
        insta::assert_snapshot!(String::from_utf8(written).unwrap(), @r#"
        "number"
        "'+1"
        "'=HYPERLINK(1)"
        "'-1"
        "'@x"
        "'	x"
        "a""b"
        "#);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(wanted in prop::collection::vec("[-+=@'\"a-z0-9,]([ ;\n'\"\\PC]{0,12}[!-~])?", 0..20)) {
            let written = write("number", wanted.iter().map(String::as_str));
            let read: Vec<String> = read("number", &written).map(|cell| cell.unwrap().1).collect();
            prop_assert_eq!(read, wanted);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _: Vec<Cell> = read("number", &bytes).collect();
        }
    }
}
