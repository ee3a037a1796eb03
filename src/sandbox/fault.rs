//! An error of the embedded portal, as its methods state it and its answers carry it.

/// An error as the portal states it.
#[derive(Debug)]
pub(super) struct PortalFault {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) text: String,
}

impl PortalFault {
    pub(super) fn new(status: u16, code: &str, text: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), text: text.into() }
    }
}
