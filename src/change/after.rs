//! The item after the write, as far as the portal has shown it.

use crate::{crm::Item, error::Failure};

/// The result of sending a plan.
#[derive(Debug)]
pub(super) struct Applied {
    /// The item as the portal shows it afterwards.
    pub(super) after: Item,
    /// The outcome of the photo.
    pub(super) photo: PhotoUpload,
}

/// The outcome of a photo or logo, which is sent after the other fields by another method.
#[derive(Debug)]
pub(super) enum PhotoUpload {
    /// There is none in the plan.
    NotAsked,
    /// The portal accepted it.
    Sent,
    /// The other fields were not all applied, so it was not sent.
    NotSent,
    /// The portal refused it after the other fields had been written.
    Refused(Box<Failure>),
    /// No answer came, and the item still shows the old one.
    Lost(Box<Failure>),
}
