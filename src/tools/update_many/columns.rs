//! The columns of a table: which fields they are, and which values their cells ask for.

use serde_json::Value;

use super::table::{Table, is_blank};
use crate::{
    crm::{Kind, Shape, text},
    error::Problem,
    metadata::{Fields, Missing, ResolvedField, Unresolved},
};

/// More problems would not be read.
pub(super) const MAX_PROBLEMS: usize = 20;

/// What a column holds.
#[derive(Debug)]
pub(super) enum Column<'a> {
    Id,
    Field(ResolvedField<'a>),
    /// Nothing, or what was told as a problem.
    Ignored,
}

/// What each column of a table holds, and what is wrong with its header: it has names or titles of
/// fields.
pub(super) fn of<'a>(table: &Table, fields: &Fields<'a>) -> (Vec<Column<'a>>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut columns: Vec<Column<'a>> = Vec::new();
    for (at, typed) in table.header.iter().enumerate() {
        let read = if problems.len() < MAX_PROBLEMS {
            column(table, fields, (at, typed.trim()), problems.len())
        } else {
            Ok(Column::Ignored)
        };
        let read = read.and_then(|column| match column.name() {
            Some(name) if columns.iter().any(|other| other.name() == Some(name)) => {
                let message = format!("is a second column of `{name}`");
                Err(Problem::new(path_of(typed), message))
            }
            _ => Ok(column),
        });
        columns.push(read.unwrap_or_else(|problem| {
            problems.push(problem);
            Column::Ignored
        }));
    }
    let names = || columns.iter().filter_map(Column::name);
    if !names().any(|name| name == ID) {
        problems.push(Problem::new("file", "has no column `id`"));
    } else if names().count() == 1 && problems.is_empty() {
        problems.push(Problem::new("file", "has no column of a field beside `id`"));
    }
    (columns, problems)
}

const ID: &str = "id";

impl Column<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Id => Some(ID),
            Self::Field(field) => Some(&field.name),
            Self::Ignored => None,
        }
    }
}

/// Where a header stands in messages.
fn path_of(typed: &str) -> String {
    /// No name is longer.
    const MAX_CHARACTERS: usize = 100;
    format!("file.{}", text::beginning(typed.trim(), MAX_CHARACTERS))
}

fn column<'a>(
    table: &Table,
    fields: &Fields<'a>,
    (at, typed): (usize, &str),
    problems: usize,
) -> Result<Column<'a>, Problem> {
    if typed.is_empty() {
        let holds_it = |cells: &[String]| cells.get(at).is_some_and(|cell| !is_blank(cell));
        return match table.rows.iter().find(|row| holds_it(&row.cells)) {
            None => Ok(Column::Ignored),
            Some(row) => {
                let message =
                    format!("has no header for column {}, which `{}` fills", at + 1, row.place());
                Err(Problem::new("file", message))
            }
        };
    }
    if typed.eq_ignore_ascii_case(ID) {
        return Ok(Column::Id);
    }
    let path = path_of(typed);
    let told = |unresolved: Unresolved| match unresolved {
        Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem) => problem,
    };
    if !matches!(fields.find(typed), Err(Missing::None(_))) {
        return fields.resolve(typed, &path).map(Column::Field).map_err(told);
    }
    match fields.all_titled(typed).as_slice() {
        [] => fields.resolve_among(problems, typed, &path).map(Column::Field).map_err(told),
        [name] => fields.resolve(name, &path).map(Column::Field).map_err(told),
        several => Err(title_of_several(several, path)),
    }
}

fn title_of_several(names: &[String], path: String) -> Problem {
    const MAX_NAMES: usize = 3;
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|it| format!("`{it}`")).collect();
    let more = match names.len().saturating_sub(MAX_NAMES) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "is the title of several fields: {}{more}; write one of the names",
        shown.join(", ")
    );
    Problem::unknown_field(path, message)
}

/// What a cell asks for: its text, but for what a text cannot say.
///
/// # Errors
///
/// Why it cannot be read, to be read after the field's name.
pub(super) fn value(field: &ResolvedField<'_>, cell: &str) -> Result<Value, String> {
    let Shape { kind, is_multiple } = field.shape;
    let is_list = is_multiple || kind.is_list_of_ids();
    let is_structured = matches!(kind, Kind::File | Kind::Picture | Kind::Multifield);
    let typed = cell.trim();
    let begins_as_json = |opening: char, is_so: bool| is_so && typed.starts_with(opening);
    if begins_as_json('[', is_list || is_structured) || begins_as_json('{', is_structured) {
        return serde_json::from_str(typed).map_err(|_| {
            let opening = typed.chars().next().unwrap_or_default();
            format!("begins with `{opening}` and is no JSON; a list is written {LISTS}")
        });
    }
    let whole = Value::from(cell);
    if !is_list || is_structured || is_one_value(field, &whole) {
        return Ok(whole);
    }
    let is_end = |c: char| matches!(c, ',' | ';');
    let parts = typed.split(|c: char| is_end(c) || c.is_whitespace());
    let parts: Vec<Value> = parts.filter(|part| !part.is_empty()).map(Value::from).collect();
    let are_ids = kind.holds_ids() || kind == Kind::CrmLink;
    if are_ids && parts.iter().all(|part| kind.encode(part).is_ok()) {
        return Ok(parts.into());
    }
    // A person's name has spaces; what else is wrong is told where all values are checked.
    if typed.contains(is_end) {
        let ids = if are_ids { "as ids `1, 2` or " } else { "" };
        return Err(format!("is not one value; write several {ids}as a JSON list {LISTS}"));
    }
    Ok(whole)
}

const LISTS: &str = "`[1,2]` or `[\"a\",\"b\"]`";

/// Whether a list can hold the whole text as one of its values.
fn is_one_value(field: &ResolvedField<'_>, whole: &Value) -> bool {
    match (field.shape.kind, field.listed) {
        (Kind::Choice, Some(listed)) => {
            listed.choose(whole).is_ok_and(|(chosen, _)| field.shape.encode(&chosen).is_ok())
        }
        _ => field.shape.encode(whole).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::crm::field_list::FieldList;
    use crate::crm::{EntityType, Naming};

    fn list() -> FieldList {
        let several = |portal_type: &str| json!({"type": portal_type, "isMultiple": true});
        let options = json!([{"ID": "44", "VALUE": "Fair"}, {"ID": "45", "VALUE": "Left, right"},
            {"ID": "46", "VALUE": "1, 2"}]);
        let choices = json!({"type": "enumeration", "isMultiple": true, "items": options});
        let fields = json!({
            "ufCrm_texts": several("string"), "ufCrm_numbers": several("integer"),
            "ufCrm_days": several("date"), "ufCrm_money": several("money"),
            "ufCrm_items": several("crm"), "ufCrm_people": several("employee"),
            "ufCrm_choices": choices, "ufCrm_files": several("file"),
            "ufCrm_file": {"type": "file"},
        });
        FieldList::read(&json!({"fields": fields})).unwrap()
    }

    #[test]
    fn cells_ask_for_texts_and_where_a_field_holds_several_for_lists() {
        let list = list();
        let (entity, naming) = (EntityType::new(2), Naming::default());
        let fields = Fields { entity, naming, item: None, list: Some(&list) };
        let cases = [
            ("title", " [1,2] ", Some(json!(" [1,2] "))),
            ("title", "a, b", Some(json!("a, b"))),
            ("opportunity", "12000.50", Some(json!("12000.50"))),
            ("opportunity", "12,5", Some(json!("12,5"))),
            ("assignedById", "Ivan Petrov", Some(json!("Ivan Petrov"))),
            ("observers", "7", Some(json!("7"))),
            ("observers", "[7]", Some(json!([7]))),
            ("observers", "1, 2;3 4", Some(json!(["1", "2", "3", "4"]))),
            ("observers", "7,", Some(json!(["7"]))),
            ("observers", "Ivan Petrov", Some(json!("Ivan Petrov"))),
            ("observers", "[\"Ivan Petrov\", 7]", Some(json!(["Ivan Petrov", 7]))),
            ("observers", "Petrov, Ivan", None),
            ("observers", "1, x", None),
            ("observers", "[1, 2", None),
            ("contactIds", "5 7", Some(json!(["5", "7"]))),
            ("contactIds", "[]", Some(json!([]))),
            ("contactIds", "-5, 7", None),
            ("ufCrm_texts", "a, b; c", Some(json!("a, b; c"))),
            ("ufCrm_texts", " [\"a\",\"b\"]", Some(json!(["a", "b"]))),
            ("ufCrm_texts", "[draft] a", None),
            ("ufCrm_numbers", "5", Some(json!("5"))),
            ("ufCrm_numbers", "[5, 6]", Some(json!([5, 6]))),
            ("ufCrm_numbers", "5, 6", None),
            ("ufCrm_days", "2026-12-31", Some(json!("2026-12-31"))),
            ("ufCrm_days", "2026-12-31, 2027-01-01", None),
            ("ufCrm_money", "300|USD", Some(json!("300|USD"))),
            ("ufCrm_money", "[\"300|USD\",\"5|EUR\"]", Some(json!(["300|USD", "5|EUR"]))),
            ("ufCrm_items", "D_1", Some(json!("D_1"))),
            ("ufCrm_items", "D_1, CO_3", Some(json!(["D_1", "CO_3"]))),
            ("ufCrm_items", "D_1, X_3", None),
            ("ufCrm_people", "1;6", Some(json!(["1", "6"]))),
            ("ufCrm_choices", "Fair", Some(json!("Fair"))),
            ("ufCrm_choices", "Left, right", Some(json!("Left, right"))),
            ("ufCrm_choices", "1, 2", Some(json!("1, 2"))),
            ("ufCrm_choices", "44, 45", Some(json!(["44", "45"]))),
            ("ufCrm_choices", "Fair, 45", None),
            ("ufCrm_choices", "[\"Fair\",45]", Some(json!(["Fair", 45]))),
            ("ufCrm_files", "[{\"id\":5}]", Some(json!([{"id": 5}]))),
            ("ufCrm_file", "{\"path\":\"/a/b.pdf\"}", Some(json!({"path": "/a/b.pdf"}))),
            ("ufCrm_file", "{path}", None),
            ("ufCrm_file", "b.pdf", Some(json!("b.pdf"))),
        ];
        for (name, cell, asked) in cases {
            let field = fields.find(name).unwrap();
            let read = value(&field, cell);
            assert_eq!(read.as_ref().ok(), asked.as_ref(), "{name} {cell:?}");
            let message = read.err().unwrap_or_default();
            assert!(message.chars().count() <= 150, "{name} {cell:?}: {message}");
        }
    }
}
