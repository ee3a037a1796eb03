//! What a search answers: its rows as objects while these are short, else without what is common to
//! all, which is then said once, and if they are still long as a table.

use serde_json::{Map, Value, json};

use super::request::{Found, ListRequest};
use crate::{
    crm::{Item, Kind, Naming, catalog, names as spelling, text},
    tools::{
        context::Context,
        days::Days,
        names::Names,
        render::{length, meaningful_fields, narrowed_beside},
    },
};

/// Objects that are longer, with their names, become a table. The twenty deals of a test take 3,543
/// characters as objects and 1,606 as a table without names (bytes / 4: 886 and 402 tokens).
const MAX_OBJECTS: usize = 3_000;

impl ListRequest {
    pub(super) async fn answer(mut self, context: Context<'_>, found: Found) -> Value {
        let Found { items, total, has_more } = found;
        let alike = self.told_apart(context, &items).await;
        let rows: Vec<Item> = items.into_iter().map(|item| self.row(item)).collect();
        let rows = alike.added_to(rows);
        let values = rows.iter().flat_map(Item::fields);
        let days = Days::of(context, self.entity, Naming::Camel, values.clone()).await;
        let names = Names::asked(context, self.entity, Naming::Camel, values).await;
        // Custom fields are named in the requested spelling.
        let naming = self.naming;
        let spelt = |name: &str| spelling::in_naming(name, naming);
        let mut rows: Vec<Map<String, Value>> = rows
            .into_iter()
            .map(|row| {
                let shown = days.in_item(row).into_iter();
                shown.map(|(name, value)| (spelt(&name), value)).collect()
            })
            .collect();
        let names = names.spelt(spelt);
        let mut answer = Map::from_iter([
            ("ok".to_owned(), json!(true)),
            ("entityTypeId".to_owned(), json!(self.entity.id())),
        ]);
        if !rows.is_empty() {
            let id = match rows.as_slice() {
                [one] => one.get("id").map_or_else(String::new, ToString::to_string),
                _ => "{id}".to_owned(),
            };
            let link = context.call.account.address().page(&self.entity.item_path(id));
            answer.insert("link".to_owned(), link.into());
        }
        let count = rows.len();
        let room = names.room();
        let fits = |rows: &[Map<String, Value>]| {
            let objects: Value = rows.iter().cloned().map(Value::Object).collect();
            length(&objects) + room <= MAX_OBJECTS
        };
        if count > 1 && self.fields.is_some() && !fits(&rows) {
            let common = taken_together(&mut rows);
            if !common.is_empty() {
                answer.insert("common".to_owned(), common.into());
            }
        }
        if let Some(table) = Table::of(&rows).filter(|_| count > 1 && !fits(&rows)) {
            answer.insert("columns".to_owned(), json!(table.columns));
            answer.insert("items".to_owned(), json!(table.rows));
            if table.is_cut {
                self.notes.push("long texts are cut; read one item for the whole".to_owned());
            }
        } else {
            let objects = rows.into_iter().map(Value::Object).collect();
            answer.insert("items".to_owned(), objects);
        }
        answer.insert("total".to_owned(), json!(total));
        answer.insert("next".to_owned(), Value::Null);
        answer.insert("notes".to_owned(), json!(self.notes));
        let how = "continue from `next`, or narrow with `filter`, `limit` or a shorter `select`";
        let mut answer = narrowed_beside(answer.into(), "items", how, room);
        let shown = answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        if let Some(answer) = answer.as_object_mut() {
            if has_more || shown < count {
                let shown = shown as u64;
                answer.insert("next".to_owned(), json!(self.start.unwrap_or(0) + shown));
            }
            answer.retain(|_, value| !value.is_null());
        }
        names.add_to(&mut answer);
        answer
    }

    /// The fields of an item that are shown: non-empty ones and selected ones.
    fn row(&self, item: Item) -> Item {
        let Some(fields) = &self.fields else {
            return meaningful_fields(item);
        };
        let shown = fields.iter().filter_map(|name| {
            let value = item.get(name).cloned().unwrap_or_default();
            let kind = catalog::named(name).map_or(Kind::Text, |row| row.kind);
            let is_shown = self.selected.contains(name) || !kind.is_empty(&value);
            is_shown.then(|| (name.clone(), value))
        });
        shown.collect()
    }
}

/// Takes out of the rows what all of them hold alike, but nothing that tells one from another.
fn taken_together(rows: &mut [Map<String, Value>]) -> Map<String, Value> {
    let first = rows.first().cloned().unwrap_or_default();
    let is_common = |(name, value): &(String, Value)| {
        !["id", "title", "name"].contains(&name.as_str())
            && rows.iter().all(|row| row.get(name) == Some(value))
    };
    let common: Map<String, Value> = first.into_iter().filter(is_common).collect();
    for row in rows {
        row.retain(|name, _| !common.contains_key(name));
    }
    common
}

/// Rows as a table.
struct Table<'a> {
    /// The fields that any of the rows has.
    columns: Vec<&'a str>,
    /// The values of each. An empty cell is `null`; those at the end of a row are left out.
    rows: Vec<Vec<Value>>,
    is_cut: bool,
}

impl<'a> Table<'a> {
    /// The table of rows that have few fields; of many it would be read wrongly.
    fn of(rows: &'a [Map<String, Value>]) -> Option<Self> {
        const MAX_COLUMNS: usize = 20;
        /// A longer text is cut.
        const LONGEST: usize = 200;
        let mut table = Self { columns: Vec::new(), rows: Vec::new(), is_cut: false };
        for name in rows.iter().flat_map(Map::keys) {
            if !table.columns.contains(&name.as_str()) {
                table.columns.push(name);
            }
            if table.columns.len() > MAX_COLUMNS {
                return None;
            }
        }
        for row in rows {
            let cells = table.columns.iter().map(|name| match row.get(*name) {
                Some(Value::String(text)) => text::beginning(text, LONGEST).into(),
                other => other.cloned().unwrap_or_default(),
            });
            let mut cells: Vec<Value> = cells.collect();
            table.is_cut |= table.columns.iter().zip(&cells).any(|(name, cell)| {
                cell.is_string() && row.get(*name).is_some_and(|whole| whole != cell)
            });
            let filled = cells.iter().rposition(|cell| !cell.is_null()).map_or(0, |last| last + 1);
            cells.truncate(filled);
            table.rows.push(cells);
        }
        Some(table)
    }
}
