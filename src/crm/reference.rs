//! What the codes in an item's fields stand for: stages, pipelines, entries of directories and
//! lists, users, other items. The names of these are the portal's: see `metadata`.

use serde_json::Value;

use super::{EntityType, Family, ItemRef, Kind, kind};

/// What a code stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Referent {
    /// A stage of the item's entity type.
    Stage(String),
    /// A pipeline of the item's entity type.
    Pipeline(i64),
    /// An entry of a directory.
    Entry {
        /// Its `ENTITY_ID`.
        directory: String,
        /// The entry's code.
        code: String,
    },
    /// An option of the field's own list.
    Choice(i64),
    /// A user of the portal.
    User(i64),
    /// Another item.
    Item(ItemRef),
}

/// The codes in a field's value, each with what it stands for.
pub fn referents(
    field: &str,
    kind: Kind,
    directory: Option<&str>,
    value: &Value,
) -> Vec<(String, Referent)> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let referent = |value: &Value| {
        let text = || value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let number = || kind::whole_number(value);
        let id = || number().filter(|id| *id > 0);
        let item = |entity: EntityType| {
            let id = u64::try_from(id()?).ok()?;
            Some(Referent::Item(ItemRef { entity, id }))
        };
        match kind {
            Kind::Stage => text().map(Referent::Stage),
            Kind::Category => number().map(Referent::Pipeline),
            Kind::Status => {
                let directory = directory?.to_owned();
                text().map(|code| Referent::Entry { directory, code })
            }
            Kind::Choice => id().map(Referent::Choice),
            Kind::User | Kind::Users => id().map(Referent::User),
            Kind::Link | Kind::Links => item(linked_type(field)?),
            Kind::CrmLink => linked_item(value.as_str()?).map(Referent::Item),
            _ => None,
        }
    };
    let of_value = |value: &Value| {
        let code = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((code, referent(value)?))
    };
    values.iter().filter_map(of_value).collect()
}

/// The entity type of the items that a field of ids links to.
fn linked_type(field: &str) -> Option<EntityType> {
    let family = match field {
        "companyId" | "companyIds" | "mycompanyId" => Family::Company,
        "contactId" | "contactIds" => Family::Contact,
        "leadId" => Family::Lead,
        "dealId" => Family::Deal,
        "quoteId" => Family::Quote,
        parent => return parent.strip_prefix("parentId")?.parse().ok().map(EntityType::new),
    };
    family.entity_type_id().map(EntityType::new)
}

/// The item that a value such as `CO_3` or `T80_6` of a custom field links to
/// (docs/bitrix24.md, "Linked items").
fn linked_item(text: &str) -> Option<ItemRef> {
    let (letters, id) = text.trim().split_once('_')?;
    Some(ItemRef { entity: EntityType::of_short_code(letters)?, id: id.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_stand_for_what_their_field_holds() {
        let item = |entity, id| Referent::Item(ItemRef { entity: EntityType::new(entity), id });
        let entry = Referent::Entry { directory: "SOURCE".to_owned(), code: "CALL".to_owned() };
        let cases = [
            ("stageId", Kind::Stage, json!("C9:NEW"), vec![Referent::Stage("C9:NEW".to_owned())]),
            ("categoryId", Kind::Category, json!(0), vec![Referent::Pipeline(0)]),
            ("sourceId", Kind::Status, json!("CALL"), vec![entry]),
            ("assignedById", Kind::User, json!("7"), vec![Referent::User(7)]),
            ("observers", Kind::Users, json!([1, 2]), vec![Referent::User(1), Referent::User(2)]),
            ("companyId", Kind::Link, json!(11), vec![item(4, 11)]),
            ("companyId", Kind::Link, json!(0), vec![]),
            ("contactIds", Kind::Links, json!([5]), vec![item(3, 5)]),
            ("parentId1220", Kind::Link, json!(2), vec![item(1220, 2)]),
            (
                "ufCrm_1",
                Kind::CrmLink,
                json!(["CO_3", "T80_6", "5"]),
                vec![item(4, 3), item(128, 6)],
            ),
            ("ufCrm_2", Kind::Choice, json!(44), vec![Referent::Choice(44)]),
            ("title", Kind::Text, json!("12"), vec![]),
        ];
        for (field, kind, value, expected) in cases {
            let found = referents(field, kind, Some("SOURCE"), &value);
            let found: Vec<Referent> = found.into_iter().map(|(_, it)| it).collect();
            assert_eq!(found, expected, "{field} {value}");
        }
    }
}
