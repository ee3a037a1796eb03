//! What an item must hold before it is changed. Whatever an answer shows as the value of a field is
//! accepted, and holds as long as the field has not changed. Pure.

use serde_json::{Value, json};

use super::{
    files,
    intent::{Intended, IntendedField},
};
use crate::{
    crm::{
        Item, Shape, kind,
        multifield::{self, Held},
    },
    error::{Code, Failure, Problem, Retry},
    text::{self, visible},
};

/// A value that a field must have now.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    path: String,
    name: String,
    shape: Shape,
    value: Awaited,
}

#[derive(Debug, Clone)]
enum Awaited {
    /// This value, in wire form.
    Value(Value),
    /// These records.
    Records(Held),
    /// The files with these ids.
    Files(Vec<i64>),
}

impl Expected {
    /// What is still to be compared; nothing where the item shows the value as it was typed.
    ///
    /// # Errors
    ///
    /// The problem of a value that the field cannot hold and does not show.
    pub(super) fn of(
        field: &IntendedField,
        item: Option<&Item>,
        notes: &mut Vec<String>,
    ) -> Result<Option<Self>, Problem> {
        if let Some(now) = item.and_then(|item| item.get(&field.name)) {
            if is_shown(field, now) {
                return Ok(None);
            }
            if is_shown_cut(field, now) {
                notes.push(format!(
                    "only the beginning of `{}` and its length were compared: the text was cut",
                    field.path
                ));
                return Ok(None);
            }
        }
        let value = match &field.value {
            Intended::HeldRecords(held) => Awaited::Records(held.clone()),
            Intended::HeldFiles(ids) => Awaited::Files(ids.clone()),
            _ => Awaited::Value(field.wire(item)?.0),
        };
        let (path, name) = (field.path.clone(), field.name.clone());
        Ok(Some(Self { path, name, shape: field.shape, value }))
    }

    fn holds(&self, now: &Value) -> bool {
        match &self.value {
            Awaited::Value(wire) => self.shape.same(wire, now),
            Awaited::Records(held) => held.is_held_by(&multifield::records(Some(now)), is_value),
            Awaited::Files(ids) => {
                let sorted = |mut ids: Vec<i64>| {
                    ids.sort_unstable();
                    ids
                };
                sorted(ids.clone()) == sorted(files::ids(Some(now)))
            }
        }
    }

    fn conflict(&self, now: &Value) -> Problem {
        let message = match &self.value {
            Awaited::Value(wire) => format!("is not {}; see `now`", kind::shown(wire)),
            Awaited::Records(_) => "does not have the expected records; see `now`".to_owned(),
            Awaited::Files(_) => "does not hold the expected files; see `now`".to_owned(),
        };
        let now = match &self.value {
            // Without their links, which are signed.
            Awaited::Files(_) => {
                files::ids(Some(now)).into_iter().map(|id| json!({ "id": id })).collect()
            }
            Awaited::Value(_) | Awaited::Records(_) => self.shape.kind.answered(now),
        };
        Problem::new(&self.path, message).holding(now)
    }
}

/// Whether the value is typed as the item shows it, be it one that could not be written.
fn is_shown(field: &IntendedField, now: &Value) -> bool {
    let Intended::Typed { typed, .. } = &field.value else { return false };
    typed == now || *typed == field.shape.kind.answered(now)
}

/// Whether the value is typed as an answer shows it that had to cut its texts.
fn is_shown_cut(field: &IntendedField, now: &Value) -> bool {
    match &field.value {
        Intended::Typed { typed, .. } => text::CUTS.into_iter().any(|longest| {
            let mut shown = now.clone();
            cut(&mut shown, longest);
            *typed == shown
        }),
        Intended::HeldRecords(held) => {
            let now = multifield::records(Some(now));
            !held.is_held_by(&now, is_value) && held.is_held_by(&now, is_value_or_cut)
        }
        _ => false,
    }
}

fn is_value(expected: &str, now: &str) -> bool {
    expected == now.trim()
}

fn is_value_or_cut(expected: &str, now: &str) -> bool {
    let mut cuts = text::CUTS.into_iter();
    is_value(expected, now)
        || cuts.any(|longest| cut_text(now, longest).is_some_and(|cut| cut == expected))
}

/// Cuts every text.
fn cut(value: &mut Value, longest: usize) {
    match value {
        Value::String(text) => {
            if let Some(cut) = cut_text(text, longest) {
                *text = cut;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| cut(value, longest)),
        Value::Object(entries) => entries.values_mut().for_each(|value| cut(value, longest)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A text that was cut as it is shown, as arguments are read.
fn cut_text(text: &str, longest: usize) -> Option<String> {
    text::cut(&visible(text), longest).map(|cut| text::read_back(&cut).into_owned())
}

/// Whether the item has every value that must be there before anything is changed.
///
/// # Errors
///
/// The conflict, with what the item has instead.
pub(super) fn check(expected: &[Expected], item: &Item) -> Result<(), Failure> {
    let problems: Vec<Problem> = expected
        .iter()
        .filter_map(|expected| {
            let Some(now) = item.get(&expected.name) else {
                let message = "is not shown by the item, so its value is unknown";
                return Some(Problem::new(&expected.path, message));
            };
            (!expected.holds(now)).then(|| expected.conflict(now))
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    let message = "the item does not have the expected values";
    let hint = "nothing was sent; check what the item holds now and decide whether the change still \
                applies";
    Err(Failure { problems, ..Failure::new(Code::Conflict, Retry::AfterFix, message, hint) })
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::{
        change::{compile::compile, patch::Patch},
        crm::{EntityType, ItemRef, Naming},
        error::Written,
        metadata::Fields,
        uploads::Policy,
    };

    fn expected(name: &str, typed: &Value, now: &Value) -> Result<Vec<String>, Failure> {
        let entity = EntityType::new(if name == "fm" { 3 } else { 2 });
        let patch = Patch {
            item: ItemRef { entity, id: 1 },
            fields: Map::new(),
            clear: Vec::new(),
            expect: [(name.to_owned(), typed.clone())].into_iter().collect(),
            dry_run: false,
            naming: Naming::Camel,
        };
        let item: Item = now.as_object().cloned().unwrap_or_default().into();
        let fields = Fields { entity, naming: Naming::Camel, item: Some(&item), list: None };
        let intent = compile(&patch, &fields, true, &Policy::STANDARD);
        assert!(intent.problems.is_empty(), "{:?}", intent.problems);
        let mut notes = Vec::new();
        let of = |field: &IntendedField| Expected::of(field, Some(&item), &mut notes).unwrap();
        let open: Vec<Expected> = intent.expected.iter().filter_map(of).collect();
        check(&open, &item).map(|()| notes)
    }

    #[test]
    fn expectations_are_compared_by_kind_and_a_hidden_field_holds_none() {
        let cases = [
            ("opportunity", json!(5), json!({"opportunity": "5.00"}), true),
            ("opportunity", json!(5), json!({"opportunity": "6.00"}), false),
            // What could not be written is expected as it is shown.
            ("opportunity", json!("5,00"), json!({"opportunity": "5,00"}), true),
            ("comments", json!(""), json!({"comments": null}), true),
            ("comments", json!(""), json!({}), false),
            ("comments", json!(null), json!({}), false),
        ];
        for (name, typed, now, holds) in cases {
            let found = expected(name, &typed, &now);
            assert_eq!(found.is_ok(), holds, "{name} {now}");
            assert!(
                found.err().is_none_or(|it| it.code == Code::Conflict && it.written == Written::No)
            );
        }
    }

    #[test]
    fn a_text_that_was_cut_holds_as_long_as_its_beginning_and_its_length_are_the_same() {
        for longest in text::CUTS {
            // Hidden characters are counted as they are shown, and one is cut apart.
            let long = format!("{}\u{200b}{}", "a".repeat(longest - 3), "b".repeat(longest));
            let mut shown = Value::from(text::cut(&visible(&long), longest).unwrap());
            let typed = text::read_back(shown.as_str().unwrap()).into_owned();
            let mut changed = long.clone();
            changed.replace_range(..1, "c");
            let cases = [
                (json!(long), true),
                (json!(changed), false),
                (json!(format!("{long}b")), false),
                (json!("a"), false),
                (shown.take(), true),
            ];
            for (now, holds) in cases {
                let is_cut = now == json!(long);
                let found = expected("comments", &json!(typed), &json!({"comments": now}));
                assert_eq!(found.is_ok(), holds, "{longest} {now}");
                assert_eq!(found.is_ok_and(|notes| notes.len() == 1), is_cut, "{longest} {now}");
            }
        }
        let page_of =
            |value: &str| json!([{"id": 1, "typeId": "WEB", "valueType": "WORK", "value": value}]);
        let now = |value: &str| json!({"fm": page_of(value)});
        let page = format!("https://orbit.example/{}", "a".repeat(200));
        let shown = page_of(&text::cut(&page, 80).unwrap());
        assert_eq!(expected("fm", &shown, &now(&page)).unwrap().len(), 1);
        assert!(expected("fm", &shown, &now(&format!("{page}a"))).is_err());
        assert!(expected("fm", &page_of(&page), &now(&page)).unwrap().is_empty());
        let typed = json!(text::cut(&"a".repeat(200), 79).unwrap());
        let now = json!({"comments": "a".repeat(200)});
        assert!(expected("comments", &typed, &now).is_err());
    }
}
