//! A table in the forms of CSV that spreadsheets write.
//!
//! A quote that is never closed would swallow the rest of the file without a sign, blanks within
//! quotes are meant, and problems name the line where a row begins: all three have to be seen while
//! the text is read.

use crate::error::Problem;

/// A file as it is written.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) header: Vec<String>,
    /// The first rows that are not blank.
    pub(super) rows: Vec<TableRow>,
    /// How many there are.
    pub(super) count: usize,
}

/// The cells of a row: quoted ones as they are written, others without the blanks around them.
#[derive(Debug, PartialEq)]
pub(super) struct TableRow {
    /// The line of the file where it begins.
    pub(super) line: usize,
    pub(super) cells: Vec<String>,
}

impl TableRow {
    /// Where it stands, for messages.
    pub(super) fn place(&self) -> String {
        place(self.line)
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|it| is_blank(it))
    }
}

fn place(line: usize) -> String {
    format!("row {line}")
}

/// Whether a cell holds nothing.
pub(super) fn is_blank(cell: &str) -> bool {
    cell.trim().is_empty()
}

impl Table {
    /// Reads a text; so many rows are kept at most.
    ///
    /// # Errors
    ///
    /// Why it is no table.
    pub(super) fn read(text: &str, most: usize) -> Result<Self, Problem> {
        let refused = |message: &str| Problem::new("file", message);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(refused("is empty"));
        }
        let mut reader = Reader { rest: text, separator: ',', line: 1 };
        reader.separator = match reader.named_separator() {
            Some(separator) => separator,
            None => reader.likely_separator(),
        };
        let mut rows = reader.filter(|row| !row.as_ref().is_ok_and(TableRow::is_blank));
        let header = rows.next().ok_or_else(|| refused("has no header"))??.cells;
        let mut table = Self { header, rows: Vec::new(), count: 0 };
        for row in rows {
            let row = row?;
            table.count += 1;
            if table.count <= most {
                table.rows.push(row);
            }
        }
        if table.count == 0 {
            return Err(refused("has no rows below its header"));
        }
        Ok(table)
    }
}

/// Reads a text row by row.
struct Reader<'a> {
    rest: &'a str,
    separator: char,
    line: usize,
}

impl Iterator for Reader<'_> {
    type Item = Result<TableRow, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.row();
        if row.is_err() {
            self.rest = "";
        }
        Some(row)
    }
}

impl<'a> Reader<'a> {
    /// Takes a first line `sep=;`, by which Excel is told the separator.
    fn named_separator(&mut self) -> Option<char> {
        let (line, rest) = self.rest.split_at(self.rest.find(['\r', '\n'])?);
        let (key, named) = line.trim_matches('"').split_once('=')?;
        let mut named = named.chars();
        let separator = named.next().filter(|c| matches!(c, ',' | ';' | '\t' | '|'))?;
        if !key.trim().eq_ignore_ascii_case("sep") || named.next().is_some() {
            return None;
        }
        self.rest = rest;
        self.take_line_end();
        Some(separator)
    }

    /// The one of comma, semicolon and tab that the first line has most of, outside of quotes.
    fn likely_separator(&self) -> char {
        let mut counts = [(',', 0), (';', 0), ('\t', 0)];
        let (mut begins_cell, mut is_quoted, mut is_open) = (true, false, false);
        for c in self.rest.trim_start_matches(['\r', '\n']).chars() {
            if c == '"' && (begins_cell || is_quoted) {
                (begins_cell, is_quoted, is_open) = (false, true, !is_open);
            } else if let Some((_, count)) =
                counts.iter_mut().find(|(separator, _)| *separator == c && !is_open)
            {
                *count += 1;
                (begins_cell, is_quoted) = (true, false);
            } else if matches!(c, '\r' | '\n') && !is_open {
                break;
            } else {
                begins_cell &= c.is_whitespace();
            }
        }
        // Of several equals the last is taken.
        counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(',', |(it, _)| it)
    }

    fn row(&mut self) -> Result<TableRow, Problem> {
        let line = self.line;
        let mut cells = Vec::new();
        loop {
            let cell = self.cell().map_err(|message| Problem::new(place(line), message))?;
            cells.push(cell);
            match self.rest.strip_prefix(self.separator) {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.take_line_end();
        Ok(TableRow { line, cells })
    }

    fn cell(&mut self) -> Result<String, String> {
        if let Some(quoted) = self.without_blanks().strip_prefix('"') {
            self.rest = quoted;
            return self.quoted_cell();
        }
        let ends = [self.separator, '\r', '\n'];
        let (cell, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        Ok(cell.trim().to_owned())
    }

    /// The cell whose opening quote was taken.
    fn quoted_cell(&mut self) -> Result<String, String> {
        let mut cell = String::new();
        loop {
            let Some((part, rest)) = self.rest.split_once('"') else {
                return Err("has a cell whose quote is never closed".to_owned());
            };
            self.line += line_ends(part);
            cell.push_str(part);
            self.rest = rest;
            let Some(rest) = rest.strip_prefix('"') else { break };
            cell.push('"');
            self.rest = rest;
        }
        self.rest = self.without_blanks();
        if self.rest.is_empty() || self.rest.starts_with([self.separator, '\r', '\n']) {
            return Ok(cell);
        }
        Err("has a quoted cell with text behind its closing quote; a quote within quotes is \
             written twice"
            .to_owned())
    }

    fn without_blanks(&self) -> &'a str {
        let is_end = |c: char| c == self.separator || matches!(c, '\r' | '\n');
        self.rest.trim_start_matches(|c: char| c.is_whitespace() && !is_end(c))
    }

    fn take_line_end(&mut self) {
        let ends = ["\r\n", "\n", "\r"];
        if let Some(rest) = ends.into_iter().find_map(|end| self.rest.strip_prefix(end)) {
            self.rest = rest;
            self.line += 1;
        }
    }
}

fn line_ends(text: &str) -> usize {
    let count = |end: &str| text.matches(end).count();
    count("\n") + count("\r") - count("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    type Cells<'a> = &'a [&'a str];
    type Lines<'a> = &'a [(usize, Cells<'a>)];

    #[test]
    fn tables_are_read_in_the_forms_that_programs_write() {
        let cases: &[(&str, Cells<'_>, Lines<'_>)] = &[
            ("id,title\n5,A\n", &["id", "title"], &[(2, &["5", "A"])]),
            ("\u{feff}id;title\r\n5;A, B\r\n\r\n", &["id", "title"], &[(2, &["5", "A, B"])]),
            ("id\ttitle\n5\t\n6\tB", &["id", "title"], &[(2, &["5", ""]), (3, &["6", "B"])]),
            ("id,title\r5,A\r\r6,B", &["id", "title"], &[(2, &["5", "A"]), (4, &["6", "B"])]),
            (" id , title \n 5 , A \n", &["id", "title"], &[(2, &["5", "A"])]),
            ("id,title\n5,\"  A  \"\n", &["id", "title"], &[(2, &["5", "  A  "])]),
            ("id,title\n5, \"A, B\" \n", &["id", "title"], &[(2, &["5", "A, B"])]),
            ("id,title\n5,5\" pipe\n", &["id", "title"], &[(2, &["5", "5\" pipe"])]),
            ("id,title\n5,\"5\"\" pipe\"\n", &["id", "title"], &[(2, &["5", "5\" pipe"])]),
            ("id,title\n5,\"\"\n6", &["id", "title"], &[(2, &["5", ""]), (3, &["6"])]),
            ("sep=;\r\nid;title\r\n5;A\r\n", &["id", "title"], &[(3, &["5", "A"])]),
            ("\"SEP=|\"\nid|a,b,c\n5|A\n", &["id", "a,b,c"], &[(3, &["5", "A"])]),
            ("\n\nid;title\n;;\n5;A\n", &["id", "title"], &[(5, &["5", "A"])]),
            ("5\" x;id;y,z\n1;2;3\n", &["5\" x", "id", "y,z"], &[(2, &["1", "2", "3"])]),
            (
                "id,\"a,b;c;d;e\"\n5,\"x\ny\r\nz\"\n\n6,z\n",
                &["id", "a,b;c;d;e"],
                &[(2, &["5", "x\ny\r\nz"]), (6, &["6", "z"])],
            ),
        ];
        for (text, header, rows) in cases {
            let table = Table::read(text, 10).unwrap();
            assert_eq!(table.header, *header, "{text:?}");
            let rows: Vec<TableRow> = rows
                .iter()
                .map(|(line, cells)| {
                    let cells = cells.iter().map(ToString::to_string).collect();
                    TableRow { line: *line, cells }
                })
                .collect();
            assert_eq!(table.rows, rows, "{text:?}");
        }
    }

    #[test]
    fn all_rows_are_counted_and_the_first_are_kept() {
        let table = Table::read("id\n1\n\n2\n3\n", 2).unwrap();
        assert_eq!((table.rows.len(), table.count), (2, 3));
    }

    #[test]
    fn what_is_no_table_is_told_with_its_line() {
        let cases = [
            ("", "file", "is empty"),
            ("\u{feff} \r\n\r\n", "file", "is empty"),
            ("id,title\n\n", "file", "has no rows"),
            ("sep=;\n", "file", "has no header"),
            (",,\n", "file", "has no header"),
            ("id,title\n130,\"x\n131,B\n132,C\n", "row 2", "never closed"),
            ("id,title\n130,\"x\ny\"\n131,\"B\"\"\n132,C\n", "row 4", "never closed"),
            ("id,title\r\n130,\"x\r\ny\"\r\n131,\"", "row 4", "never closed"),
            ("id,\"ti;t;le\n130,x\n", "row 1", "never closed"),
            ("id,title\n130,\"x\" y\n", "row 2", "closing quote"),
            ("id,title\n130,\"x\n131,\"B\"\n", "row 2", "closing quote"),
        ];
        for (text, path, message) in cases {
            let problem = Table::read(text, 10).unwrap_err();
            assert_eq!(problem.path, path, "{text:?}");
            assert!(problem.message.contains(message), "{text:?}: {}", problem.message);
        }
    }
}
