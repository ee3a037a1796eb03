//! What a query means: an id, a phone, an e-mail, or words in titles and names; and the items of
//! clients who match when no item itself does.

use serde_json::{Map, Value, json};

use super::{Found, Listing};
use crate::{
    crm::{EntityType, Family, catalog},
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

    /// Both this and a filter.
    pub(super) fn joined_with(&self, filter: &Map<String, Value>) -> Map<String, Value> {
        if filter.is_empty() {
            return self.0.clone();
        }
        if filter.contains_key("logic") {
            let both = [("0", filter.clone()), ("1", self.0.clone())];
            return both.into_iter().map(|(key, it)| (key.to_owned(), it.into())).collect();
        }
        // Lists of contacts and users are joined at the top alone, so the filter stays there.
        let mut joined = filter.clone();
        let is_free = |key: &String| !filter.contains_key(key);
        let key = (0..=filter.len()).map(|number| number.to_string()).find(is_free);
        match self.0.get("@contactIds") {
            Some(_) => joined.extend(self.0.clone()),
            None => {
                joined.insert(key.unwrap_or_default(), self.0.clone().into());
            }
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
    if let Some((type_id, values)) = communication(query) {
        return by_communication(desk, listing, query, type_id, values).await;
    }
    let found = listing.page(desk, Some(&in_names(entity, query))).await?;
    if !found.items.is_empty() || listing.start.is_some_and(|start| start > 0) {
        return Ok(found);
    }
    let clients = Clients {
        contacts: named_like(desk, Family::Contact, query).await,
        companies: named_like(desk, Family::Company, query).await,
    };
    of_clients(desk, listing, query, &clients).await
}

/// A small number, or a link to an item of the type.
fn id(entity: EntityType, query: &str) -> Option<u64> {
    const LONGEST: usize = 9;
    let start = entity.item_path(0);
    let digits = match query.split_once(start.trim_end_matches("0/")) {
        Some((_, rest)) => rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default(),
        None => query.trim_start_matches(['#', '№']).trim(),
    };
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
    let mut values = vec![query.to_owned(), format!("+{digits}"), digits];
    values.dedup();
    Some(("PHONE", values))
}

/// Each word in one of the fields that name an item.
fn in_names(entity: EntityType, query: &str) -> Search {
    let has = |name: &&&str| {
        let is_named = catalog::field(entity, name).is_some();
        is_named || (entity.family().is_none() && **name == "title")
    };
    let fields = ["title", "name", "lastName", "secondName", "companyTitle"];
    let fields: Vec<&str> = fields.iter().filter(has).copied().collect();
    let mut words: Vec<Map<String, Value>> = query
        .split_whitespace()
        .map(|word| {
            let conditions = fields.iter().map(|field| (format!("%{field}"), json!(word)));
            if fields.len() == 1 {
                conditions.collect()
            } else {
                group("OR", conditions.map(|condition| Map::from_iter([condition])))
            }
        })
        .collect();
    if words.len() == 1 {
        Search(words.pop().unwrap_or_default())
    } else {
        Search(group("AND", words.into_iter()))
    }
}

fn group(logic: &str, conditions: impl Iterator<Item = Map<String, Value>>) -> Map<String, Value> {
    let logic = std::iter::once(("logic".to_owned(), json!(logic)));
    logic.chain(conditions.enumerate().map(|(at, it)| (at.to_string(), it.into()))).collect()
}

/// Contacts and companies.
#[derive(Default)]
struct Clients {
    contacts: Vec<u64>,
    companies: Vec<u64>,
}

async fn by_communication(
    desk: Desk<'_>,
    listing: &mut Listing,
    query: &str,
    type_id: &str,
    values: Vec<String>,
) -> Result<Found, Failure> {
    let method = "crm.duplicate.findbycomm";
    let own_type = match listing.entity.family() {
        Some(Family::Lead) => Some("LEAD"),
        Some(Family::Contact) => Some("CONTACT"),
        Some(Family::Company) => Some("COMPANY"),
        _ => None,
    };
    let mut parameters =
        Map::from_iter([("type".to_owned(), json!(type_id)), ("values".to_owned(), json!(values))]);
    if let Some(own_type) = own_type {
        parameters.insert("entity_type".to_owned(), json!(own_type));
    }
    let hits = desk
        .session
        .portal
        .call(method, &parameters, desk.budget)
        .await
        .map_err(|error| desk.session.failure(method, &error, Purpose::Reading))?;
    let ids = |key: &str| -> Vec<u64> {
        let ids = hits.get(key).and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(crate::crm::kind::whole_number)
            .filter_map(|id| u64::try_from(id).ok())
            .collect()
    };
    let Some(own_type) = own_type else {
        let of = |family: Family, key: &str| match family.entity_type_id() {
            Some(id) if desk.types.contains(EntityType::new(id)) => ids(key),
            _ => Vec::new(),
        };
        let clients = Clients {
            contacts: of(Family::Contact, "CONTACT"),
            companies: of(Family::Company, "COMPANY"),
        };
        return of_clients(desk, listing, query, &clients).await;
    };
    match ids(own_type) {
        ids if ids.is_empty() => {
            listing.notes.push(format!("no {} has `{query}`", listing.entity));
            Ok(Found::default())
        }
        ids => listing.page(desk, Some(&Search::one("@id", json!(ids)))).await,
    }
}

/// The items of clients, with a note that says so.
async fn of_clients(
    desk: Desk<'_>,
    listing: &mut Listing,
    query: &str,
    clients: &Clients,
) -> Result<Found, Failure> {
    let has = |name: &str| catalog::field(listing.entity, name).is_some();
    let Clients { contacts, companies } = clients;
    let (search, whose) = if !contacts.is_empty() && has("contactIds") {
        (Search::one("@contactIds", json!(contacts)), listed("contact", contacts))
    } else if !companies.is_empty() && has("companyId") {
        (Search::one("@companyId", json!(companies)), listed("company", companies))
    } else {
        listing.notes.push(format!("no {} matches `{query}`", listing.entity));
        return Ok(Found::default());
    };
    let entity = listing.entity;
    let found = match listing.page(desk, Some(&search)).await {
        // A smart process without clients cannot be filtered by them.
        Err(failure) if failure.code == Code::InvalidValue => Found::default(),
        found => found?,
    };
    listing.notes.push(if found.items.is_empty() {
        format!("no {entity} matches `{query}`; {whose} does, and has no such {entity}")
    } else {
        format!("no {entity} matches `{query}` itself; these belong to {whose}, which does")
    });
    if !contacts.is_empty() && !companies.is_empty() {
        listing.notes.push(format!("{} matches too", listed("company", companies)));
    }
    Ok(found)
}

fn listed(name: &str, ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("{name} {}", ids.join(", "))
}

/// The ids of contacts or companies by name; none when they cannot be read.
async fn named_like(desk: Desk<'_>, family: Family, query: &str) -> Vec<u64> {
    let Some(entity) = family.entity_type_id().map(EntityType::new) else {
        return Vec::new();
    };
    if !desk.types.contains(entity) {
        return Vec::new();
    }
    let parameters = Map::from_iter([
        ("entityTypeId".to_owned(), json!(entity.id())),
        ("select".to_owned(), json!(["id"])),
        ("filter".to_owned(), in_names(entity, query).0.into()),
        ("start".to_owned(), json!(-1)),
    ]);
    let Ok(found) = desk.session.portal.call("crm.item.list", &parameters, desk.budget).await
    else {
        return Vec::new();
    };
    let items = found.get("items").and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get("id")?.as_u64()).take(MOST_CLIENTS).collect()
}
