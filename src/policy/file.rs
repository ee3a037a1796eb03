//! The policy file: a flat TOML table for each entity type. All mistakes are found, each with its line.

use std::{collections::BTreeMap, fmt};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Rules, WritePolicy};
use crate::crm::{EntityType, Kind, catalog, decimal::Decimal, names, stage};

/// Something that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The number of the line, from 1 on.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

pub(super) fn read(text: &str) -> Result<WritePolicy, Vec<Mistake>> {
    let mut reader = Reader { text, mistakes: Vec::new() };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            reader.wrong(at, format!("is no TOML: {}", error.message()));
            return Err(reader.mistakes);
        }
    };
    let mut policy = WritePolicy::default();
    for (key, value) in table.get_ref() {
        match key.get_ref().as_ref() {
            "max_items" => policy.max_items = reader.count(value),
            "confirm_above" => policy.confirm_above = reader.count(value),
            name => match (EntityType::set(name), value.get_ref()) {
                (None, _) => reader.wrong(
                    key.span().start,
                    format!(
                        "`{name}` is no key of a policy; there are `max_items`, `confirm_above` and a \
                         table for each entity type, such as `[deal]` or `[1268]`"
                    ),
                ),
                (Some(entity), DeValue::Table(table)) => {
                    let rules = reader.rules(name, entity, table);
                    if policy.rules.insert(entity, rules).is_some() {
                        reader.wrong(key.span().start, format!("`{name}` is given twice"));
                    }
                }
                (Some(_), _) => reader.wrong(value.span().start, format!("`{name}` must be a table")),
            },
        }
    }
    if reader.mistakes.is_empty() {
        Ok(policy)
    } else {
        reader.mistakes.sort_by_key(|mistake| mistake.line);
        Err(reader.mistakes)
    }
}

struct Reader<'a> {
    text: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn wrong(&mut self, at: usize, message: String) {
        let before = self.text.get(..at).unwrap_or(self.text);
        self.mistakes.push(Mistake { line: before.matches('\n').count() + 1, message });
    }

    fn rules(&mut self, name: &str, entity: EntityType, table: &DeTable<'_>) -> Rules {
        let mut rules = Rules { name: name.to_owned(), ..Rules::default() };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "deny_fields" => rules.deny_fields = self.fields(entity, value),
                "deny_stages" => rules.deny_stages = self.stages(entity, value),
                "pipelines" if !stage::has_pipelines(entity) => {
                    self.wrong(key.span().start, format!("{entity} has no pipelines"));
                }
                "pipelines" => rules.pipelines = Some(self.numbers(value)),
                "max" => rules.max = self.limits(entity, value),
                "mode" => match value.get_ref().as_str() {
                    Some("dry_run") => rules.only_shows = true,
                    Some("write") => {}
                    _ => self.wrong(value.span().start, "`mode` must be `\"dry_run\"` or `\"write\"`".to_owned()),
                },
                other => self.wrong(
                    key.span().start,
                    format!(
                        "`{other}` is no rule; there are `deny_fields`, `deny_stages`, `pipelines`, \
                         `max` and `mode`"
                    ),
                ),
            }
        }
        rules
    }

    fn count(&mut self, value: &Spanned<DeValue<'_>>) -> Option<usize> {
        let count = decimal_text(value.get_ref()).and_then(|text| text.parse().ok());
        if count.is_none() {
            self.wrong(value.span().start, "must be a whole number, 0 or above".to_owned());
        }
        count
    }

    fn fields(&mut self, entity: EntityType, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let fields = self.texts(value, "of names of fields such as `opportunity`");
        for field in &fields {
            self.check_field(entity, field, value.span().start);
        }
        fields
    }

    fn stages(&mut self, entity: EntityType, value: &Spanned<DeValue<'_>>) -> Vec<String> {
        let stages = self.texts(value, "of stages such as `C9:WON`");
        for code in &stages {
            let is_one = match code.strip_prefix("*:") {
                Some(name) => stage::is_name(name),
                None => stage::pipeline(entity, code).is_ok(),
            };
            if !is_one {
                let message = format!("`{code}` is no code of a stage of {entity}");
                self.wrong(value.span().start, message);
            }
        }
        stages
    }

    /// A misspelt name would forbid nothing.
    fn check_field(&mut self, entity: EntityType, field: &str, at: usize) {
        let is_known = names::is_custom(field)
            || names::is_parent(field)
            || catalog::field(entity, field).is_some();
        if !is_known {
            self.wrong(
                at,
                format!("`{field}` is no field of {entity}; custom fields begin with `ufCrm`"),
            );
        }
    }

    fn limits(
        &mut self,
        entity: EntityType,
        value: &Spanned<DeValue<'_>>,
    ) -> BTreeMap<String, Decimal> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(
                value.span().start,
                "`max` must be a table such as `{ opportunity = 100000 }`".to_owned(),
            );
            return BTreeMap::new();
        };
        let mut limits = BTreeMap::new();
        for (field, most) in table {
            self.check_field(entity, field.get_ref(), field.span().start);
            let row = catalog::field(entity, field.get_ref());
            let kinds = [Kind::Integer, Kind::Percent, Kind::Number, Kind::Amount];
            if row.is_some_and(|row| !kinds.contains(&row.kind)) {
                let message = format!("`{}` holds no numbers", field.get_ref());
                self.wrong(field.span().start, message);
            }
            match decimal_text(most.get_ref()).and_then(|text| Decimal::read(&text)) {
                Some(most) => {
                    limits.insert(field.get_ref().to_string(), most);
                }
                None => {
                    self.wrong(
                        most.span().start,
                        format!("`{}` must be a number", field.get_ref()),
                    );
                }
            }
        }
        limits
    }

    fn texts(&mut self, value: &Spanned<DeValue<'_>>, what: &str) -> Vec<String> {
        let texts: Option<Vec<String>> = value.get_ref().as_array().and_then(|values| {
            let text = |value: &Spanned<DeValue<'_>>| {
                value
                    .get_ref()
                    .as_str()
                    .filter(|text| !text.trim().is_empty())
                    .map(|text| text.trim().to_owned())
            };
            values.iter().map(text).collect()
        });
        if texts.is_none() {
            self.wrong(value.span().start, format!("must be a list {what}"));
        }
        texts.unwrap_or_default()
    }

    fn numbers(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<i64> {
        let numbers: Option<Vec<i64>> = value.get_ref().as_array().and_then(|values| {
            let number = |value: &Spanned<DeValue<'_>>| decimal_text(value.get_ref())?.parse().ok();
            values.iter().map(number).collect()
        });
        if numbers.is_none() {
            self.wrong(
                value.span().start,
                "must be a list of ids of pipelines such as `[0, 9]`".to_owned(),
            );
        }
        numbers.unwrap_or_default()
    }
}

/// The text of a number that is written in decimal digits.
fn decimal_text(value: &DeValue<'_>) -> Option<String> {
    let text = match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::Float(number) => number.as_str(),
        _ => return None,
    };
    Some(text.replace('_', ""))
}
