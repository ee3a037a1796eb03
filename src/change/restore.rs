//! What of a recorded change an item can get back: per field whether it is restored, kept because it
//! holds something else by now, or cannot come back. Pure; the restoration is then compiled, planned,
//! sent and compared like any other change.
//!
//! Compared is with what the portal answered after the change, never with what was asked for, by the
//! equality of the field's kind. See docs/bitrix24.md, "Putting a change back".

mod field;
mod recorded;
mod records;
mod restoration;

pub use field::{Cannot, Kept};
pub(super) use recorded::RecordedItem;
pub use recorded::{Consequence, Recorded};
pub(super) use restoration::Restoration;

use crate::crm::{Item, Kind};
use field::Fate;

impl RecordedItem {
    /// What is to be restored in the item as it is now.
    pub(super) fn against(&self, now: &Item) -> Restoration {
        let mut restoration = Restoration::default();
        for field in self.fields.iter().chain(&self.stage_of_another_pipeline()) {
            let fate = match field.shape.kind {
                Kind::Multifield => {
                    records::fates(field, now.get(&field.name), &mut restoration);
                    continue;
                }
                Kind::File | Kind::Picture => field.fate_of_files(now.get(&field.name)),
                _ => field.fate(now.get(&field.name)),
            };
            match fate {
                Fate::Untouched => {}
                Fate::Already => restoration.already.push(field.name.clone()),
                Fate::Restore(value) => {
                    restoration.fields.insert(field.name.clone(), value);
                }
                Fate::Empty => restoration.clear.push(field.name.clone()),
                Fate::Kept(kept) => restoration.kept.push(kept),
                Fate::Cannot(cannot) => restoration.cannot.push(cannot),
            }
        }
        restoration.keep_together();
        let effects = restoration.effects();
        restoration.notes.extend(effects);
        restoration
    }
}
