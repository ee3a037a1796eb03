//! Tools and answers as rmcp has them.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, MetaObject, Tool as McpTool, ToolAnnotations};
use serde_json::{Value, json};

use super::cards;
use crate::{
    text,
    tools::{Answer, Effect, Tool},
};

/// The tools as `tools/list` serves them, for the committed schema files.
pub fn listed(tool: &Tool) -> Value {
    serde_json::to_value(mcp_tool(tool, false)).unwrap_or_default()
}

/// A tool as a client sees it that renders cards or not.
pub(super) fn mcp_tool(tool: &Tool, renders_cards: bool) -> McpTool {
    let writes = tool.effect() == Effect::Write;
    let mut meta = MetaObject::new();
    meta.insert("anthropic/searchHint".to_owned(), json!(tool.search_hint()));
    if renders_cards && tool.shows_card() {
        meta.insert("ui".to_owned(), cards::link());
    }
    let described =
        McpTool::new(tool.name(), tool.description.clone(), Arc::new(tool.input_schema.clone()))
            .with_title(tool.title())
            .with_annotations(
                ToolAnnotations::with_title(tool.title())
                    .read_only(!writes)
                    .destructive(writes)
                    // A repeated addition of a phone adds it twice.
                    .idempotent(!writes)
                    // A CRM is a closed system; saying so spares a second confirmation.
                    .open_world(false),
            )
            .with_meta(meta);
    match &tool.output_schema {
        Some(schema) => described.with_raw_output_schema(Arc::new(schema.clone())),
        None => described,
    }
}

/// An answer, with what a card shows beside it.
pub(super) fn result(answer: Answer, card: Option<Value>) -> CallToolResult {
    let result = match answer {
        Answer::Success(json) => CallToolResult::structured(json),
        // Clients check structured content against the schema of successes even in errors.
        Answer::Error { sentence, json } => {
            CallToolResult::error(vec![ContentBlock::text(format!("{sentence}\n{json}"))])
        }
    };
    let meta = card.map(|card| {
        let mut meta = MetaObject::new();
        meta.insert(cards::DATA.to_owned(), card);
        meta
    });
    result.with_meta(meta)
}

/// A client's text as messages show it.
pub(super) fn shown(text: &str) -> String {
    const MAX_CHARACTERS: usize = 100;
    let visible = text::visible(text);
    match visible.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", visible.get(..end).unwrap_or_default()),
        None => visible.into_owned(),
    }
}
