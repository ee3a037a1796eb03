//! One item, and what every entity type has: an id, a time of the last change, mostly a stage and a
//! pipeline.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{EntityType, Family, kind, stage};

/// Which item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemRef {
    /// The type.
    pub entity: EntityType,
    /// The item's id in it.
    pub id: u64,
}

/// An item as a portal shows it. A field that it does not show is not an empty field: nothing is
/// known of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Item(Map<String, Value>);

impl Item {
    /// What a field holds; `None` when the item does not show it.
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field)
    }

    /// Whether the item shows a field, be it empty.
    pub fn shows(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// Every field that it shows.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> + Clone {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Its id.
    pub fn id(&self) -> Option<u64> {
        kind::whole_number(self.get("id")?).and_then(|id| u64::try_from(id).ok())
    }

    /// Its pipeline, by its stage's code or its own field.
    pub fn pipeline(&self, entity: EntityType) -> Option<i64> {
        let code = self.get("stageId").and_then(Value::as_str);
        let of_stage = code.and_then(|code| stage::pipeline(entity, code).ok()?);
        of_stage.or_else(|| kind::whole_number(self.get("categoryId")?))
    }

    /// What people call it: its title, or the first and last name of a person.
    pub fn called(&self) -> Option<String> {
        let text = |field: &str| self.get(field).and_then(Value::as_str).map(str::trim);
        let title = text("title").filter(|title| !title.is_empty()).map(str::to_owned);
        title.or_else(|| {
            let names = ["name", "lastName"].into_iter().filter_map(text);
            let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
            (!names.is_empty()).then(|| names.join(" "))
        })
    }

    /// Whether it was saved between `earlier` and now, as far as it tells: portals save nothing
    /// that changes nothing.
    pub fn was_saved_since(&self, earlier: &Self) -> bool {
        let times = earlier.get("updatedTime").zip(self.get("updatedTime"));
        times.is_some_and(|(old, new)| old != new)
    }

    /// The same with each value in another form.
    #[must_use]
    pub fn map(self, mut form: impl FnMut(&str, Value) -> Value) -> Self {
        let shown = self.0.into_iter().map(|(name, value)| {
            let value = form(&name, value);
            (name, value)
        });
        Self(shown.collect())
    }
}

/// The fields by which people call an item of the type: see [`Item::called`].
pub fn called_by(entity: EntityType) -> impl Iterator<Item = &'static str> {
    let fields: &[&str] = match entity.family() {
        Some(Family::Contact) => &["name", "lastName"],
        Some(Family::Lead) => &["title", "name", "lastName"],
        _ => &["title"],
    };
    fields.iter().copied()
}

impl From<Map<String, Value>> for Item {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl From<Item> for Map<String, Value> {
    fn from(item: Item) -> Self {
        item.0
    }
}

impl From<Item> for Value {
    fn from(item: Item) -> Self {
        Self::Object(item.0)
    }
}

impl FromIterator<(String, Value)> for Item {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(fields: T) -> Self {
        Self(fields.into_iter().collect())
    }
}

impl IntoIterator for Item {
    type Item = (String, Value);
    type IntoIter = serde_json::map::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(fields: Value) -> Item {
        let Value::Object(fields) = fields else { panic!("no object: {fields}") };
        fields.into()
    }

    #[test]
    fn what_an_item_does_not_show_is_not_empty() {
        let item = item(json!({"title": null, "id": "351"}));
        assert_eq!(item.get("title"), Some(&Value::Null));
        assert_eq!(item.get("comments"), None);
        assert!(item.shows("title") && !item.shows("comments"));
        assert_eq!(item.id(), Some(351));
    }

    #[test]
    fn the_stage_tells_the_pipeline_before_the_pipelines_own_field() {
        let cases = [
            (2, json!({"stageId": "C9:NEW", "categoryId": 9}), Some(9)),
            (2, json!({"stageId": "NEW"}), Some(0)),
            (2, json!({"categoryId": "9"}), Some(9)),
            (1, json!({"stageId": "NEW"}), None),
            (7, json!({"stageId": "DRAFT", "categoryId": 3}), Some(3)),
            (128, json!({"stageId": "DT128_11:NEW"}), Some(11)),
            (2, json!({}), None),
        ];
        for (entity, fields, pipeline) in cases {
            assert_eq!(
                item(fields.clone()).pipeline(EntityType::new(entity)),
                pipeline,
                "{fields}"
            );
        }
    }

    #[test]
    fn saving_shows_in_the_time_of_the_last_change() {
        let at = |time: Value| item(json!({"updatedTime": time}));
        assert!(at(json!("10:01")).was_saved_since(&at(json!("10:00"))));
        assert!(!at(json!("10:00")).was_saved_since(&at(json!("10:00"))));
        assert!(!item(json!({})).was_saved_since(&at(json!("10:00"))));
    }
}
