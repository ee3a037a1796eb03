//! What assistants can call: the tools, and how they are called.
//!
//! One file or folder per tool. Nothing here knows MCP: the adapter turns [`Tool`]s and [`Answer`]s
//! into protocol messages, the command line prints them.

mod arguments;
mod card;
mod context;
mod days;
mod definition;
mod describe;
mod filter;
mod find;
mod get;
mod history;
mod many;
mod names;
mod raw_arguments;
mod registry;
mod render;
mod schema;
mod selection;
mod undo;
mod update;
mod update_many;

pub use many::Words;
pub use raw_arguments::RawArguments;
pub use registry::{Registry, Tool};
pub use render::Answer;
pub use selection::{Effect, Group, ToolSelection};
pub use undo::NAME as UNDO;
pub use update_many::NAME as UPDATE_MANY;
