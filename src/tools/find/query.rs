//! What a query means: an id, a phone, an e-mail, or words in titles and names; and the items
//! of clients who match when no item itself does.

mod naming_fields;

use serde_json::{Map, json};

use super::{
    request::{Found, ListRequest},
    search::Search,
};
use crate::{
    crm::{EntityType, Family, Item, catalog, entity_type::linked_item},
    error::{Code, Failure, Problem, Purpose},
    items::{Communication, Holders, Items, Query},
    tools::context::Context,
};
use naming_fields::{NamingFields, bare, is_bare_number, words};

/// Portals compare at most this many values in one search; a query with more clients is too vague.
const MAX_CLIENTS: usize = 50;

/// Each word becomes conditions of the search; no name has more words than that.
const MAX_WORDS: usize = 32;

/// Finds what a query names.
pub(super) async fn run(
    context: Context<'_>,
    request: &mut ListRequest,
    query: &str,
) -> Result<Found, Failure> {
    let entity = request.entity;
    let count = words(query).len();
    if count > MAX_WORDS {
        let message = format!("has {count} words; up to {MAX_WORDS} are allowed");
        return Err(Failure::refused_argument(Problem::new("query", message)));
    }
    let mut naming = NamingFields::of(entity);
    if let Some(id) = id(entity, query) {
        let search = |naming: &NamingFields| naming.id_or_number(id, query);
        let found = naming.page(context, request, search).await?;
        if !found.items.is_empty() {
            if let Some(number) = naming.number().filter(|_| is_bare_number(query)) {
                request.notes.push(format!(
                    "`{query}` was read as an id or a whole `{number}`; filter by `%{number}` for \
                     a part of one"
                ));
            }
            return Ok(found);
        }
    }
    let communication = communication(query);
    // Where items have numbers, a number in the form of a phone is tried as one of these first.
    let is_number_first = communication.is_some() && naming.number().is_some();
    if is_number_first {
        let found = naming.page(context, request, |naming| naming.every_word(query)).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    let mut clients = Clients::default();
    if let Some((what, values)) = &communication {
        let deadline = &context.call.deadline;
        let holders = context.call.account.items.holders(entity, *what, values, deadline).await;
        let holders = holders
            .map_err(|error| context.call.failure(Items::HOLDERS, &error, Purpose::Reading))?;
        let own = holders.of(entity);
        if !own.is_empty() {
            return request
                .page(context, Search::one("@id", json!(own)).joined_with(&request.filter))
                .await;
        }
        clients = Clients::among(&holders, context);
        let found = of_clients(context, request, query, &clients).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    // Contract numbers can have the form of phones.
    if !is_number_first {
        let found = naming.page(context, request, |naming| naming.every_word(query)).await?;
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
        let found = of_clients(context, request, query, &clients).await?;
        if found.is_any() {
            return Ok(found);
        }
        let found = by_number_alone(context, request, &mut naming, query).await?;
        if found.is_any() {
            return Ok(found);
        }
    }
    request.notes.push(match clients.shown().as_str() {
        "" if words(query).len() > 1 => {
            format!("no {entity} matches all words of `{query}`; try fewer")
        }
        "" => format!("no {entity} matches `{query}`"),
        whose => format!("no {entity} matches `{query}`; {whose} does, but has no {entity}"),
    });
    Ok(Found::default())
}

/// Items whose number is among the words of a query, such as `invoice INV-17`, with a note that the
/// other words do not match.
async fn by_number_alone(
    context: Context<'_>,
    request: &mut ListRequest,
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
            // A few characters occur in too many numbers.
            let operator = if number.chars().count() < MIN_PART { '=' } else { '%' };
            Map::from_iter([(format!("{operator}{field}"), json!(number))])
        });
        Search::all(each)
    };
    let found = naming.page(context, request, search).await?;
    if found.is_any() {
        let entity = request.entity;
        let numbers = numbers.join("` and `");
        request.notes.push(format!(
            "no {entity} matches all words of `{query}`; these match `{numbers}` in `{field}`"
        ));
    }
    Ok(found)
}

/// The shortest text that is searched for inside numbers when other words do not match.
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
fn communication(query: &str) -> Option<(Communication, Vec<String>)> {
    if query.contains('@') && !query.contains(char::is_whitespace) {
        return Some((Communication::Email, vec![query.to_owned()]));
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
    Some((Communication::Phone, values))
}

/// Contacts and companies.
#[derive(Default)]
struct Clients {
    contacts: Vec<u64>,
    companies: Vec<u64>,
}

impl Clients {
    /// Those holders whose types this server works on.
    fn among(holders: &Holders, context: Context<'_>) -> Self {
        let of = |family: Family| match family.entity_type_id().map(EntityType::new) {
            Some(entity) if context.call.types.contains(entity) => holders.of(entity),
            _ => Vec::new(),
        };
        Self { contacts: of(Family::Contact), companies: of(Family::Company) }
    }

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
    request: &mut ListRequest,
    query: &str,
    clients: &Clients,
) -> Result<Found, Failure> {
    let entity = request.entity;
    let has = |name: &str| catalog::field(entity, name).is_some();
    let searches = [
        ("contactIds", "@contactIds", &clients.contacts),
        ("companyId", "@companyId", &clients.companies),
    ];
    // Lists of contacts cannot be in a group with companies, so one is fetched after the other.
    for (field, key, ids) in searches {
        if ids.is_empty() || !has(field) {
            continue;
        }
        let found = match request
            .page(context, Search::one(key, json!(ids)).joined_with(&request.filter))
            .await
        {
            // A smart process without clients cannot be filtered by them.
            Err(failure) if failure.code == Code::InvalidValue => continue,
            found => found?,
        };
        if found.is_any() {
            request.notes.push(format!(
                "no {entity} matches `{query}` itself; these belong to the matching {}",
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
    if !context.call.types.contains(entity) {
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
    let query = Query {
        entity,
        select: vec!["id".to_owned()],
        filter: search.joined_with(&Map::new()),
        order: Map::new(),
        start: None,
    };
    let found = context.call.account.items.list(query, &context.call.deadline).await;
    let found =
        found.map_err(|error| context.call.failure(Items::LIST, &error, Purpose::Reading))?;
    Ok(found.items.iter().filter_map(Item::id).take(MAX_CLIENTS).collect())
}
