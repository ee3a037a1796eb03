//! The fields that say what an item is called, names and numbers, and the conditions that the words
//! of a query make on them.

use std::sync::Arc;

use serde_json::json;

use crate::{
    crm::{EntityType, catalog, field_list::FieldList},
    error::{Code, Failure},
    tools::{
        context::Context,
        find::{
            request::{Found, ListRequest},
            search::{Search, any_of},
        },
    },
};

/// The fields that say what an item is called: names and numbers.
pub(super) struct NamingFields {
    entity: EntityType,
    /// The fields that the portal has, known after it refused a search: it may lack one of ours.
    list: Option<Arc<FieldList>>,
}

impl NamingFields {
    pub(super) const fn of(entity: EntityType) -> Self {
        Self { entity, list: None }
    }

    /// Whether the portal refused a search and its fields are now known.
    pub(super) async fn has_learnt<T>(
        &mut self,
        context: Context<'_>,
        found: &Result<T, Failure>,
    ) -> bool {
        let is_refused = matches!(found, Err(failure) if failure.code == Code::InvalidValue);
        if !is_refused || self.list.is_some() {
            return false;
        }
        self.list = context.metadata.field_list(self.entity, &context.call.deadline).await.ok();
        self.list.is_some()
    }

    /// A page of what a search by these fields finds; where the portal refuses it, by those fields
    /// that it has.
    pub(super) async fn page(
        &mut self,
        context: Context<'_>,
        request: &ListRequest,
        search: impl Fn(&Self) -> Search,
    ) -> Result<Found, Failure> {
        let asked = search(self);
        let found = request.page(context, asked.joined_with(&request.filter)).await;
        if !self.has_learnt(context, &found).await {
            return found;
        }
        let asked = search(self);
        request.page(context, asked.joined_with(&request.filter)).await
    }

    fn is_there(&self, name: &str) -> bool {
        self.list.as_ref().is_none_or(|list| list.get(name).is_some())
    }

    /// The field of the number that people call an item by.
    pub(super) fn number(&self) -> Option<&'static str> {
        let number = self.entity.family().and_then(catalog::number);
        number.filter(|name| self.is_there(name))
    }

    /// The item with the id, and where items have numbers, the one whose number that is.
    pub(super) fn id_or_number(&self, id: u64, query: &str) -> Search {
        match self.number().filter(|_| is_bare_number(query)) {
            Some(field) => {
                let by_id = ("=id".to_owned(), json!(id));
                let by_number = (format!("={field}"), json!(bare(query)));
                Search::all(std::iter::once(any_of([by_id, by_number])))
            }
            None => Search::one("=id", json!(id)),
        }
    }

    /// Each word in one of the fields.
    pub(super) fn every_word(&self, query: &str) -> Search {
        let has = |name: &&&str| {
            let is_ours = catalog::field(self.entity, name).is_some();
            self.is_there(name)
                && (is_ours || (self.entity.family().is_none() && **name == "title"))
        };
        let fields = ["title", "name", "lastName", "secondName", "companyTitle"];
        let mut fields: Vec<&str> =
            fields.iter().filter(has).copied().chain(self.number()).collect();
        if fields.is_empty() {
            fields.push("title");
        }
        let words = words(query);
        if let ([field], [word]) = (fields.as_slice(), words.as_slice()) {
            return Search::one(&format!("%{field}"), json!(word));
        }
        let each = words.into_iter().map(|word| {
            let conditions = fields.iter().map(|field| (format!("%{field}"), json!(word)));
            if fields.len() == 1 { conditions.collect() } else { any_of(conditions) }
        });
        Search::all(each)
    }
}

/// The words of a query without punctuation: of `"Acme's order", № 17` they are `Acme`,
/// `order` and `17`.
pub(super) fn words(query: &str) -> Vec<&str> {
    let is_around = |c: char| ",.;:!?\"'«»“”„()#№".contains(c);
    let bare = query.split_whitespace().map(|word| {
        let word = word.trim_matches(is_around);
        word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word)
    });
    let words: Vec<&str> = bare.filter(|word| !word.is_empty()).collect();
    if words.is_empty() { vec![query] } else { words }
}

/// A number without the sign for one.
pub(super) fn bare(query: &str) -> &str {
    query.trim_start_matches(['#', '№']).trim()
}

pub(super) fn is_bare_number(query: &str) -> bool {
    bare(query).chars().all(|c| c.is_ascii_digit())
}
