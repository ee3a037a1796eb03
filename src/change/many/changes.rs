//! The requested changes, compiled once: one for all items, or one for each. Planning them against
//! items that were read then costs a request only for names that are not known yet.

use std::collections::BTreeSet;

use super::{
    planned::Planned,
    request::{ManyRequest, Which},
    restoring::Restoring,
};
use crate::{
    account::Call,
    change::{
        compile::compile,
        intent::Intent,
        lookups::{Lookups, UncheckedCode},
        patch::Patch,
        plan::Plan,
        prepare,
    },
    crm::{
        EntityType, Item, ItemRef, Kind, Naming,
        catalog::{self, KNOWN_BY},
        names,
    },
    error::{Failure, Problem},
    metadata::{Fields, Metadata},
};

/// The requested changes.
pub(super) struct Changes {
    pub(super) entity: EntityType,
    pub(super) naming: Naming,
    intents: Vec<Intent>,
    /// The item of each intent; none when one intent is for all items.
    ids: Option<Vec<u64>>,
    /// The change that is put back, in the place of intents.
    restoring: Option<Restoring>,
    /// Whether names could not be checked.
    pub(super) note: Option<String>,
}

impl Changes {
    /// Compiles what a call asks for.
    ///
    /// # Errors
    ///
    /// Everything that is wrong whatever the items hold.
    pub(super) async fn compile(call: &Call<'_>, request: &ManyRequest) -> Result<Self, Failure> {
        match Self::compile_by(&call.account.metadata, call, request).await {
            Err(failure) if failure.depends_on_metadata() => {
                Self::compile_by(&call.account.metadata.recent(), call, request).await
            }
            compiled => compiled,
        }
    }

    async fn compile_by(
        metadata: &Metadata,
        call: &Call<'_>,
        request: &ManyRequest,
    ) -> Result<Self, Failure> {
        /// More problems would not be read.
        const MAX_PROBLEMS: usize = 20;
        let (entity, naming) = (request.entity, request.naming);
        if let Which::Recorded(recorded) = &request.which {
            let restoring = Restoring::of(call, recorded.clone()).await;
            let note = restoring.note.clone();
            let (intents, ids, restoring) = (Vec::new(), None, Some(restoring));
            return Ok(Self { entity, naming, intents, ids, restoring, note });
        }
        let of = |id| ItemRef { entity, id };
        let patches: Vec<(Option<&str>, Patch)> = match &request.which {
            Which::Ids(_) | Which::Filter(_) | Which::Recorded(_) => {
                vec![(None, request.patch(of(0), None))]
            }
            Which::Rows(rows) => {
                let patch = |row: &super::Row| request.patch(of(row.id), Some(&row.fields));
                rows.iter().map(|row| (Some(&*row.place), patch(row))).collect()
            }
        };
        let mut list = None;
        let mut note = None;
        for (_, patch) in &patches {
            match prepare::field_list(metadata, call, patch, None).await {
                Ok(None) => {}
                Ok(found) => list = found,
                Err(error) => note = Some(format!("field names were not checked: {error}")),
            }
            if list.is_some() || note.is_some() {
                break;
            }
        }
        let fields = Fields { entity, naming, item: None, list: list.as_deref() };
        let policy = &call.account.files;
        let mut intents = Vec::with_capacity(patches.len());
        let mut problems: Vec<Problem> = Vec::new();
        let mut told = BTreeSet::new();
        for (place, patch) in &patches {
            let mut intent = compile(patch, &fields, note.is_none(), policy);
            intent.open_files(policy).await;
            // A row that the policy forbids does not hold up the others: its plan will be refused.
            let denied = match place {
                None => patch.denied_by(&call.account.policy),
                Some(_) => Vec::new(),
            };
            for problem in std::mem::take(&mut intent.problems).into_iter().chain(denied) {
                // The same slip in a thousand rows is one problem.
                if told.insert((problem.path.clone(), problem.message.clone())) {
                    problems.push(placed(problem, *place));
                }
            }
            intents.push(intent);
        }
        let uploads = intents.iter().flat_map(Intent::uploads).map(|(_, upload)| upload);
        if let Some(message) = policy.problem_with(uploads).filter(|_| intents.len() > 1) {
            problems.push(Problem::new("items", message));
        }
        if !problems.is_empty() {
            problems.truncate(MAX_PROBLEMS);
            return Err(Failure::refused_arguments(problems));
        }
        let ids = match &request.which {
            Which::Rows(rows) => Some(rows.iter().map(|row| row.id).collect()),
            Which::Ids(_) | Which::Filter(_) | Which::Recorded(_) => None,
        };
        Ok(Self { entity, naming, intents, ids, restoring: None, note })
    }

    /// The fields that have to be read in order to plan and to compare; none for all of them.
    pub(super) fn select(&self) -> Option<Vec<String>> {
        let fields = || {
            let intents = self.intents.iter();
            intents.flat_map(|intent| intent.fields.iter().chain(&intent.expected))
        };
        // Phones and e-mails come only with all fields (docs/bitrix24.md, "Lists and filters").
        let needs_all = self.restoring.as_ref().is_some_and(Restoring::needs_all_fields);
        if needs_all || fields().any(|field| field.shape.kind == Kind::Multifield) {
            return None;
        }
        let mut select: Vec<String> = KNOWN_BY.into_iter().map(str::to_owned).collect();
        select.extend(["updatedTime", "isManualOpportunity"].map(str::to_owned));
        let restored = self.restoring.iter().flat_map(Restoring::field_names).map(str::to_owned);
        let set = fields().map(|field| names::in_naming(&field.name, Naming::Camel));
        for name in set.chain(restored) {
            select.extend(catalog::list_of(self.entity, &name).map(str::to_owned));
            select.push(name);
        }
        let mut seen = BTreeSet::new();
        select.retain(|name| seen.insert(name.clone()));
        Some(select)
    }

    /// Whether the item shows every field that is to be set.
    pub(super) fn are_shown(&self, item: &Item) -> bool {
        if let Some(restoring) = &self.restoring {
            return restoring.field_names().into_iter().all(|name| item.shows(name));
        }
        let id = item.id().unwrap_or_default();
        self.intent(id).is_none_or(|intent| {
            let mut fields = intent.fields.iter().chain(&intent.expected);
            fields.all(|field| item.shows(&field.name))
        })
    }

    fn intent(&self, id: u64) -> Option<&Intent> {
        match &self.ids {
            None => self.intents.first(),
            Some(ids) => ids.binary_search(&id).ok().and_then(|at| self.intents.get(at)),
        }
    }

    /// Plans the change of each item.
    pub(super) async fn plan(&self, call: &Call<'_>, items: Vec<Item>) -> Vec<(Item, Planned)> {
        if let Some(restoring) = &self.restoring {
            return restoring.plan(call, items).await;
        }
        let has_change = |item: &Item| item.id().is_some_and(|id| self.intent(id).is_some());
        let items: Vec<Item> = items.into_iter().filter(has_change).collect();
        let metadata = &call.account.metadata;
        let mut planned = self.plan_by(metadata, call, &items).await;
        let is_refused_by_metadata = planned.iter().any(|planned| {
            matches!(planned, Planned::Impossible(problems)
                if problems.iter().any(|problem| problem.depends_on_metadata))
        });
        if is_refused_by_metadata {
            planned = self.plan_by(&metadata.recent(), call, &items).await;
        }
        items.into_iter().zip(planned).collect()
    }

    /// The plan of each item; all of them have a change.
    async fn plan_by(&self, metadata: &Metadata, call: &Call<'_>, items: &[Item]) -> Vec<Planned> {
        /// Every stage, as in a dry run: one request for all, and none is found foreign by its write.
        const IS_LOOKED_UP: bool = true;
        let intents = || {
            let of = |item: &Item| item.id().and_then(|id| self.intent(id));
            items.iter().filter_map(move |item| Some((item, of(item)?)))
        };
        let mut codes: Vec<UncheckedCode> = Vec::new();
        for (item, intent) in intents() {
            for code in intent.unchecked_codes(Some(item), IS_LOOKED_UP) {
                if !codes.contains(&code) {
                    codes.push(code);
                }
            }
        }
        let lookups = if codes.is_empty() {
            Lookups::none(self.entity)
        } else {
            Lookups::fetch(metadata, self.entity, &codes, &call.deadline).await
        };
        let planned = intents().map(|(item, intent)| {
            let plan =
                match intent.against(Some(item), IS_LOOKED_UP, &lookups, &call.account.policy) {
                    Ok(plan) => plan,
                    Err(problems) => return Planned::Impossible(problems),
                };
            let plan = if self.ids.is_some() { without_path(plan) } else { plan };
            Planned::of(plan, item)
        });
        planned.collect()
    }
}

/// The plan of an item with values of its own: its fields are in no `fields` of the call.
fn without_path(plan: Plan) -> Plan {
    let notes = plan.notes.into_iter().map(|note| note.replace("`fields.", "`"));
    Plan { notes: notes.collect(), ..plan }
}

/// The same problem with the row that it stands in.
fn placed(problem: Problem, place: Option<&str>) -> Problem {
    match place {
        Some(place) => {
            let path = problem.path.strip_prefix("fields.").unwrap_or(&problem.path);
            let path = format!("{place}.{path}");
            Problem { path, ..problem }
        }
        None => problem,
    }
}
