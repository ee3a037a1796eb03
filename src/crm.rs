//! What Bitrix24's CRM is made of: entity types, their fields, names and values.
//!
//! Pure knowledge: nothing here sends a request or knows of MCP.

pub mod catalog;
pub mod dates;
pub mod decimal;
pub mod entity_type;
pub mod field_list;
pub mod field_names;
pub mod item;
pub mod kind;
pub mod likeness;
pub mod markup;
pub mod multifield;
pub mod names;
pub mod reference;
pub mod shape;
pub mod stage;
pub mod text;
pub mod wrong;

pub use entity_type::{EntityType, EntityTypes, Family};
pub use item::{Item, ItemRef};
pub use kind::Kind;
pub use names::Naming;
pub use shape::Shape;
pub use wrong::Wrong;
