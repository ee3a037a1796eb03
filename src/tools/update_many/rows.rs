//! Items with values of their own: a list in the call, or the rows of a CSV file.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use super::{
    columns::{self, Column, MAX_PROBLEMS},
    table::{Table, is_blank},
};
use crate::{
    change::{self, MAX_ITEMS, Row},
    crm::{EntityType, Naming, kind, text},
    error::{Failure, Problem},
    metadata::{Fields, Metadata},
    tools::context::Context,
    uploads::{MEGABYTE, Upload},
};

/// The items of a call.
pub(super) fn of_items(
    context: Context<'_>,
    entity: EntityType,
    items: Vec<Map<String, Value>>,
) -> Result<Vec<Row>, Failure> {
    if items.len() > MAX_ITEMS {
        return Err(Failure::refused_argument(too_many("items", items.len())));
    }
    let mut problems = Vec::new();
    let mut drafts = Vec::with_capacity(items.len());
    for (at, mut fields) in items.into_iter().enumerate() {
        let place = format!("items.{at}");
        let key = fields.keys().find(|key| key.trim().eq_ignore_ascii_case("id")).cloned();
        let id = key.and_then(|key| fields.shift_remove(&key));
        // `{"id": 5, "fields": {…}}` is how one item is changed.
        if let (1, Some(Value::Object(inner))) = (fields.len(), fields.get_mut("fields")) {
            fields = std::mem::take(inner);
        }
        if fields.is_empty() {
            problems.push(Problem::new(&place, "names no field"));
        }
        let id = id_in(entity, id.as_ref())
            .map_err(|message| problems.push(Problem::new(&place, message)));
        drafts.push(Draft { id: id.ok(), fields, place });
    }
    in_order(context, entity, drafts, problems)
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

/// A row whose item may be unknown.
struct Draft {
    id: Option<u64>,
    fields: Map<String, Value>,
    place: String,
}

fn id_in(entity: EntityType, typed: Option<&Value>) -> Result<u64, &'static str> {
    let typed = typed.ok_or("has no `id`")?;
    let number = kind::whole_number(typed).and_then(|id| u64::try_from(id).ok());
    let linked = || entity.item_in(typed.as_str()?).ok();
    number.or_else(linked).filter(|id| *id > 0).ok_or("has an `id` that is no number")
}

/// Rows by ascending id, each item once.
fn in_order(
    context: Context<'_>,
    entity: EntityType,
    mut drafts: Vec<Draft>,
    mut problems: Vec<Problem>,
) -> Result<Vec<Row>, Failure> {
    let mut places: HashMap<u64, &str> = HashMap::new();
    for draft in &drafts {
        let Some(id) = draft.id else { continue };
        match places.get(&id) {
            Some(first) => {
                let message = format!("names item {id} again, after `{first}`");
                problems.push(Problem::new(&draft.place, message));
            }
            None => {
                places.insert(id, &draft.place);
            }
        }
    }
    if problems.is_empty() {
        drafts.sort_by_key(|draft| draft.id);
        let row = |Draft { id, fields, place }| Some(Row { id: id?, fields, place });
        return Ok(drafts.into_iter().filter_map(row).collect());
    }
    // The call goes no further, where the fields would be checked.
    let mut told = BTreeSet::new();
    for draft in &drafts {
        if problems.len() >= MAX_PROBLEMS {
            break;
        }
        let of_fields =
            change::obvious_problems(entity, &draft.fields, &context.call.account.files);
        for problem in of_fields {
            // The same slip in a thousand rows is one problem.
            if told.insert((problem.path.clone(), problem.message.clone())) {
                let path = problem.path.strip_prefix("fields.").unwrap_or(&problem.path);
                let path = format!("{}.{path}", draft.place);
                problems.push(Problem { path, ..problem });
            }
        }
    }
    Err(refused(problems))
}

/// As many problems as are read, in as many words.
fn refused(mut problems: Vec<Problem>) -> Failure {
    const MAX_CHARACTERS: usize = 199;
    problems.truncate(MAX_PROBLEMS);
    for problem in &mut problems {
        problem.path = text::beginning(&problem.path, MAX_CHARACTERS);
        problem.message = text::beginning(&problem.message, MAX_CHARACTERS);
    }
    Failure::refused_arguments(problems)
}

/// The rows of a file of this machine.
pub(super) async fn of_file(
    context: Context<'_>,
    entity: EntityType,
    naming: Naming,
    path: &str,
) -> Result<Vec<Row>, Failure> {
    let text = text_of(context, path)
        .await
        .map_err(|message| Failure::refused_argument(Problem::new("file", message)))?;
    let table = Table::read(&text, MAX_ITEMS).map_err(Failure::refused_argument)?;
    if table.count > MAX_ITEMS {
        return Err(Failure::refused_argument(too_many("file", table.count)));
    }
    match of_table(context, entity, naming, &table).await {
        Err(failure) if failure.depends_on_metadata() => {
            let metadata = context.metadata.recent();
            of_table(context.with_metadata(&metadata), entity, naming, &table).await
        }
        read => read,
    }
}

async fn of_table(
    context: Context<'_>,
    entity: EntityType,
    naming: Naming,
    table: &Table,
) -> Result<Vec<Row>, Failure> {
    let list = context.metadata.field_list(entity, &context.call.deadline).await;
    let list = list.map_err(|error| context.unreadable(entity, Metadata::FIELDS, &error))?;
    let fields = Fields { entity, naming, item: None, list: Some(&list) };
    let (columns, mut problems) = columns::of(table, &fields);
    let has_ids = columns.iter().any(|column| matches!(column, Column::Id));
    let mut drafts = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let place = row.place();
        let mut id = None;
        let mut values = Map::new();
        for (column, cell) in columns.iter().zip(&row.cells) {
            match column {
                // An empty cell leaves the field as it is.
                _ if is_blank(cell) => {}
                Column::Ignored => {}
                Column::Id => id = Some(Value::from(cell.trim())),
                Column::Field(field) => match columns::value(field, cell) {
                    Ok(value) => {
                        values.insert(field.name.clone(), value);
                    }
                    Err(message) => {
                        let path = format!("{place}.{}", field.name);
                        problems.push(Problem::new(path, message).by_metadata());
                    }
                },
            }
        }
        if row.cells.iter().skip(columns.len()).any(|cell| !is_blank(cell)) {
            let message =
                "has more cells than the header; a cell that holds the separator needs quotes";
            problems.push(Problem::new(&place, message));
        }
        let id = id_in(entity, id.as_ref());
        if let (true, Err(message)) = (has_ids, id) {
            problems.push(Problem::new(&place, message));
        }
        drafts.push(Draft { id: id.ok(), fields: values, place });
    }
    in_order(context, entity, drafts, problems)
}

/// The text of a file below one of the allowed folders; a relative path is looked for in each.
async fn text_of(context: Context<'_>, path: &str) -> Result<String, String> {
    /// A larger file holds more than a call can change.
    const MAX_MEGABYTES: u64 = 16;
    let policy = &context.call.account.files;
    let typed = Path::new(path.trim());
    let candidates: Vec<PathBuf> = if typed.is_absolute() || policy.folders.is_empty() {
        vec![typed.to_owned()]
    } else {
        policy.folders.iter().map(|folder| folder.join(typed)).collect()
    };
    let mut refusal = String::new();
    for candidate in candidates {
        match Upload::open_any(&candidate, None, policy) {
            Err(wrong) => refusal = wrong.message,
            Ok(file) => {
                if let Some(refusal) = file.refusal().await {
                    return Err(refusal);
                }
                let bytes = file.content(MAX_MEGABYTES * MEGABYTE).await;
                let bytes = bytes.map_err(|error| match error.kind() {
                    io::ErrorKind::FileTooLarge => format!("has more than {MAX_MEGABYTES} MB"),
                    kind => format!("cannot be read: {kind}"),
                })?;
                // UTF-16 without its mark has a zero in each Latin letter.
                let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
                return text.ok_or_else(|| {
                    "is not UTF-8; save it anew in the format `CSV UTF-8`".to_owned()
                });
            }
        }
    }
    Err(refusal)
}
