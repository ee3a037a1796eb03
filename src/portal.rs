//! The small HTTP layer: one portal, one POST per call, bounded in time, pace and size.
//!
//! The only place that names reqwest. It knows nothing of fields and items: parameters go in as
//! JSON, a result or a [`PortalError`] comes out.

pub mod answer;
pub mod auth;
pub mod client;
pub mod deadline;
pub mod endpoint;
pub mod error;
pub mod limiter;
mod plan_texts;
pub mod retry;
pub mod secret;
pub mod token_file;
pub mod tokens;

pub use auth::SignIn;
pub use client::Portal;
pub use deadline::{Deadline, Expired};
pub use endpoint::{Connection, Endpoint, Timeouts};
pub use error::{ApiError, ErrorKind, PortalError};
pub use limiter::{Permit, Rate};
pub use retry::Disposition;
pub use secret::{Scrubber, Secret};
pub use tokens::Tokens;
