//! The small HTTP layer: one portal, one POST per call, bounded in time, rate and size.
//!
//! The only place that names reqwest. It knows nothing of fields and items: parameters go in as
//! JSON, a result or a [`PortalError`] comes out.

pub mod address;
pub mod answer;
pub mod batch;
pub mod client;
pub mod deadline;
pub mod endpoint;
pub mod error;
mod plan_texts;
pub mod rate_limit;
pub mod retry;
pub mod secret;
pub mod sign_in;
pub mod token_file;
pub mod tokens;

pub use address::AddressError;
pub use batch::{BatchAnswer, Commands};
pub use client::Portal;
pub use deadline::{Deadline, Expired};
pub use endpoint::{Connection, Endpoint, Timeouts};
pub use error::{ApiError, ErrorKind, PortalError};
pub use rate_limit::{Permit, Rate};
pub use retry::Disposition;
pub use secret::{MASK, Scrubber, Secret};
pub use sign_in::SignIn;
pub use tokens::Tokens;
