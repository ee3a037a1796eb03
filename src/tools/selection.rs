//! Which tools a server offers: groups that can be chosen, and what a tool can do to a portal.

use crate::crm::EntityTypes;

/// Tools that are offered together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The tools that change items.
    Update,
    /// The tools that look things up.
    Lookup,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 2] = [Self::Update, Self::Lookup];

    /// The group's name in the settings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Lookup => "lookup",
        }
    }
}

/// What a tool can do to a portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It reads.
    Read,
    /// It changes items.
    Write,
}

/// Which tools there are, and for which entity types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolSelection {
    /// Whether tools that write are hidden and refused.
    pub read_only: bool,
    /// The groups that there are.
    pub groups: Vec<Group>,
    /// What the tools work on.
    pub types: EntityTypes,
}

impl Default for ToolSelection {
    fn default() -> Self {
        Self { read_only: false, groups: Group::ALL.to_vec(), types: EntityTypes::default() }
    }
}
