//! What a query means: an id, a phone, an e-mail, or words in titles and names; and the items of
//! clients who match when no item itself does.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Found, Listing, filter::free_number};
use crate::{
    crm::{EntityType, Family, catalog, entity_type::linked_item, field_list::FieldList, kind},
    failure::{Code, Failure, Purpose},
    tools::Desk,
};

/// Portals compare at most this many values in one search; more clients than that are no answer.
const MOST_CLIENTS: usize = 50;

/// A condition that a query makes.
pub(super) struct Search(Map<String, Value>);

impl Search {
    fn one(key: &str, value: Value) -> Self {
        Self(Map::from_iter([(key.to_owned(), value)]))
    }

    /// Both this and a filter. Conditions stay at the top where they can, because lists of contacts
    /// and users are joined there alone.
    pub(super) fn joined_with(&self, filter: &Map<String, Value>) -> Map<String, Value> {
        let mut joined = filter.clone();
        for (key, condition) in self.0.clone() {
            let group = match (joined.get_mut(&key), condition) {
                (_, group @ Value::Object(_)) => group,
                (None, condition) => {
                    joined.insert(key, condition);
                    continue;
                }
                (Some(Value::Array(asked)), Value::Array(found))
                    if asked.iter().any(|id| found.contains(id)) =>
                {
                    asked.retain(|id| found.contains(id));
                    continue;
                }
                (Some(_), condition) => json!({ key: condition }),
            };
            joined.insert(free_number(&[&joined]), group);
        }
        joined
    }
}

/// Finds what a query names.
pub(super) async fn run(
    desk: Desk<'_>,
    listing: &mut Listing,
    query: &str,
) -> Result<Found, Failure> {
    let entity = listing.entity;
    if let Some(id) = id(entity, query) {
        let found = listing.page(desk, Some(&Search::one("=id", json!(id)))).await?;
        if !found.items.is_empty() {
            return Ok(found);
        }
    }
    let communication = communication(query);
    let mut clients = Clients::default();
    if let Some((type_id, values)) = &communication {
        let hits = Hits::fetch(desk, entity, type_id, values).await?;
        let own = hits.of(entity);
        if !own.is_empty() {
            return listing.page(desk, Some(&Search::one("@id", json!(own)))).await;
        }
        clients = hits.clients(desk);
        let found = of_clients(desk, listing, query, &clients).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    // Numbers of contracts and invoices look like phones.
    let mut found = listing.page(desk, Some(&in_names(entity, query, None))).await;
    if let Some(list) = fields_after(desk, entity, &found).await {
        found = listing.page(desk, Some(&in_names(entity, query, Some(&list)))).await;
    }
    let found = found?;
    if found.is_any() {
        return Ok(found);
    }
    if communication.is_none() {
        let (contacts, companies) = tokio::join!(
            named_like(desk, Family::Contact, query),
            named_like(desk, Family::Company, query),
        );
        clients = Clients { contacts, companies };
        let found = of_clients(desk, listing, query, &clients).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    listing.notes.push(match clients.shown().as_str() {
        "" if words(query).len() > 1 => {
            format!("no {entity} matches all words of `{query}`; try fewer")
        }
        "" => format!("no {entity} matches `{query}`"),
        whose => format!("no {entity} matches `{query}`; {whose} does, and has no {entity} here"),
    });
    Ok(Found::default())
}

/// A small number, or a link to an item of the type.
fn id(entity: EntityType, query: &str) -> Option<u64> {
    const LONGEST: usize = 9;
    if let Some((linked, id)) = linked_item(query) {
        return (linked == entity).then_some(id);
    }
    let digits = query.trim_start_matches(['#', '№']).trim();
    let is_id = digits.len() <= LONGEST && digits.chars().all(|c| c.is_ascii_digit());
    digits.parse().ok().filter(|id| is_id && *id > 0)
}

/// Shorter numbers are ids, or parts of titles.
const FEWEST_DIGITS: usize = 6;

/// A phone or an e-mail, with the spellings that portals may have stored.
fn communication(query: &str) -> Option<(&'static str, Vec<String>)> {
    if query.contains('@') && !query.contains(char::is_whitespace) {
        return Some(("EMAIL", vec![query.to_owned()]));
    }
    let is_of_a_phone = |c: char| c.is_ascii_digit() || "+-() ./".contains(c);
    let digits: String = query.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").map_or(digits.clone(), str::to_owned);
    if digits.len() < FEWEST_DIGITS || !query.chars().all(is_of_a_phone) {
        return None;
    }
    let mut values = vec![query.to_owned(), format!("+{digits}"), digits.clone()];
    // In Russia and Kazakhstan a number begins with 8 at home and with +7 abroad.
    let others: &[&str] = match digits.get(..1) {
        Some("8") if digits.len() == 11 && !query.starts_with('+') => &["+7", "7"],
        Some("7") if digits.len() == 11 => &["8"],
        _ => &[],
    };
    let rest = digits.get(1..).unwrap_or_default();
    values.extend(others.iter().map(|start| format!("{start}{rest}")));
    values.dedup();
    Some(("PHONE", values))
}

/// The fields that the portal has, where it refused a search by names: it may lack one of them.
async fn fields_after<T>(
    desk: Desk<'_>,
    entity: EntityType,
    found: &Result<T, Failure>,
) -> Option<Arc<FieldList>> {
    match found {
        Err(failure) if failure.code == Code::InvalidValue => {
            desk.facts.field_list(entity, desk.budget).await.ok()
        }
        _ => None,
    }
}

/// Each word in one of the fields that name an item.
fn in_names(entity: EntityType, query: &str, list: Option<&FieldList>) -> Search {
    let has = |name: &&&str| {
        let is_named = catalog::field(entity, name).is_some();
        let is_listed = list.is_none_or(|list| list.iter().any(|(listed, _)| listed == **name));
        is_listed && (is_named || (entity.family().is_none() && **name == "title"))
    };
    let fields = ["title", "name", "lastName", "secondName", "companyTitle"];
    let mut fields: Vec<&str> = fields.iter().filter(has).copied().collect();
    if fields.is_empty() {
        fields.push("title");
    }
    let words = words(query);
    if let ([field], [word]) = (fields.as_slice(), words.as_slice()) {
        return Search::one(&format!("%{field}"), json!(word));
    }
    let each = words.into_iter().map(|word| {
        let conditions = fields.iter().map(|field| (format!("%{field}"), json!(word)));
        if fields.len() == 1 {
            conditions.collect()
        } else {
            let logic = std::iter::once(("logic".to_owned(), json!("OR")));
            let each = conditions.map(|condition| Map::from_iter([condition]));
            logic.chain(numbered(each)).collect()
        }
    });
    Search(numbered(each).collect())
}

/// The words of a query without what is around them: of `"Acme's order",` it is `Acme` and `order`.
fn words(query: &str) -> Vec<&str> {
    let is_around = |c: char| ",.;:!?\"'«»“”„()".contains(c);
    let bare = query.split_whitespace().map(|word| {
        let word = word.trim_matches(is_around);
        word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
    });
    let words: Vec<&str> = bare.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { vec![query] } else { words }
}

/// Conditions as portals want them in a group: with numbers for keys.
fn numbered(
    conditions: impl Iterator<Item = Map<String, Value>>,
) -> impl Iterator<Item = (String, Value)> {
    conditions.enumerate().map(|(at, condition)| (at.to_string(), condition.into()))
}

/// Who has a phone or an e-mail.
struct Hits(Value);

impl Hits {
    async fn fetch(
        desk: Desk<'_>,
        entity: EntityType,
        type_id: &str,
        values: &[String],
    ) -> Result<Self, Failure> {
        let method = "crm.duplicate.findbycomm";
        let mut parameters = Map::from_iter([
            ("type".to_owned(), json!(type_id)),
            ("values".to_owned(), json!(values)),
        ]);
        if let Some(own) = entity.family().and_then(holder) {
            parameters.insert("entity_type".to_owned(), json!(own));
        }
        let hits = desk.session.portal.call(method, &parameters, desk.budget).await;
        hits.map(Self).map_err(|error| desk.session.failure(method, &error, Purpose::Reading))
    }

    fn of(&self, entity: EntityType) -> Vec<u64> {
        let ids = entity.family().and_then(holder).and_then(|name| self.0.get(name));
        let ids = ids.and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(kind::whole_number).filter_map(|id| u64::try_from(id).ok()).collect()
    }

    fn clients(&self, desk: Desk<'_>) -> Clients {
        let of = |family: Family| match family.entity_type_id().map(EntityType::new) {
            Some(entity) if desk.types.contains(entity) => self.of(entity),
            _ => Vec::new(),
        };
        Clients { contacts: of(Family::Contact), companies: of(Family::Company) }
    }
}

/// What the portal calls the families that have phones and e-mails.
const fn holder(family: Family) -> Option<&'static str> {
    match family {
        Family::Lead => Some("LEAD"),
        Family::Contact => Some("CONTACT"),
        Family::Company => Some("COMPANY"),
        _ => None,
    }
}

/// Contacts and companies.
#[derive(Default)]
struct Clients {
    contacts: Vec<u64>,
    companies: Vec<u64>,
}

impl Clients {
    /// `contact 5, company 11 and 12`; empty when there are none.
    fn shown(&self) -> String {
        let named = [("contact", &self.contacts), ("company", &self.companies)];
        let shown = named.into_iter().filter(|(_, ids)| !ids.is_empty()).map(|(name, ids)| {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("{name} {}", ids.join(", "))
        });
        shown.collect::<Vec<_>>().join(" and ")
    }
}

/// The items of clients, with a note that says so.
async fn of_clients(
    desk: Desk<'_>,
    listing: &mut Listing,
    query: &str,
    clients: &Clients,
) -> Result<Found, Failure> {
    let entity = listing.entity;
    let has = |name: &str| catalog::field(entity, name).is_some();
    let searches = [
        ("contactIds", "@contactIds", &clients.contacts),
        ("companyId", "@companyId", &clients.companies),
    ];
    // Lists of contacts cannot stand in a group with companies, so one comes after the other.
    for (field, key, ids) in searches {
        if ids.is_empty() || !has(field) {
            continue;
        }
        let found = match listing.page(desk, Some(&Search::one(key, json!(ids)))).await {
            // A smart process without clients cannot be filtered by them.
            Err(failure) if failure.code == Code::InvalidValue => continue,
            found => found?,
        };
        if found.is_any() {
            listing.notes.push(format!(
                "no {entity} matches `{query}` itself; these belong to {}, which it names",
                clients.shown()
            ));
            return Ok(found);
        }
    }
    Ok(Found::default())
}

/// The ids of contacts or companies by name; none when they cannot be read.
async fn named_like(desk: Desk<'_>, family: Family, query: &str) -> Vec<u64> {
    let Some(entity) = family.entity_type_id().map(EntityType::new) else {
        return Vec::new();
    };
    if !desk.types.contains(entity) {
        return Vec::new();
    }
    let mut found = ids(desk, entity, &in_names(entity, query, None)).await;
    if let Some(list) = fields_after(desk, entity, &found).await {
        found = ids(desk, entity, &in_names(entity, query, Some(&list))).await;
    }
    found.unwrap_or_default()
}

async fn ids(desk: Desk<'_>, entity: EntityType, search: &Search) -> Result<Vec<u64>, Failure> {
    let method = "crm.item.list";
    let parameters = Map::from_iter([
        ("entityTypeId".to_owned(), json!(entity.id())),
        ("select".to_owned(), json!(["id"])),
        ("filter".to_owned(), search.0.clone().into()),
        ("start".to_owned(), json!(-1)),
    ]);
    let found = desk.session.portal.call(method, &parameters, desk.budget).await;
    let found = found.map_err(|error| desk.session.failure(method, &error, Purpose::Reading))?;
    let items = found.get("items").and_then(Value::as_array).into_iter().flatten();
    let ids = items.filter_map(|item| kind::whole_number(item.get("id")?));
    Ok(ids.filter_map(|id| u64::try_from(id).ok()).take(MOST_CLIENTS).collect())
}
