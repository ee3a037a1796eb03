//! One field of a plan: its requested value, and whether an item has it.

use serde_json::Value;

use super::files::{self, Part};
use crate::{
    crm::{
        Item, Shape,
        catalog::Field,
        multifield::{self, Operation},
    },
    uploads::Upload,
};

/// One field and its requested value.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) row: Option<&'static Field>,
    pub(super) want: Want,
}

/// The requested value of a field, in wire form.
#[derive(Debug, Clone)]
pub(super) enum Want {
    /// This value.
    Value(Value),
    /// The result of these operations on its records.
    Records(Vec<Operation>),
    /// These files.
    Files(Vec<Part>),
    /// A new picture, which needs another method.
    Picture(Upload),
}

impl Want {
    /// The files that it sends.
    pub(super) fn uploads(&self) -> impl Iterator<Item = &Upload> {
        let (parts, picture) = match self {
            Self::Files(parts) => (parts.as_slice(), None),
            Self::Picture(upload) => (&[][..], Some(upload)),
            Self::Value(_) | Self::Records(_) => (&[][..], None),
        };
        let uploads = parts.iter().filter_map(|part| match part {
            Part::Upload(upload) => Some(upload),
            Part::Keep(_) | Part::Path { .. } => None,
        });
        uploads.chain(picture)
    }
}

impl Asked {
    /// Whether the item that was `before` and is `now` has the requested value. Of a field that the
    /// item does not show nothing is known, not even that it is empty.
    pub(super) fn is_applied(&self, before: Option<&Item>, now: &Item) -> bool {
        if let Want::Records(operations) = &self.want
            && operations.is_empty()
        {
            return true;
        }
        let Some(new) = now.get(&self.name) else {
            return false;
        };
        let old = || before.and_then(|before| before.get(&self.name));
        match &self.want {
            Want::Value(value) => self.shape.same(value, new),
            Want::Records(operations) => {
                let (old, new) = (multifield::records(old()), multifield::records(Some(new)));
                multifield::standing(operations, &old, &new).into_iter().all(|stands| stands)
            }
            Want::Files(parts) => {
                files::are_applied(parts, &files::ids(old()), &files::ids(Some(new)))
            }
            Want::Picture(_) => {
                let new = files::ids(Some(new));
                !new.is_empty() && new != files::ids(old())
            }
        }
    }

    /// Whether the item has the requested value in the portal's own form. The old value does not
    /// count: it was kept.
    pub(super) fn is_rewritten(&self, before: Option<&Item>, now: &Item) -> bool {
        let (Want::Value(value), Some(new)) = (&self.want, now.get(&self.name)) else {
            return false;
        };
        let old = before.and_then(|before| before.get(&self.name));
        let is_kept = old.is_some_and(|old| old == new || self.shape.same(old, new));
        !is_kept && self.shape.is_rewritten(value, new)
    }

    /// What the item holds, as answers show it.
    pub(super) fn answered(&self, item: &Item) -> Value {
        item.get(&self.name).map_or(Value::Null, |value| self.shape.kind.answered(value))
    }

    /// The requested value, as answers show it: a file's content as its name and size.
    pub(super) fn shown(&self) -> Value {
        match &self.want {
            Want::Value(value) => value.clone(),
            Want::Records(operations) => multifield::wire(operations),
            Want::Files(parts) => match parts.as_slice() {
                [] => self.shape.cleared(),
                [one] if !self.shape.is_multiple => one.shown(),
                several => several.iter().map(Part::shown).collect(),
            },
            Want::Picture(upload) => upload.shown(),
        }
    }

    /// Whether the field is to be emptied.
    pub(super) fn is_clearing(&self) -> bool {
        match &self.want {
            Want::Value(value) => self.shape.is_empty(value),
            Want::Files(parts) => parts.is_empty(),
            Want::Records(_) | Want::Picture(_) => false,
        }
    }
}
