//! What a query semantics: an id, a phone, an e-mail, or words in titles and names; and the items of
//! clients who match when no item itself does.

mod naming_fields;

use serde_json::{Map, Value, json};

use super::{Found, ListRequest, filter::free_number};
use crate::{
    crm::{EntityType, Family, catalog, entity_type::linked_item, kind},
    error::{Code, Failure, Problem, Purpose},
    tools::Context,
};
use naming_fields::{NamingFields, bare, is_bare_number, numbered, words};

/// Portals compare at most this many values in one search; more clients than that are no answer.
const MAX_CLIENTS: usize = 50;

/// Each word becomes conditions of the search; more words than that are no name.
const MAX_WORDS: usize = 32;

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
    context: Context<'_>,
    listing: &mut ListRequest,
    query: &str,
) -> Result<Found, Failure> {
    let entity = listing.entity;
    let count = words(query).len();
    if count > MAX_WORDS {
        let message = format!("has {count} words; a name has up to {MAX_WORDS}");
        return Err(Failure::refused_argument(Problem::new("query", message)));
    }
    let mut naming = NamingFields::of(entity);
    if let Some(id) = id(entity, query) {
        let search = |naming: &NamingFields| naming.id_or_number(id, query);
        let found = naming.page(context, listing, search).await?;
        if !found.items.is_empty() {
            if let Some(number) = naming.number().filter(|_| is_bare_number(query)) {
                listing.notes.push(format!(
                    "`{query}` was read as an id or a whole `{number}`; filter by `%{number}` for \
                     a part of one"
                ));
            }
            return Ok(found);
        }
    }
    let communication = communication(query);
    // Where items have numbers, a number that looks like a phone is one of these first.
    let is_number_first = communication.is_some() && naming.number().is_some();
    if is_number_first {
        let found = naming.page(context, listing, |naming| naming.every_word(query)).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    let mut clients = Clients::default();
    if let Some((type_id, values)) = &communication {
        let hits = Hits::fetch(context, entity, type_id, values).await?;
        let own = hits.of(entity);
        if !own.is_empty() {
            return listing.page(context, Some(&Search::one("@id", json!(own)))).await;
        }
        clients = hits.clients(context);
        let found = of_clients(context, listing, query, &clients).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    // Numbers of contracts look like phones.
    if !is_number_first {
        let found = naming.page(context, listing, |naming| naming.every_word(query)).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    if communication.is_none() {
        let (contacts, companies) = tokio::join!(
            named_like(context, Family::Contact, query),
            named_like(context, Family::Company, query),
        );
        clients = Clients { contacts, companies };
        let found = of_clients(context, listing, query, &clients).await?;
        if found.is_any() {
            return Ok(found);
        }
        let found = by_number_alone(context, listing, &mut naming, query).await?;
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

/// Items whose number is among the words of a query, such as `invoice INV-17`, with a note that the
/// other words are not theirs.
async fn by_number_alone(
    context: Context<'_>,
    listing: &mut ListRequest,
    naming: &mut NamingFields,
    query: &str,
) -> Result<Found, Failure> {
    let words = words(query);
    let (numbers, others): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|word| word.contains(|c: char| c.is_ascii_digit()));
    let (Some(field), false, false) = (naming.number(), numbers.is_empty(), others.is_empty())
    else {
        return Ok(Found::default());
    };
    let search = |_: &NamingFields| {
        let each = numbers.iter().map(|number| {
            // A few characters are a part of too many numbers.
            let operator = if number.chars().count() < MIN_PART { '=' } else { '%' };
            Map::from_iter([(format!("{operator}{field}"), json!(number))])
        });
        Search(numbered(each).collect())
    };
    let found = naming.page(context, listing, search).await?;
    if found.is_any() {
        let entity = listing.entity;
        let numbers = numbers.join("` and `");
        listing.notes.push(format!(
            "no {entity} matches all words of `{query}`; these match `{numbers}` in `{field}`"
        ));
    }
    Ok(found)
}

/// The shortest text that is looked for inside a number when other words do not match.
const MIN_PART: usize = 4;

/// A small number, or a link to an item of the type.
fn id(entity: EntityType, query: &str) -> Option<u64> {
    const MAX: usize = 9;
    if let Some((linked, id)) = linked_item(query) {
        return (linked == entity).then_some(id);
    }
    let digits = bare(query);
    let is_id = digits.len() <= MAX && digits.chars().all(|c| c.is_ascii_digit());
    digits.parse().ok().filter(|id| is_id && *id > 0)
}

/// Shorter numbers are ids, or parts of titles.
const MIN_DIGITS: usize = 6;

/// A phone or an e-mail, with the spellings that portals may have stored.
fn communication(query: &str) -> Option<(&'static str, Vec<String>)> {
    if query.contains('@') && !query.contains(char::is_whitespace) {
        return Some(("EMAIL", vec![query.to_owned()]));
    }
    let is_of_a_phone = |c: char| c.is_ascii_digit() || "+-() ./".contains(c);
    let digits: String = query.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").map_or(digits.clone(), str::to_owned);
    if digits.len() < MIN_DIGITS || !query.chars().all(is_of_a_phone) {
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

/// Who has a phone or an e-mail.
struct Hits(Value);

impl Hits {
    async fn fetch(
        context: Context<'_>,
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
        let hits = context.session.portal.call(method, &parameters, context.budget).await;
        hits.map(Self).map_err(|error| context.session.failure(method, &error, Purpose::Reading))
    }

    fn of(&self, entity: EntityType) -> Vec<u64> {
        let ids = entity.family().and_then(holder).and_then(|name| self.0.get(name));
        let ids = ids.and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(kind::whole_number).filter_map(|id| u64::try_from(id).ok()).collect()
    }

    fn clients(&self, context: Context<'_>) -> Clients {
        let of = |family: Family| match family.entity_type_id().map(EntityType::new) {
            Some(entity) if context.types.contains(entity) => self.of(entity),
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
    context: Context<'_>,
    listing: &mut ListRequest,
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
        let found = match listing.page(context, Some(&Search::one(key, json!(ids)))).await {
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
async fn named_like(context: Context<'_>, family: Family, query: &str) -> Vec<u64> {
    let Some(entity) = family.entity_type_id().map(EntityType::new) else {
        return Vec::new();
    };
    if !context.types.contains(entity) {
        return Vec::new();
    }
    let mut naming = NamingFields::of(entity);
    let mut found = ids(context, entity, &naming.every_word(query)).await;
    if naming.has_learnt(context, &found).await {
        found = ids(context, entity, &naming.every_word(query)).await;
    }
    found.unwrap_or_default()
}

async fn ids(
    context: Context<'_>,
    entity: EntityType,
    search: &Search,
) -> Result<Vec<u64>, Failure> {
    let method = "crm.item.list";
    let parameters = Map::from_iter([
        ("entityTypeId".to_owned(), json!(entity.id())),
        ("select".to_owned(), json!(["id"])),
        ("filter".to_owned(), search.0.clone().into()),
        ("start".to_owned(), json!(-1)),
    ]);
    let found = context.session.portal.call(method, &parameters, context.budget).await;
    let found = found.map_err(|error| context.session.failure(method, &error, Purpose::Reading))?;
    let items = found.get("items").and_then(Value::as_array).into_iter().flatten();
    let ids = items.filter_map(|item| kind::whole_number(item.get("id")?));
    Ok(ids.filter_map(|id| u64::try_from(id).ok()).take(MAX_CLIENTS).collect())
}
