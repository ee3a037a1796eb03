//! An MCP server that lets AI assistants change items of a Bitrix24 CRM, truthfully and safely.
//!
//! The modules in reading order; each imports only those below it:
//!
//! * [`cli`] · what can be typed
//! * [`config`] · what the settings mean
//! * [`server`] · the MCP adapter
//! * [`tools`] · what assistants can call
//! * [`change`] · read, plan, write, compare: how one item is changed
//! * [`resolve`] · which field a typed name means
//! * [`error`] · the one error that assistants see
//! * [`metadata`] · a portal's fields, codes and people
//! * [`uploads`] · which files of this machine may be sent, and how they are read
//! * [`portal`] · the small HTTP layer
//! * [`json`] · what clients send, read and repaired
//! * [`text`] · invisible characters, shown and read back
//! * [`crm`] · entity types, fields, names and values
//! * `sandbox` · the embedded portal, for demonstrations and tests

pub mod account;
pub mod change;
pub mod cli;
pub mod config;
pub mod crm;
pub mod error;
pub mod items;
pub mod json;
pub mod metadata;
pub mod portal;
pub mod random;
pub mod text;

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod server;
pub mod tools;
pub mod uploads;
