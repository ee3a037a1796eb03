//! Items with values of their own: a list in the call, or the rows of a CSV file.

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Value};

use crate::{
    change::{MAX_ITEMS, Row},
    crm::{EntityType, Naming, kind},
    error::{Failure, Problem},
    metadata::{Fields, Metadata},
    tools::context::Context,
    uploads::Upload,
};

/// A larger file holds more than a call can change.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The items of a call.
pub(super) fn of_items(
    entity: EntityType,
    items: Vec<Map<String, Value>>,
) -> Result<Vec<Row>, Failure> {
    let rows = items.into_iter().enumerate().map(|(at, mut fields)| {
        let place = format!("items.{at}");
        let key = fields.keys().find(|key| key.trim().eq_ignore_ascii_case("id")).cloned();
        let id = key.and_then(|key| fields.shift_remove(&key));
        // `{"id": 5, "fields": {…}}` is how one item is changed.
        if let (1, Some(Value::Object(inner))) = (fields.len(), fields.get_mut("fields")) {
            fields = std::mem::take(inner);
        }
        if fields.is_empty() {
            return Err(Problem::new(place, "names no field"));
        }
        read(entity, id.as_ref(), fields, place)
    });
    in_order("items", rows.collect())
}

/// The problem of more items than a plan may have.
pub(super) fn too_many(path: &str, count: usize) -> Problem {
    Problem::new(
        path,
        format!(
            "names {count} items, and one call changes at most {MAX_ITEMS}; change them in parts"
        ),
    )
}

/// One row, or what is wrong with it.
fn read(
    entity: EntityType,
    id: Option<&Value>,
    fields: Map<String, Value>,
    place: String,
) -> Result<Row, Problem> {
    let id = match id {
        None => Err("has no `id`".to_owned()),
        Some(id) => {
            let number = kind::whole_number(id).and_then(|id| u64::try_from(id).ok());
            let linked = || entity.item_in(id.as_str()?).ok();
            let id = number.or_else(linked).filter(|id| *id > 0);
            id.ok_or_else(|| "has an `id` that is no number".to_owned())
        }
    };
    match id {
        Err(message) => Err(Problem::new(place, message)),
        Ok(id) => Ok(Row { id, fields, place }),
    }
}

/// Rows by ascending id, each item once.
fn in_order(name: &str, rows: Vec<Result<Row, Problem>>) -> Result<Vec<Row>, Failure> {
    /// More problems would not be read.
    const MAX_PROBLEMS: usize = 20;
    if rows.len() > MAX_ITEMS {
        return Err(Failure::refused_argument(too_many(name, rows.len())));
    }
    let mut problems = Vec::new();
    let mut in_order: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match row {
            Ok(row) => in_order.push(row),
            Err(problem) => problems.push(problem),
        }
    }
    in_order.sort_by_key(|row| row.id);
    problems.extend(in_order.windows(2).filter_map(|pair| match pair {
        [one, other] if one.id == other.id => {
            let message = format!("names item {} again, after `{}`", other.id, one.place);
            Some(Problem::new(&other.place, message))
        }
        _ => None,
    }));
    if problems.is_empty() {
        return Ok(in_order);
    }
    problems.truncate(MAX_PROBLEMS);
    Err(Failure::refused_arguments(problems))
}

/// The rows of a file of this machine.
pub(super) async fn of_file(
    context: Context<'_>,
    entity: EntityType,
    naming: Naming,
    path: &str,
) -> Result<Vec<Row>, Failure> {
    let refused = |message: String| Failure::refused_argument(Problem::new("file", message));
    let text = text_of(context, path).await.map_err(refused)?;
    let table = Table::read(&text).map_err(refused)?;
    let columns = table.columns(context, entity, naming).await?;
    let rows = table.rows.iter().map(|(number, cells)| {
        let mut fields = Map::new();
        let mut id = None;
        for (column, cell) in columns.iter().zip(cells.iter()) {
            match column {
                Column::Id => id = Some(Value::from(cell)).filter(|_| !cell.is_empty()),
                // An empty cell leaves the field as it is.
                Column::Field(_) if cell.is_empty() => {}
                Column::Field(name) => {
                    fields.insert(name.clone(), cell.into());
                }
            }
        }
        if cells.len() > columns.len() {
            let message = "has more cells than the header";
            return Err(Problem::new(format!("row {number}"), message));
        }
        read(entity, id.as_ref(), fields, format!("row {number}"))
    });
    in_order("file", rows.collect())
}

/// The text of a file below one of the allowed folders; a relative path is looked for in each.
async fn text_of(context: Context<'_>, path: &str) -> Result<String, String> {
    let policy = &context.call.account.files;
    let typed = Path::new(path.trim());
    let candidates: Vec<PathBuf> = if typed.is_absolute() || policy.folders.is_empty() {
        vec![typed.to_owned()]
    } else {
        policy.folders.iter().map(|folder| folder.join(typed)).collect()
    };
    let mut refusal = String::new();
    for candidate in candidates {
        match Upload::open(&candidate, None, policy) {
            Err(wrong) => refusal = wrong.message,
            Ok(file) => {
                if let Some(refusal) = file.refusal().await {
                    return Err(refusal);
                }
                let bytes = file
                    .content(MAX_BYTES)
                    .await
                    .map_err(|error| format!("cannot be read: {}", error.kind()))?;
                let text = String::from_utf8(bytes);
                return text.map_err(|_| "is not UTF-8; save it as CSV in UTF-8".to_owned());
            }
        }
    }
    Err(refusal)
}

/// A column of a file.
enum Column {
    Id,
    Field(String),
}

/// A file as it is written.
struct Table {
    header: StringRecord,
    /// Each with its number.
    rows: Vec<(usize, StringRecord)>,
}

impl Table {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first = text.lines().next().unwrap_or_default();
        let mut reader = ReaderBuilder::new()
            .delimiter(separator(first))
            .trim(Trim::All)
            .flexible(true)
            .from_reader(text.as_bytes());
        let unread = |error: csv::Error| format!("is not CSV: {error}");
        let header = reader.headers().map_err(unread)?.clone();
        let mut rows = Vec::new();
        for (at, record) in reader.records().enumerate() {
            let record = record.map_err(unread)?;
            if record.iter().all(str::is_empty) {
                continue;
            }
            // As a spreadsheet counts, whose first row is the header.
            rows.push((at + 2, record));
            if rows.len() > MAX_ITEMS {
                return Err(format!("has more than {MAX_ITEMS} rows; change the items in parts"));
            }
        }
        if rows.is_empty() {
            return Err("has no rows below its header".to_owned());
        }
        Ok(Self { header, rows })
    }

    /// What each column holds: the header has names or titles of fields.
    async fn columns(
        &self,
        context: Context<'_>,
        entity: EntityType,
        naming: Naming,
    ) -> Result<Vec<Column>, Failure> {
        let list = context.metadata.field_list(entity, &context.call.deadline).await;
        let list = list.map_err(|error| context.unreadable(entity, Metadata::FIELDS, &error))?;
        let fields = Fields { entity, naming, item: None, list: Some(&list) };
        let mut problems = Vec::new();
        let mut columns = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for typed in &self.header {
            if typed.eq_ignore_ascii_case("id") {
                columns.push(Column::Id);
                names.push("id".to_owned());
                continue;
            }
            let path = format!("file.{typed}");
            let found = match fields.titled(typed) {
                Some(name) if fields.find(typed).is_err() => Ok(name),
                _ => fields.resolve_among(problems.len(), typed, &path).map(|field| field.name),
            };
            match found {
                Ok(name) => {
                    if names.contains(&name) {
                        let message = format!("is a second column of `{name}`");
                        problems.push(Problem::new(&path, message));
                    }
                    names.push(name.clone());
                    columns.push(Column::Field(name));
                }
                Err(
                    crate::metadata::Unresolved::Unknown(problem)
                    | crate::metadata::Unresolved::Ambiguous(problem),
                ) => problems.push(problem),
            }
        }
        let ids = columns.iter().filter(|column| matches!(column, Column::Id)).count();
        if ids != 1 {
            let message = "needs a header with one column `id`";
            problems.push(Problem::new("file", message));
        }
        if problems.is_empty() { Ok(columns) } else { Err(Failure::refused_arguments(problems)) }
    }
}

/// What separates the cells of a header: the one of comma, semicolon and tab that it has most of.
fn separator(header: &str) -> u8 {
    let mut is_quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in header.bytes() {
        is_quoted ^= byte == b'"';
        for (separator, count) in &mut counts {
            if !is_quoted && byte == *separator {
                *count += 1;
            }
        }
    }
    let [mut most, others @ ..] = counts;
    for other in others {
        if other.1 > most.1 {
            most = other;
        }
    }
    most.0
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
            (
                "id,\"a,b;c;d\"\n5,\"x\ny\"\n6,z\n",
                &["id", "a,b;c;d"],
                &[(2, &["5", "x\ny"]), (3, &["6", "z"])],
            ),
            (" id , title \n 5 , A \n", &["id", "title"], &[(2, &["5", "A"])]),
        ];
        for (text, header, rows) in cases {
            let table = Table::read(text).unwrap();
            assert_eq!(table.header.iter().collect::<Vec<_>>(), *header, "{text:?}");
            let read: Vec<(usize, Vec<&str>)> =
                table.rows.iter().map(|(line, row)| (*line, row.iter().collect())).collect();
            let rows: Vec<(usize, Vec<&str>)> =
                rows.iter().map(|(line, row)| (*line, row.to_vec())).collect();
            assert_eq!(read, rows, "{text:?}");
        }
        assert!(Table::read("id,title\n").is_err());
        assert!(Table::read("").is_err());
    }
}
