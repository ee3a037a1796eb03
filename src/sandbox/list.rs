//! `crm.item.list`: the portal's filter language, its order and its pages (docs/bitrix24.md, "Lists
//! and filters").

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::{
    fault::PortalFault,
    state::{AnyField, TypeData},
};
use crate::crm::{
    Kind, Naming,
    dates::{self, Reading},
    decimal::Decimal,
    kind,
};

const PAGE: usize = 50;
/// Longer prefixes before those that they begin with.
const OPERATORS: [&str; 16] =
    ["!><", "!=%", "!%=", "><", ">=", "<=", "!=", "!@", "!%", "=%", "%=", "!", ">", "<", "@", "%"];

/// A page of ids, with the next offset, and the total when it was counted.
pub(super) struct Page {
    pub(super) ids: Vec<u64>,
    pub(super) total: Option<usize>,
    pub(super) next: Option<usize>,
}

/// The items that a call asks for.
pub(super) fn page(
    data: &TypeData,
    parameters: &Map<String, Value>,
    naming: Naming,
) -> Result<Page, PortalFault> {
    let object = |name: &str| parameters.get(name).and_then(Value::as_object);
    let nothing = Map::new();
    let filter = object("filter").unwrap_or(&nothing);
    let search = Search { data, naming };
    search.check(filter, true)?;
    let mut found: Vec<&Map<String, Value>> = data
        .items
        .iter()
        .filter(|(id, item)| !data.closed_items.contains(id) && search.matches(item, filter))
        .map(|(_, item)| item)
        .collect();
    for (name, direction) in object("order").unwrap_or(&nothing).iter().rev() {
        let field = search.field(name).ok_or_else(|| not_allowed("order", name))?;
        let is_descending =
            direction.as_str().is_some_and(|direction| direction.eq_ignore_ascii_case("DESC"));
        let value = |item: &Map<String, Value>| item.get(&field.name).cloned().unwrap_or_default();
        found.sort_by(|one, other| {
            let order = field.compare(&value(one), &value(other)).unwrap_or(Ordering::Equal);
            if is_descending { order.reverse() } else { order }
        });
    }
    let start = parameters.get("start").and_then(kind::whole_number).unwrap_or_default();
    let first = usize::try_from(start).unwrap_or_default() / PAGE * PAGE;
    let is_counted = start >= 0;
    let ids = found.iter().skip(first).take(PAGE);
    let ids = ids.filter_map(|item| item.get("id").and_then(Value::as_u64)).collect();
    Ok(Page {
        ids,
        total: is_counted.then_some(found.len()),
        next: (is_counted && found.len() > first + PAGE).then_some(first + PAGE),
    })
}

struct Search<'a> {
    data: &'a TypeData,
    naming: Naming,
}

/// A field as filters see it.
struct Column {
    name: String,
    kind: Kind,
    /// A custom flag, which is stored as a number.
    is_custom_flag: bool,
}

impl Search<'_> {
    fn field(&self, key: &str) -> Option<Column> {
        if ["id", "ID"].contains(&key) {
            return Some(Column { name: "id".into(), kind: Kind::Integer, is_custom_flag: false });
        }
        let field = self.data.field(key, self.naming)?;
        let (kind, is_custom_flag) = match field {
            AnyField::Standard(row) if row.kind == Kind::Multifield => return None,
            AnyField::Standard(row) => (row.kind, false),
            AnyField::Parent(_) => (Kind::Link, false),
            AnyField::Custom(custom) => match custom.portal_type {
                "date" => (Kind::Date, false),
                "datetime" => (Kind::DateTime, false),
                portal_type => (Kind::Any, portal_type == "boolean"),
            },
        };
        Some(Column { name: field.camel_name(), kind, is_custom_flag })
    }

    /// Unknown names are an error here, unlike in an update.
    fn check(&self, filter: &Map<String, Value>, is_top: bool) -> Result<(), PortalFault> {
        for (key, value) in filter {
            if key == "logic" {
                continue;
            }
            if let Value::Object(group) = value {
                self.check(group, false)?;
                continue;
            }
            let (operator, name) = split(key);
            let column = self.field(name).ok_or_else(|| not_allowed("filter", name))?;
            // Lists of users and contacts are joined only at the top, with few operators.
            let is_joined = match column.name.as_str() {
                "observers" => is_top && operator.is_empty(),
                "contactIds" => is_top && ["", "@", "!@"].contains(&operator),
                _ => true,
            };
            if !is_joined {
                return Err(not_allowed("filter", name));
            }
        }
        Ok(())
    }

    fn matches(&self, item: &Map<String, Value>, filter: &Map<String, Value>) -> bool {
        let is_any = filter.get("logic").and_then(Value::as_str) == Some("OR");
        let mut conditions = filter.iter().filter(|(key, _)| *key != "logic");
        let mut holds = |(key, value): (&String, &Value)| match value {
            Value::Object(group) => self.matches(item, group),
            value => self.holds(item, key, value),
        };
        if is_any { conditions.any(holds) } else { conditions.all(&mut holds) }
    }

    fn holds(&self, item: &Map<String, Value>, key: &str, asked: &Value) -> bool {
        let (operator, name) = split(key);
        let Some(column) = self.field(name) else {
            return false;
        };
        let stored = item.get(&column.name).unwrap_or(&Value::Null);
        let stored = match stored {
            Value::Array(values) if !values.is_empty() => values.as_slice(),
            Value::Array(_) => &[Value::Null],
            one => std::slice::from_ref(one),
        };
        let any = |test: &dyn Fn(&Value) -> bool| stored.iter().any(test);
        let ordered = |wanted: &[Ordering]| {
            any(&|it| column.compare(it, asked).is_some_and(|order| wanted.contains(&order)))
        };
        match operator {
            // The server reads every list here as "in", the negated one too.
            "!@" if column.name == "contactIds" => any(&|it| column.is(it, asked)),
            "" | "=" | "@" => any(&|it| column.is(it, asked)),
            "!" | "!=" | "!@" => !any(&|it| column.is(it, asked)),
            ">" => ordered(&[Ordering::Greater]),
            ">=" => ordered(&[Ordering::Greater, Ordering::Equal]),
            "<" => ordered(&[Ordering::Less]),
            "<=" => ordered(&[Ordering::Less, Ordering::Equal]),
            "><" => any(&|it| column.is_between(it, asked)),
            "!><" => !any(&|it| column.is_between(it, asked)),
            "%" => any(&|it| contains(it, asked)),
            "!%" => !any(&|it| contains(it, asked)),
            "=%" | "%=" => any(&|it| is_like(it, asked)),
            _ => !any(&|it| is_like(it, asked)),
        }
    }
}

impl Column {
    fn is(&self, stored: &Value, asked: &Value) -> bool {
        match asked {
            Value::Array(several) => several.iter().any(|one| self.is(stored, one)),
            Value::Null => stored.is_null(),
            Value::String(text) if text.is_empty() => {
                matches!(plain(stored).as_str(), "" | "0" | "null")
            }
            // Custom flags are numbers to filters, whatever answers show.
            one if self.is_custom_flag => match plain(one).as_str() {
                "1" => stored == "Y",
                "0" => stored != "Y",
                _ => false,
            },
            one => self.compare(stored, one) == Some(Ordering::Equal),
        }
    }

    fn is_between(&self, stored: &Value, asked: &Value) -> bool {
        let [Some(from), Some(to)] = [asked.get(0), asked.get(1)] else {
            return false;
        };
        self.compare(stored, from).is_some_and(Ordering::is_ge)
            && self.compare(stored, to).is_some_and(Ordering::is_le)
    }

    fn compare(&self, one: &Value, other: &Value) -> Option<Ordering> {
        let (left, right) = (plain(one), plain(other));
        match self.kind {
            Kind::Date => Some(dates::portal_day(&left)?.cmp(&dates::portal_day(&right)?)),
            Kind::DateTime => Some(clock(&left)?.cmp(&clock(&right)?)),
            Kind::Text | Kind::Markup | Kind::Status | Kind::Stage | Kind::Currency => {
                Some(left.to_lowercase().cmp(&right.to_lowercase()))
            }
            _ => match (Decimal::read(&left), Decimal::read(&right)) {
                (Some(left), Some(right)) => Some(left.cmp(&right)),
                _ => Some(left.to_lowercase().cmp(&right.to_lowercase())),
            },
        }
    }
}

/// A moment on the portal's clock; an offset in a filter is read as if it were not there.
fn clock(text: &str) -> Option<String> {
    match dates::read_moment(text) {
        Reading::Exact(moment) | Reading::Repaired(moment) => {
            Some(moment.wire().chars().take(19).collect())
        }
        Reading::Ambiguous(..) | Reading::Impossible => None,
    }
}

fn split(key: &str) -> (&str, &str) {
    let operator = OPERATORS.into_iter().chain(["="]).find(|operator| key.starts_with(operator));
    let operator = operator.unwrap_or_default();
    (operator, key.get(operator.len()..).unwrap_or_default())
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn contains(stored: &Value, asked: &Value) -> bool {
    !stored.is_null() && plain(stored).to_lowercase().contains(&plain(asked).to_lowercase())
}

/// A pattern in which `%` matches any text.
fn is_like(stored: &Value, asked: &Value) -> bool {
    let (text, pattern) = (plain(stored).to_lowercase(), plain(asked).to_lowercase());
    let mut rest = text.as_str();
    let parts: Vec<&str> = pattern.split('%').collect();
    for (at, part) in parts.iter().enumerate() {
        let found = match at {
            0 => rest.starts_with(part).then_some(0),
            _ if at + 1 == parts.len() => rest.ends_with(part).then(|| rest.len() - part.len()),
            _ => rest.find(part),
        };
        match found {
            Some(start) => rest = rest.get(start + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    parts.len() > 1 || rest.is_empty()
}

fn not_allowed(what: &str, name: &str) -> PortalFault {
    let text = format!("Invalid {what}: field '{name}' is not allowed in {what}");
    PortalFault::new(400, "INVALID_ARG_VALUE", text)
}
