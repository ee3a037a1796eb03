//! A recorded change of many items that is put back: what each item is to hold is decided when it has
//! been read, and is then compiled and planned like any other change.

use std::{collections::BTreeSet, sync::Arc};

use super::planned::Planned;
use crate::{
    account::Call,
    change::{
        compile::compile,
        intent::Intent,
        lookups::{Lookups, UncheckedCode},
        patch::Patch,
        plan::Stays,
        prepare,
        restore::{Recorded, Restoration},
    },
    crm::{Item, ItemRef, Naming, field_list::FieldList},
    metadata::Fields,
};

/// A recorded change that is put back.
pub(super) struct Restoring {
    recorded: Recorded,
    list: Option<Arc<FieldList>>,
    /// Why names could not be checked.
    pub(super) note: Option<String>,
}

/// Every stage is looked up, as in a dry run: one request for all of them.
const IS_LOOKED_UP: bool = true;

impl Restoring {
    /// Fetches the list of fields, where the record names fields of which nothing else is known.
    pub(super) async fn of(call: &Call<'_>, recorded: Recorded) -> Self {
        let mut patch = patch(ItemRef { entity: recorded.entity, id: 0 }, &Restoration::default());
        patch.clear = recorded.field_names().into_iter().map(str::to_owned).collect();
        let listed = prepare::field_list(&call.account.metadata, call, &patch, None).await;
        let (list, note) = match listed {
            Ok(list) => (list, None),
            Err(error) => (None, Some(format!("field names were not checked: {error}"))),
        };
        Self { recorded, list, note }
    }

    /// The fields that have to be read.
    pub(super) fn field_names(&self) -> BTreeSet<&str> {
        self.recorded.field_names()
    }

    /// Whether they can only be read with all others.
    pub(super) fn needs_all_fields(&self) -> bool {
        self.recorded.has_records()
    }

    /// Plans what each item gets back.
    pub(super) async fn plan(&self, call: &Call<'_>, items: Vec<Item>) -> Vec<(Item, Planned)> {
        let mut begun: Vec<(Item, Restoration, Intent)> = Vec::new();
        let mut codes: Vec<UncheckedCode> = Vec::new();
        for item in items {
            let Some(recorded) = item.id().and_then(|id| self.recorded.items.get(&id)) else {
                continue;
            };
            let mut restoration = recorded.against(&item);
            let intent = self.compiled(call, &item, &mut restoration);
            for code in intent.unchecked_codes(Some(&item), IS_LOOKED_UP) {
                if !codes.contains(&code) {
                    codes.push(code);
                }
            }
            begun.push((item, restoration, intent));
        }
        let (metadata, entity) = (&call.account.metadata, self.recorded.entity);
        let policy = &call.account.policy;
        let lookups = if codes.is_empty() {
            Lookups::none(entity)
        } else {
            Lookups::fetch(metadata, entity, &codes, &call.deadline).await
        };
        let planned = begun.into_iter().map(|(item, mut restoration, mut intent)| {
            let planned = loop {
                if restoration.is_empty() {
                    let stays = stays(&restoration);
                    break if stays.is_empty() {
                        Planned::Unchanged
                    } else {
                        Planned::Stays(stays)
                    };
                }
                match intent.against(Some(&item), IS_LOOKED_UP, &lookups, policy) {
                    Ok(mut plan) => {
                        plan.notes = std::mem::take(&mut restoration.notes);
                        plan.stays = stays(&restoration);
                        break Planned::of(plan, &item);
                    }
                    Err(problems) if restoration.leave_out(&problems) => {
                        intent = self.compiled(call, &item, &mut restoration);
                    }
                    Err(problems) => break Planned::Impossible(problems),
                }
            };
            (item, planned)
        });
        planned.collect()
    }

    /// The intent of what can be restored as far as the fields of the entity type allow it.
    fn compiled(&self, call: &Call<'_>, item: &Item, restoration: &mut Restoration) -> Intent {
        let entity = self.recorded.entity;
        let item_ref = ItemRef { entity, id: item.id().unwrap_or_default() };
        let list = self.list.as_deref();
        let fields = Fields { entity, naming: Naming::Camel, item: Some(item), list };
        loop {
            let patch = patch(item_ref, restoration);
            let are_checked = self.note.is_none();
            let intent = compile(&patch, &fields, are_checked, &call.account.files);
            if !restoration.leave_out(&intent.problems) {
                return intent;
            }
        }
    }
}

fn patch(item: ItemRef, restoration: &Restoration) -> Patch {
    let (fields, clear) = (restoration.fields.clone(), restoration.clear.clone());
    Patch { fields, clear, ..Patch::of_item(item, Naming::Camel) }
}

fn stays(restoration: &Restoration) -> Vec<Stays> {
    let kept = restoration.kept.iter().map(|kept| Stays { field: kept.field.clone(), why: None });
    let cannot = restoration.cannot.iter().map(|cannot| {
        let (field, why) = (cannot.field.clone(), Some(cannot.why.clone()));
        Stays { field, why }
    });
    kept.chain(cannot).collect()
}
