//! An MCP server that lets AI assistants change items of a Bitrix24 CRM, truthfully and safely.
//!
//! The modules in reading order; each imports only those below it:
//!
//! * [`cli`] · the command line
//! * [`config`] · what the settings mean
//! * [`server`] · the MCP adapter
//! * [`tools`] · what assistants can call
//! * [`change`] · read, plan, write, compare: how one item is changed
//! * [`account`] · one signed-in user at one portal, and one call of theirs
//! * [`journal`] · the record of every change
//! * [`items`] · the requests that read, list and update items
//! * [`metadata`] · a portal's fields, codes and people
//! * [`uploads`] · which files of this machine may be sent, and how they are read
//! * [`error`] · the one error that assistants see
//! * [`portal`] · the small HTTP layer
//! * [`json`] · what clients send, read and repaired
//! * [`text`] · how texts are shown, and read back
//! * `sandbox` · the embedded portal, for demonstrations and tests
//! * [`card`] · the page that clients can show beside the answer of a tool that writes
//! * [`random`] · texts and numbers that nobody can guess
//! * [`whole_file`] · files that are replaced in one step
//! * [`crm`] · entity types, fields, names and values

pub mod account;
pub mod card;
pub mod change;
pub mod cli;
pub mod config;
pub mod crm;
pub mod error;
pub mod items;
pub mod journal;
pub mod json;
pub mod metadata;
pub mod policy;
pub mod portal;
pub mod random;
pub mod text;

#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod server;
pub mod tools;
pub mod uploads;
pub mod whole_file;
