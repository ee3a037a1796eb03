//! The change card as rmcp has it: which clients render it, and what they read of it.

use rmcp::model::{
    ClientCapabilities, ExtensionCapabilities, JsonObject, ListResourceTemplatesResult,
    ListResourcesResult, MetaObject, ReadResourceResult, Resource, ResourceContents,
    ServerCapabilities,
};
use serde_json::{Value, json};

use crate::card;

/// What a card shows beside the answer, in the `_meta` of a result.
pub(super) const DATA: &str = "bitrix24-crm-mcp/card";

/// The requests that are answered to clients that render cards, and to no others.
pub(super) const METHODS: [&str; 3] =
    ["resources/list", "resources/templates/list", "resources/read"];

/// Under which key the extension's settings say what a client renders.
const TYPES: &str = "mimeTypes";

/// The card is the same for the life of a process.
const TTL_MS: u64 = 3_600_000;

/// Whether a client renders cards.
pub(super) fn are_rendered_by(client: &ClientCapabilities) -> bool {
    let settings = client.extensions.as_ref().and_then(|all| all.get(card::EXTENSION));
    has_type_of_card(settings.and_then(|settings| settings.get(TYPES)))
}

/// The same of capabilities that a request itself has; nothing where they are malformed.
pub(super) fn are_rendered_with(capabilities: &Value) -> Option<bool> {
    let extensions = capabilities.as_object()?.get("extensions");
    Some(has_type_of_card(extensions.and_then(|all| all.get(card::EXTENSION)?.get(TYPES))))
}

fn has_type_of_card(types: Option<&Value>) -> bool {
    let types = types.and_then(Value::as_array);
    types.is_some_and(|types| types.iter().any(|it| it == card::MIME))
}

/// What a server can do for such a client.
pub(super) fn capabilities() -> ServerCapabilities {
    let extension = ExtensionCapabilities::from([(card::EXTENSION.to_owned(), JsonObject::new())]);
    ServerCapabilities::builder()
        .enable_tools()
        .enable_resources()
        .enable_extensions_with(extension)
        .build()
}

/// What leads from a tool to the card.
pub(super) fn link() -> Value {
    json!({"resourceUri": card::URI})
}

pub(super) fn list() -> ListResourcesResult {
    let card = Resource::new(card::URI, "change-card").with_title("Change card");
    let card = card.with_mime_type(card::MIME);
    ListResourcesResult::with_all_items(vec![card]).with_ttl_ms(TTL_MS)
}

/// No resource has parameters.
pub(super) fn templates() -> ListResourceTemplatesResult {
    ListResourceTemplatesResult::default().with_ttl_ms(TTL_MS)
}

/// The card of a server: see [`card::page`].
pub(super) fn read(portal: &str, tools: &[&str]) -> ReadResourceResult {
    let mut meta = MetaObject::new();
    // It loads nothing, and it draws its own border.
    meta.insert("ui".to_owned(), json!({"csp": {}, "prefersBorder": false}));
    let contents = ResourceContents::text(card::page(portal, tools), card::URI)
        .with_mime_type(card::MIME)
        .with_meta(meta);
    ReadResourceResult::new(vec![contents]).with_ttl_ms(TTL_MS)
}
