//! The definition of a tool, as one value.

use std::pin::Pin;

use serde_json::{Map, Value};

use super::{
    context::Context,
    raw_arguments::RawArguments,
    render::Answer,
    selection::{Effect, Group},
};
use crate::{crm::EntityTypes, error::Failure};

/// The definition of a tool.
pub(super) struct ToolDefinition {
    /// The name that calls use.
    pub(super) name: &'static str,
    /// The name that people see.
    pub(super) title: &'static str,
    /// Words by which clients that load tools on demand find it.
    pub(super) search_hint: &'static str,
    /// Which group of tools it belongs to.
    pub(super) group: Group,
    /// Whether a call sends so many requests that they leave the request limit to others.
    pub(super) is_for_many: bool,
    /// Whether it can change anything. A tool that writes does so through `change` alone.
    pub(super) effect: Effect,
    /// Whether its answers are shown on a change card where a client renders one.
    pub(super) shows_card: bool,
    /// Its part of the instructions at the start of a session.
    pub(super) instructions: &'static str,
    /// What it does, for the assistant.
    pub(super) description: fn(&EntityTypes) -> String,
    /// What calls may hold.
    pub(super) input_schema: fn(&EntityTypes) -> Map<String, Value>,
    /// What successes hold, where it is promised.
    pub(super) output_schema: Option<fn() -> Map<String, Value>>,
    /// Runs a call.
    pub(super) run: for<'a> fn(Context<'a>, RawArguments) -> Running<'a>,
}

/// A running call; boxed, so that no call holds the state of the largest tool.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + 'a>>;
