//! Why a requested value was not applied, as far as the answers tell.

use serde::Serialize;

use crate::{
    change::{
        after::PhotoUpload,
        asked::{Asked, Want},
    },
    crm::{Item, Kind, catalog::Access, kind},
    error::{Code, Retry},
};

/// Why a requested value was not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The portal kept the old value without saying why.
    Ignored,
    /// The portal's answer has no such field.
    UnknownToPortal,
    /// The portal computes the value.
    ComputedByPortal,
    /// The field is set on creation only.
    SetOnCreationOnly,
    /// The item's pipeline has no such stage, or the step is not allowed.
    NotInPipeline,
    /// The portal answered that the field is empty, and it still holds its value.
    NotCleared,
    /// The portal stored a different number of files than requested.
    FileNotStored,
    /// The value is neither the old nor the requested one: a rule, a robot or someone else set it.
    PortalSetAnotherValue,
    /// The picture was not sent, because other fields were not applied.
    NotSent,
    /// The portal refused the picture.
    Refused,
    /// The portal gave no answer to the picture: it may still be stored.
    NoAnswer,
}

impl Why {
    /// Whether a call with other arguments can help.
    pub(super) fn can_be_fixed(self, photo: &PhotoUpload) -> bool {
        match (self, photo) {
            // Without a code, another picture may be accepted.
            (Self::Refused, PhotoUpload::Refused(refused)) => {
                refused.retry != Retry::No || refused.code == Code::Refused
            }
            _ => self.is_about_the_call(),
        }
    }

    const fn is_about_the_call(self) -> bool {
        match self {
            Self::Ignored
            | Self::UnknownToPortal
            | Self::NotInPipeline
            | Self::FileNotStored
            | Self::NotSent
            | Self::Refused
            | Self::NoAnswer => true,
            Self::ComputedByPortal
            | Self::SetOnCreationOnly
            | Self::NotCleared
            | Self::PortalSetAnotherValue => false,
        }
    }

    /// What to do.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Ignored => {
                "the portal kept the old value and gave no reason; check the value and whether \
                 the webhook's user may set this field"
            }
            Self::UnknownToPortal => {
                "the portal's answer does not show this field; check its name and whether this \
                 entity type has it"
            }
            Self::ComputedByPortal => {
                "the portal computes this value from others, which these tools cannot edit; tell the user"
            }
            Self::SetOnCreationOnly => {
                "this field can only be set when an item is created; tell the user"
            }
            Self::NotInPipeline => {
                "the item kept its stage; use a stage of its pipeline (`options`, where given), or \
                 move it with `categoryId` and `stageId` together"
            }
            Self::NotCleared => {
                "the portal accepted the empty value and did not store it; a person has to empty \
                 the field in the portal"
            }
            Self::FileNotStored => {
                "the portal accepted the call but does not have the requested files; read the \
                 field before sending a file again"
            }
            Self::PortalSetAnotherValue => {
                "the portal's automation or another user has probably set this value after the save; \
                 tell the user, and do not send yours again"
            }
            Self::NotSent => "the picture was not sent; send it again when the others are applied",
            Self::Refused => "the portal refused the picture; see `error.portal`",
            Self::NoAnswer => {
                "the portal gave no answer to the picture and may still store it; read the field \
                 before sending it again"
            }
        }
    }
}

/// Why a field does not have the requested value.
pub(super) fn why(asked: &Asked, before: Option<&Item>, after: &Item, photo: &PhotoUpload) -> Why {
    match (&asked.want, photo) {
        (Want::Picture(_), PhotoUpload::NotSent) => return Why::NotSent,
        (Want::Picture(_), PhotoUpload::Refused(_)) => return Why::Refused,
        (Want::Picture(_), PhotoUpload::Lost(_)) => return Why::NoAnswer,
        (Want::Picture(_) | Want::Files(_), _) if !asked.is_clearing() => {
            return Why::FileNotStored;
        }
        _ => {}
    }
    let Some(now) = after.get(&asked.name) else {
        return Why::UnknownToPortal;
    };
    match asked.row.map(|row| row.access) {
        Some(Access::Computed) => return Why::ComputedByPortal,
        Some(Access::Immutable) => return Why::SetOnCreationOnly,
        _ => {}
    }
    let is_automatic =
        after.get("isManualOpportunity").is_some_and(|mode| kind::truth(mode) == Some(false));
    if asked.name == "opportunity" && is_automatic {
        return Why::ComputedByPortal;
    }
    let is_as_before = before
        .and_then(|before| before.get(&asked.name))
        .is_some_and(|before| before == now || asked.shape.same(before, now));
    match asked.shape.kind {
        Kind::Stage if is_as_before => Why::NotInPipeline,
        _ if is_as_before && asked.is_clearing() => Why::NotCleared,
        _ if is_as_before => Why::Ignored,
        _ => Why::PortalSetAnotherValue,
    }
}
