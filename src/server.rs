//! The MCP adapter, the only place that names rmcp: registration, dispatch, results.
//!
//! What a tool does is not known here, nor how it fails: the registry answers, this module translates.

mod findings;
mod in_flight;
mod stdio;
mod streams;

use std::{sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest,
        CustomResult, ErrorCode, Implementation, ListToolsResult, MetaObject,
        PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig,
        Tool as McpTool, ToolAnnotations,
    },
    service::{QuitReason, RequestContext, ServerInitializeError},
};
use serde_json::{Value, json};
use tokio::time::Instant;

pub use stdio::{StdioTransport, Stop};
pub use streams::standard_streams;

use crate::{
    error::{Code, Failure, Retry, Written},
    escapes,
    portal::GiveUp,
    tools::{Answer, RawArguments, Registry, Tool},
};
use findings::Findings;
use in_flight::InFlight;

/// How often a client that asked for it hears that a call goes on.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// The tool list is the same for the life of a process.
const TOOL_LIST_FRESH_FOR_MS: u64 = 3_600_000;

/// Serves one client until its input ends or `stop` is called.
///
/// # Errors
///
/// A message for people when the session did not open or ended badly.
pub async fn serve<R, W>(registry: Registry, lines: StdioTransport<R, W>) -> Result<(), String>
where
    R: tokio::io::AsyncRead + Send + Unpin + 'static,
    W: tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let server = Server { registry: Arc::new(registry), in_flight: lines.in_flight() };
    let running = match server.serve(lines).await {
        Ok(running) => running,
        // A client that only asked what this server is, or that went away.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(format!("the session did not open: {error}")),
    };
    match running.waiting().await {
        Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(()),
        Ok(other) => Err(format!("the session ended badly: {other:?}")),
        Err(error) => Err(format!("the session ended badly: {error}")),
    }
}

/// The tools as `tools/list` serves them, for the committed schema files.
pub fn listed(tool: &Tool) -> Value {
    serde_json::to_value(mcp_tool(tool)).unwrap_or_default()
}

struct Server {
    registry: Arc<Registry>,
    in_flight: InFlight,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .with_title("Bitrix24 CRM")
            .with_description(env!("CARGO_PKG_DESCRIPTION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(self.registry.instructions())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = self.registry.tools().map(mcp_tool).collect();
        Ok(ListToolsResult::with_all_items(tools).with_ttl_ms(TOOL_LIST_FRESH_FOR_MS))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.into_owned();
        let arguments = request.arguments.map_or(Value::Null, Value::Object);
        let Findings { notes, repeated } = Findings::of(&context.meta.0.0);
        let given = RawArguments { arguments, notes, repeated };
        let (registry, tool) = (Arc::clone(&self.registry), name.clone());
        let at_work = self.in_flight.begin();
        let (switch, given_up) = GiveUp::new();
        let call = async move {
            let answer = registry.call(&tool, given, given_up).await;
            drop(at_work);
            answer
        };
        let call = in_its_own_task(call);
        tokio::pin!(call);
        let cancelled = async {
            context.ct.cancelled().await;
            switch.now();
            std::future::pending::<()>().await;
        };
        let answer = tokio::select! {
            answer = &mut call => answer,
            () = report_progress(&context) => None,
            () = cancelled => None,
        };
        let missing = || format!("there is no tool `{}`", shown(&name));
        let answer = answer.ok_or_else(|| ErrorData::invalid_params(missing(), None))?;
        Ok(result(answer).into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // rmcp files a known method with malformed parameters here.
        Err(match request.method.as_str() {
            "tools/call" => ErrorData::invalid_params(
                "`tools/call` needs `params` with the `name` of a tool, a text",
                None,
            ),
            "initialize" | "tools/list" | "server/discover" | "ping" => {
                ErrorData::invalid_params(format!("malformed params of {}", request.method), None)
            }
            method => ErrorData::new(ErrorCode::METHOD_NOT_FOUND, shown(method), None),
        })
    }
}

fn mcp_tool(tool: &Tool) -> McpTool {
    let mut meta = MetaObject::new();
    meta.insert("anthropic/searchHint".to_owned(), json!(tool.search_hint));
    let described =
        McpTool::new(tool.name, tool.description.clone(), Arc::new(tool.input_schema.clone()))
            .with_title(tool.title)
            .with_annotations(
                ToolAnnotations::with_title(tool.title)
                    .read_only(!tool.writes())
                    .destructive(tool.writes())
                    // A repeated addition of a phone adds it twice.
                    .idempotent(!tool.writes())
                    // A CRM is a closed system; saying so spares a second confirmation.
                    .open_world(false),
            )
            .with_meta(meta);
    match &tool.output_schema {
        Some(schema) => described.with_raw_output_schema(Arc::new(schema.clone())),
        None => described,
    }
}

fn result(answer: Answer) -> CallToolResult {
    match answer {
        Answer::Success(json) => CallToolResult::structured(json),
        // Clients check structured content against the schema of successes even in errors.
        Answer::Error { sentence, json } => {
            CallToolResult::error(vec![ContentBlock::text(format!("{sentence}\n{json}"))])
        }
    }
}

/// Runs a call so that a write that has left is finished even when the client gives the call up, and
/// a panic ends the call alone.
async fn in_its_own_task(
    call: impl Future<Output = Option<Answer>> + Send + 'static,
) -> Option<Answer> {
    tokio::spawn(call).await.unwrap_or_else(|broken| {
        tracing::error!(%broken, "a tool broke down");
        Some(broke_down().into())
    })
}

/// Tells a client that asked for it that the call goes on; never ends.
async fn report_progress(context: &RequestContext<RoleServer>) {
    if let Some(token) = context.meta.get_progress_token() {
        let began = Instant::now();
        loop {
            tokio::time::sleep(PROGRESS_EVERY).await;
            let seconds = began.elapsed().as_secs_f64().floor();
            let told = ProgressNotificationParam::new(token.clone(), seconds)
                .with_message("waiting for the portal");
            if context.peer.notify_progress(told).await.is_err() {
                break;
            }
        }
    }
    std::future::pending::<()>().await;
}

/// A client's text as messages show it.
fn shown(text: &str) -> String {
    const MAX_CHARACTERS: usize = 100;
    let visible = escapes::visible(text);
    match visible.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}…", visible.get(..end).unwrap_or_default()),
        None => visible.into_owned(),
    }
}

fn broke_down() -> Failure {
    let message = "the server broke down in the middle of the call";
    let hint =
        "read the item before repeating the call, and report the defect with the server's log";
    let failure = Failure::new(Code::Internal, Retry::Later, message, hint);
    Failure { written: Written::Unknown, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_tool_is_an_answer() {
        let answer = in_its_own_task(async { panic!("a defect") }).await;
        let Some(Answer::Error { json, .. }) = answer else { panic!("no error: {answer:?}") };
        assert_eq!(json["error"]["code"], "INTERNAL");
        assert_eq!(json["error"]["written"], "unknown");
    }
}
