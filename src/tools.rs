//! What assistants can call: the tools, and the one way into them.
//!
//! One file or folder per tool. Nothing here knows MCP: the adapter turns [`Tool`]s and [`Answer`]s
//! into protocol messages, the command line prints them.

mod arguments;
mod context;
mod days;
mod describe;
mod find;
mod get;
mod naming;
mod registry;
mod render;
mod schema;
mod update;

pub use context::RawArguments;
pub use registry::{Effect, Group, Registry, Tool, ToolSelection};
pub use render::Answer;
