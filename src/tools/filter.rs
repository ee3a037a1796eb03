//! The portal's filter language: names are checked like field names, and groups and operators are
//! kept. What a condition compares with is read in
//! `filter/value.rs`.

mod value;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{
    crm::{EntityType, Kind, Naming, Wrong, catalog::Access, field_list::FieldList, kind, names},
    error::{Failure, Problem},
    items::free_number,
    metadata::{Fields, Metadata, ResolvedField, Unresolved},
    tools::context::Context,
};
use value::Sources;

/// Longer operators before those that they begin with.
const OPERATORS: [&str; 17] = [
    "!><", "!=%", "!%=", "><", ">=", "<=", "!=", "!@", "!%", "=%", "%=", "!", "=", ">", "<", "@",
    "%",
];

/// A filter in wire form, or what is wrong with it.
#[derive(Default)]
pub(super) struct Filter {
    pub(super) wire: Map<String, Value>,
    pub(super) problems: Vec<Problem>,
    pub(super) notes: Vec<String>,
    /// Whether it holds codes that are not known.
    pub(super) has_unknown_codes: bool,
    /// The portal's list of fields, if the names needed it.
    pub(super) list: Option<Arc<FieldList>>,
}

impl Filter {
    /// Reads a filter; `others` are names that the same call uses. Only the metadata that the
    /// names need are fetched.
    pub(super) async fn read<'a>(
        context: Context<'_>,
        entity: EntityType,
        typed: &'a Map<String, Value>,
        others: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Failure> {
        let known = Fields { entity, naming: Naming::Camel, item: None, list: None };
        let mut conditions = Vec::new();
        collect_conditions(typed, &mut conditions);
        let is_open = |name: &str| known.find(name).map_or(true, |it| it.row.is_none());
        let mut filter = Self::default();
        if conditions.iter().map(|(name, _)| *name).chain(others).any(is_open) {
            let list = context.metadata.field_list(entity, &context.call.deadline).await;
            let list =
                list.map_err(|error| context.unreadable(entity, Metadata::FIELDS, &error))?;
            filter.list = Some(list);
        }
        let known = Fields { list: filter.list.as_deref(), ..known };
        let conditions: Vec<(Kind, &Value)> = conditions
            .into_iter()
            .filter_map(|(name, value)| Some((known.find(name).ok()?.shape.kind, value)))
            .collect();
        let sources = Sources::fetch(context, entity, &conditions, &mut filter.notes).await;
        let mut reader = Reader {
            known,
            sources: &sources,
            problems: Vec::new(),
            notes: Vec::new(),
            has_unknown_codes: false,
        };
        let wire = reader.group(typed, "filter", true, None);
        let Reader { problems, notes, has_unknown_codes, .. } = reader;
        filter.has_unknown_codes = has_unknown_codes;
        // The vendor's page shows `logic` only inside groups, and the server adds conditions of
        // its own at the top.
        filter.wire = match wire.get("logic") {
            Some(_) => Map::from_iter([("0".to_owned(), wire.into())]),
            None => wire,
        };
        filter.problems = problems;
        filter.notes.extend(notes);
        Ok(filter)
    }
}

/// The field names of a filter and its groups, with what they are compared with.
fn collect_conditions<'a>(
    typed: &'a Map<String, Value>,
    conditions: &mut Vec<(&'a str, &'a Value)>,
) {
    for (key, value) in typed {
        match value {
            Value::Object(group) => collect_conditions(group, conditions),
            _ if is_logic(key) => {}
            value => conditions.push((split(key).1, value)),
        }
    }
}

fn is_logic(key: &str) -> bool {
    key.trim().eq_ignore_ascii_case("logic")
}

fn split(key: &str) -> (&'static str, &str) {
    let key = key.trim();
    let operator = OPERATORS.into_iter().find(|operator| key.starts_with(operator));
    let operator = operator.unwrap_or_default();
    (operator, key.get(operator.len()..).unwrap_or_default().trim())
}

struct Reader<'a> {
    known: Fields<'a>,
    sources: &'a Sources,
    problems: Vec<Problem>,
    notes: Vec<String>,
    has_unknown_codes: bool,
}

/// A condition as it was typed.
struct Condition<'a> {
    operator: &'static str,
    field: ResolvedField<'a>,
    value: &'a Value,
    path: String,
    /// The pipeline that the same group asks for.
    pipeline: Option<i64>,
}

impl<'a> Reader<'a> {
    /// A group of conditions; the outermost one is the top. The pipeline is the one that the groups
    /// around it ask for.
    fn group(
        &mut self,
        typed: &'a Map<String, Value>,
        path: &str,
        is_top: bool,
        pipeline: Option<i64>,
    ) -> Map<String, Value> {
        let is_top = is_top && !typed.keys().any(|key| is_logic(key));
        let is_any = typed.iter().any(|(key, value)| {
            is_logic(key) && value.as_str().is_some_and(|logic| logic.eq_ignore_ascii_case("or"))
        });
        let pipeline = self.pipeline_of(typed).filter(|_| !is_any).or(pipeline);
        let mut wire = Map::new();
        for (key, value) in typed {
            let path = format!("{path}.{key}");
            let is_number = key.chars().all(|c| c.is_ascii_digit());
            match value {
                Value::String(text) if is_logic(key) => match text.to_ascii_uppercase().as_str() {
                    logic @ ("OR" | "AND") => {
                        wire.insert("logic".to_owned(), logic.into());
                    }
                    _ => self.problem(&path, "must be \"OR\" or \"AND\""),
                },
                Value::Object(group) if is_number => {
                    let group = self.group(group, &path, false, pipeline);
                    wire.insert(key.clone(), group.into());
                }
                Value::Object(_) => {
                    let message = "must be a value; the operator precedes the name, as in \
                                   {\">opportunity\":5000}, and a group has a number for a key, as in \
                                   {\"0\":{\"logic\":\"OR\",\"0\":{…},\"1\":{…}}}";
                    self.problem(&path, message);
                }
                _ if is_number || is_logic(key) => {
                    self.problem(&path, "must be an object of conditions");
                }
                value => {
                    let mut pair = self.condition(key, value, path.clone(), is_top, pipeline);
                    // Both halves have to hold, also where any of the conditions will do.
                    if is_any && pair.len() > 1 {
                        let free = free_number(&[typed, &wire]);
                        let both: Map<String, Value> = pair.into_iter().collect();
                        pair = vec![(free, both.into())];
                    }
                    for (key, value) in pair {
                        if wire.insert(key, value).is_some() {
                            self.problem(&path, "is given twice");
                        }
                    }
                }
            }
        }
        wire
    }

    /// A condition in wire form: mostly one, sometimes a pair that says the same.
    fn condition(
        &mut self,
        key: &str,
        value: &'a Value,
        path: String,
        is_top: bool,
        pipeline: Option<i64>,
    ) -> Vec<(String, Value)> {
        let (operator, name) = split(key);
        let bare = name.trim_end_matches(['<', '>', '=', '!', '%', '@', ' ']);
        if bare.len() < name.len() {
            let misplaced = name.get(bare.len()..).unwrap_or_default().trim();
            let meant = format!("{misplaced}{bare}");
            let message = "has its operator after the name; put it first";
            self.problems.push(Problem::new(path, message).suggest(Some(meant)));
            return Vec::new();
        }
        if is_communication(name) {
            let message = "cannot be filtered by; use `query` with the phone or e-mail";
            self.problem(&path, message);
            return Vec::new();
        }
        let field = match self.known.resolve_among(self.problems.len(), name, &path) {
            Ok(field) => field,
            Err(Unresolved::Unknown(problem) | Unresolved::Ambiguous(problem)) => {
                self.problems.push(problem);
                return Vec::new();
            }
        };
        let is_hidden = field.row.is_some_and(|row| row.access == Access::Hidden);
        if let Some(meant) = names::well_known_slip(&field.name).filter(|_| is_hidden) {
            let problem = Problem::new(path, "cannot be filtered by");
            self.problems.push(problem.suggest(Some(meant)));
            return Vec::new();
        }
        if field.name != name {
            self.notes.push(format!("`{path}` was read as `{operator}{}`", field.name));
        }
        if field.shape.kind == Kind::Links && field.name != "contactIds" {
            self.problem(&path, "cannot be filtered by; `companyId` is the main one");
            return Vec::new();
        }
        let condition = Condition { operator, field, value, path, pipeline };
        let wire = match condition.field.shape.kind {
            Kind::Users | Kind::Links => self.joined_list(&condition, is_top),
            _ => self.compared(&condition),
        };
        wire.unwrap_or_else(|wrong| {
            let kind = condition.field.shape.kind;
            let problem = Problem::of_field(&condition.path, wrong, kind);
            // Only the portal knows its stages, pipelines and options.
            let is_by_metadata = matches!(
                kind,
                Kind::Stage | Kind::Category | Kind::Choice | Kind::User | Kind::Users
            );
            self.problems.push(if is_by_metadata { problem.by_metadata() } else { problem });
            Vec::new()
        })
    }

    /// The operator and what it compares with.
    fn compared(&mut self, condition: &Condition<'_>) -> Result<Vec<(String, Value)>, Wrong> {
        let Condition { operator, field, value, .. } = condition;
        let key = |operator: &str| format!("{operator}{}", field.name);
        let is_day = matches!(field.shape.kind, Kind::Date | Kind::DateTime);
        let operator = match *operator {
            "@" if is_day => "=",
            "!@" if is_day => "!=",
            operator => operator,
        };
        match (operator, *value) {
            ("%" | "!%" | "=%" | "%=" | "!=%" | "!%=", value) => match value {
                Value::String(_) => Ok(vec![(key(operator), value.clone())]),
                Value::Number(number) if !number.is_f64() => {
                    Ok(vec![(key(operator), value.clone())])
                }
                Value::Number(_) => {
                    Err("must be a text to search for; put the number in quotes".into())
                }
                _ => Err("must be a text to search for".into()),
            },
            ("><" | "!><", Value::Array(ends)) if ends.len() == 2 => {
                let [from, to] = [ends.first(), ends.last()].map(Option::unwrap_or_default);
                // Portals do not convert days in lists.
                match (is_day, operator) {
                    (true, "><") => Ok(vec![
                        (key(">="), self.one(condition, ">=", from)?),
                        (key("<="), self.one(condition, "<=", to)?),
                    ]),
                    (true, _) => Err("cannot be negated; use an OR of `<` and `>`".into()),
                    (false, operator) => {
                        let ends = [self.one(condition, "", from)?, self.one(condition, "", to)?];
                        Ok(vec![(key(operator), json!(ends))])
                    }
                }
            }
            ("><" | "!><", _) => Err("must be a list of two values, from and to".into()),
            ("" | "=" | "@" | "!" | "!=" | "!@", Value::Array(several)) => {
                if is_day {
                    return Err("must be one day; for several use `>=` and `<=`".into());
                }
                let several: Result<Vec<Value>, Wrong> =
                    several.iter().map(|value| self.one(condition, "", value)).collect();
                let operator = if operator.starts_with('!') { "!@" } else { "@" };
                Ok(vec![(key(operator), several?.into())])
            }
            (_, Value::Array(_)) => {
                Err(format!("must be one value; `{operator}` takes no list").into())
            }
            ("@" | "!@", value) => {
                Ok(vec![(key(operator), json!([self.one(condition, "", value)?]))])
            }
            ("" | "=", Value::String(day))
                if field.shape.kind == Kind::DateTime && value::is_day(day) =>
            {
                Ok(vec![
                    (key(">="), self.one(condition, ">=", value)?),
                    (key("<="), self.one(condition, "<=", value)?),
                ])
            }
            ("!" | "!=", Value::String(day))
                if field.shape.kind == Kind::DateTime && value::is_day(day) =>
            {
                Err("holds times, which hardly ever equal a day; use an OR of `<` and `>`".into())
            }
            (operator, value) => Ok(vec![(key(operator), self.one(condition, operator, value)?)]),
        }
    }

    /// One value as lists compare it.
    fn one(
        &mut self,
        condition: &Condition<'_>,
        operator: &str,
        value: &Value,
    ) -> Result<Value, Wrong> {
        let read = self.sources.read(&condition.field, operator, value, condition.pipeline)?;
        self.has_unknown_codes |= read.is_unknown;
        if let Some(note) = read.note {
            self.notes.push(format!("`{}` {note}", condition.path));
        }
        Ok(read.wire)
    }

    /// The one pipeline that a group asks for.
    fn pipeline_of(&self, typed: &Map<String, Value>) -> Option<i64> {
        let (_, value) = typed.iter().find(|(key, _)| {
            let (operator, name) = split(key);
            let field = self.known.find(name).ok();
            ["", "=", "@"].contains(&operator)
                && field.is_some_and(|field| field.shape.kind == Kind::Category)
        })?;
        self.sources.pipeline(value).ok().map(|(id, _)| id)
    }

    /// The server joins lists of users and contacts only at the top and only for "has one of"; it
    /// reads the negations of that as the same (the vendor's own list controller).
    fn joined_list(
        &mut self,
        condition: &Condition<'_>,
        is_top: bool,
    ) -> Result<Vec<(String, Value)>, Wrong> {
        let name = condition.field.name.as_str();
        if !["", "=", "@"].contains(&condition.operator) || !is_top {
            return Err(format!(
                "can only be filtered as {{\"{name}\":[ids]}}, which means any of them, and outside \
                 of groups"
            )
            .into());
        }
        let values = match condition.value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        let read: Vec<Value> = match condition.field.shape.kind {
            Kind::Users => values
                .iter()
                .map(|value| self.one(condition, "", value))
                .collect::<Result<_, _>>()?,
            _ => values.to_vec(),
        };
        let ids = Kind::Users.encode(&read.into()).map(|encoded| kind::ids(&encoded.wire));
        let ids = ids.unwrap_or_default();
        if ids.is_empty() {
            return Err("must be a list of ids".into());
        }
        let key = if name == "contactIds" { format!("@{name}") } else { name.to_owned() };
        Ok(vec![(key, json!(ids))])
    }

    fn problem(&mut self, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(path, message));
    }
}

/// Phones and e-mails: the flat fields hold first ones and are compared letter by letter
/// (docs/bitrix24.md, "Lists and filters").
fn is_communication(name: &str) -> bool {
    let folded = names::folded(name);
    folded == "fm" || ["phone", "email", "imol"].iter().any(|start| folded.starts_with(start))
}
