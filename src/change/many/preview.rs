//! Shows what a change of many items would do: everything is read and planned, and nothing written.

use super::{
    changes::Changes,
    details::Standing,
    look::{Look, missing},
    notes::Notes,
    request::{MAX_ITEMS, ManyRequest, Preview, Sample, Which},
    size::USUAL_TIME,
    tally::{Fate, Tally},
    unseen::Unseen,
};
use crate::{
    account::Call,
    change::{Outcome, verify},
    crm::Item,
    error::{Code, Failure, Purpose, Retry},
    items::{Items, Page},
    portal::PortalError,
};

/// A preview and the items that it is for.
pub(super) struct Shown {
    pub(super) preview: Preview,
    pub(super) ids: Vec<u64>,
}

/// Reads and plans all items of a request.
pub(super) async fn preview(
    call: &Call<'_>,
    request: &ManyRequest,
    changes: &Changes,
    look: &Look<'_>,
) -> Result<Shown, Failure> {
    let mut planning = Planning {
        call,
        changes,
        unseen: Unseen::default(),
        tally: Tally::new(call.renders_card()),
        samples: Vec::new(),
        to_change: 0,
        ids: Vec::new(),
        count: 0,
        notes: Notes::new(changes.note.clone()),
    };
    match &request.which {
        Which::Filter(_) => planning.of_filter(look).await?,
        Which::Ids(_) | Which::Rows(_) | Which::Recorded(_) => {
            planning.of_ids(look, &request.which.named()).await?;
        }
    }
    let Planning { tally, samples, to_change, ids, mut notes, .. } = planning;
    notes.extend(call.take_notes());
    let each = call.account.items.pace.seen().unwrap_or(USUAL_TIME);
    let seconds = (each * u32::try_from(to_change).unwrap_or(u32::MAX)).as_secs();
    let preview = Preview {
        count: ids.len(),
        to_change,
        tally,
        samples,
        minutes: (seconds / 60 + 1).min(24 * 60),
        confirm: None,
        conflict: None,
        notes: notes.into_vec(),
    };
    Ok(Shown { preview, ids })
}

struct Planning<'a> {
    call: &'a Call<'a>,
    changes: &'a Changes,
    unseen: Unseen,
    tally: Tally,
    samples: Vec<Sample>,
    to_change: usize,
    ids: Vec<u64>,
    /// How many there will be, as far as is known.
    count: usize,
    notes: Notes,
}

impl Planning<'_> {
    async fn of_filter(&mut self, look: &Look<'_>) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            let (items, total) =
                look.page(after, after == 0).await.map_err(|it| self.unread(&it))?;
            let count = total.unwrap_or(0).max((self.ids.len() + items.len()) as u64);
            self.call.account.policy.allows_count(count)?;
            if count > MAX_ITEMS as u64 {
                return Err(too_many(count));
            }
            self.count = self.count.max(usize::try_from(count).unwrap_or(MAX_ITEMS));
            let is_last = items.len() < Page::LENGTH;
            let Some(last) = items.iter().filter_map(Item::id).max().filter(|last| *last > after)
            else {
                return Ok(());
            };
            after = last;
            self.ids.extend(items.iter().filter_map(Item::id));
            self.plan(items).await;
            if is_last {
                return Ok(());
            }
        }
    }

    async fn of_ids(&mut self, look: &Look<'_>, ids: &[u64]) -> Result<(), Failure> {
        self.count = ids.len();
        for some in ids.chunks(Page::LENGTH) {
            let mut items = look.by_ids(some).await.map_err(|it| self.unread(&it))?;
            for id in missing(&items, some) {
                let read = self.unseen.read(self.call, self.changes, id).await;
                match read.map_err(|error| self.unread(&error))? {
                    Ok(item) => items.push(item),
                    Err(reason) => self.tally.add(id, Fate::Failed(reason)),
                }
            }
            self.ids.extend(some);
            self.plan(items).await;
        }
        Ok(())
    }

    async fn plan(&mut self, items: Vec<Item>) {
        /// So many are shown.
        const SAMPLES: usize = 3;
        let planned = self.changes.plan(self.call, items).await;
        self.call.progress(self.ids.len(), self.count.max(self.ids.len()));
        for (item, planned) in planned {
            let Some(id) = item.id() else { continue };
            self.tally.saw(&item);
            match planned.into_plan() {
                Err(fate) => self.tally.add(id, fate),
                Ok(plan) => {
                    self.tally.stays(id, &plan.stays);
                    self.to_change += 1;
                    self.notes.extend(plan.notes.iter().cloned());
                    let is_sample = self.samples.len() < SAMPLES;
                    if is_sample || self.tally.details.is_some() {
                        let title = item.called();
                        let shown = verify::planned(item, &plan, Vec::new());
                        if let Outcome::Succeeded { changes, .. } = shown {
                            if let Some(details) = &mut self.tally.details {
                                details.stands(id, Standing::ToChange);
                                details.changed(id, &changes);
                            }
                            if is_sample {
                                self.samples.push(Sample { id, title, changes });
                            }
                        }
                    }
                }
            }
        }
    }

    fn unread(&self, error: &PortalError) -> Failure {
        self.call.failure(Items::LIST, error, Purpose::Reading)
    }
}

fn too_many(count: u64) -> Failure {
    let message = format!("{count} items match, and one call changes at most {MAX_ITEMS}");
    let hint = "narrow `filter`, for instance by pipeline, stage or time, and change the items in \
                parts";
    Failure::new(Code::InvalidArguments, Retry::AfterFix, message, hint)
}
