//! The MCP adapter, the only place that names rmcp: registration, dispatch, results.
//!
//! What a tool does is not known here, nor how it fails: the registry answers, this module
//! translates.

mod cards;
mod convert;
mod findings;
mod in_flight;
mod stdio;
mod streams;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CustomRequest, CustomResult, DiscoverResult,
        Implementation, InitializeRequestParams, InitializeResult, ListResourceTemplatesResult,
        ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProgressNotificationParam,
        ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    },
    service::{NotificationContext, QuitReason, RequestContext, ServerInitializeError},
};
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

pub use convert::listed;
pub use stdio::{StdioTransport, Stop};
pub use streams::standard_streams;

use crate::{
    account::{Account, Client, Progress},
    card,
    error::{Code, Failure, Retry, Written},
    journal::ClientName,
    tools::{Answer, Effect, RawArguments, Registry, Tool},
};
use findings::Findings;
use in_flight::InFlight;

/// How often progress is reported to a client that asked for it.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// The tool list is the same for the life of a process.
const TOOL_LIST_TTL_MS: u64 = 3_600_000;

/// Serves one client until its input ends or `stop` is called.
///
/// # Errors
///
/// A message for people when the session did not open or ended with an error.
pub async fn serve<R, W>(
    registry: Registry,
    account: Result<Account, Box<Failure>>,
    transport: StdioTransport<R, W>,
) -> Result<(), String>
where
    R: tokio::io::AsyncRead + Send + Unpin + 'static,
    W: tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let in_flight = transport.in_flight();
    let server = Server { tools: Arc::new((registry, account)), in_flight };
    let running = match server.serve(transport).await {
        Ok(running) => running,
        // A client that only asked what this server is, or that disconnected.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(format!("the session did not open: {error}")),
    };
    match running.waiting().await {
        Ok(QuitReason::Closed | QuitReason::Cancelled) => Ok(()),
        Ok(other) => Err(format!("the session ended unexpectedly: {other:?}")),
        Err(error) => Err(format!("the session ended with an error: {error}")),
    }
}

struct Server {
    /// The tools, and whose calls they serve or why they serve none.
    tools: Arc<(Registry, Result<Account, Box<Failure>>)>,
    in_flight: InFlight,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let implementation = Implementation::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .with_title("Bitrix24 CRM")
            .with_description(env!("CARGO_PKG_DESCRIPTION"));
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(self.tools.0.instructions())
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut info = self.negotiate_initialize(&request)?;
        if cards::are_rendered_by(&request.capabilities) {
            info.capabilities = cards::capabilities();
        }
        Ok(info)
    }

    async fn discover(
        &self,
        context: RequestContext<RoleServer>,
    ) -> Result<DiscoverResult, ErrorData> {
        let mut info = self.get_info();
        if renders_cards(&context) {
            info.capabilities = cards::capabilities();
        }
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, info))
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {
        let tools = Arc::clone(&self.tools);
        tokio::spawn(async move {
            if let Ok(account) = &tools.1 {
                account.open_connection().await;
            }
        });
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let renders_cards = renders_cards(&context);
        let tools = self.tools.0.tools().map(|tool| convert::mcp_tool(tool, renders_cards));
        Ok(ListToolsResult::with_all_items(tools.collect()).with_ttl_ms(TOOL_LIST_TTL_MS))
    }

    // The transport hands these on for clients that render cards alone.
    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(cards::list())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(cards::templates())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri != card::URI {
            let text = format!("there is no resource `{}`", convert::shown(&request.uri));
            return Err(ErrorData::resource_not_found(text, None));
        }
        let (registry, account) = &*self.tools;
        let portal = account.as_ref().map(|account| account.address().authority());
        let tools: Vec<&str> =
            registry.tools().filter(|tool| tool.shows_card()).map(Tool::name).collect();
        Ok(cards::read(&portal.unwrap_or_default(), &tools).into())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.into_owned();
        let arguments = request.arguments.map_or(Value::Null, Value::Object);
        let Findings { notes, repeated } = Findings::of(&context.meta.0.0);
        let raw = RawArguments { arguments, notes, repeated };
        let (tools, tool) = (Arc::clone(&self.tools), name.clone());
        let (guard, cancellation) = (self.in_flight.begin(), context.ct.clone());
        let (progress, told) = watch::channel(Progress::default());
        let client = context
            .client_info()
            .map(|client| ClientName { name: client.name, version: client.version });
        let card = renders_cards(&context).then(Arc::<OnceLock<Value>>::default);
        let effect = tools.0.effect(&tool);
        let shown = card.clone();
        let call = in_its_own_task(effect, async move {
            let (registry, account) = &*tools;
            let account = account.as_ref().map_err(Box::as_ref);
            let client = Client { name: client, cancellation, progress: Some(progress), card };
            let answer = registry.call(account, &tool, raw, client).await;
            drop(guard);
            answer
        });
        let answer = tokio::select! {
            answer = call => answer,
            () = report_progress(&context, told) => None,
        };
        let missing = || format!("there is no tool `{}`", convert::shown(&name));
        let answer = answer.ok_or_else(|| ErrorData::invalid_params(missing(), None))?;
        let shown = shown.and_then(|card| card.get().cloned());
        Ok(convert::result(answer, shown).into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // rmcp files a known method with malformed parameters here.
        Err(match request.method.as_str() {
            "tools/call" => ErrorData::invalid_params(
                "`tools/call` needs `params` with the `name` of a tool as a string",
                None,
            ),
            "resources/read" => ErrorData::invalid_params(
                "`resources/read` needs `params` with the `uri` of a resource as a string",
                None,
            ),
            // The transport hands on no other method.
            method => {
                let text = format!("malformed params for {}", convert::shown(method));
                ErrorData::invalid_params(text, None)
            }
        })
    }
}

/// Whether the client of a request renders cards, by what the request or its session says.
fn renders_cards(context: &RequestContext<RoleServer>) -> bool {
    context.client_capabilities().is_some_and(|client| cards::are_rendered_by(&client))
}

/// Runs a call so that a write that was sent is finished even when the client cancels the call, and
/// a panic ends only that call.
async fn in_its_own_task(
    effect: Effect,
    call: impl Future<Output = Option<Answer>> + Send + 'static,
) -> Option<Answer> {
    tokio::spawn(call).await.unwrap_or_else(|broken| {
        tracing::error!(%broken, "a tool panicked");
        Some(Answer::failed(&internal_error(effect), effect))
    })
}

/// Reports progress to a client that asked for it: so many items of how many, or for how many seconds
/// the portal has been waited for. Never ends.
async fn report_progress(
    context: &RequestContext<RoleServer>,
    mut progress: watch::Receiver<Progress>,
) {
    if let Some(token) = context.meta.get_progress_token() {
        let began = Instant::now();
        // The protocol wants each value to be above the last.
        let mut last = 0.0;
        loop {
            let changed = timeout(PROGRESS_EVERY, progress.changed()).await;
            let Progress { done, of } = *progress.borrow_and_update();
            let told = ProgressNotificationParam::new(token.clone(), f64::from(done));
            let told = match changed {
                Ok(Ok(())) => {
                    told.with_total(f64::from(of)).with_message(format!("{done} of {of}"))
                }
                // The call has ended, and its answer is about to be taken.
                Ok(Err(_)) => break,
                Err(_) if of == 0 => {
                    let seconds = began.elapsed().as_secs_f64().floor();
                    ProgressNotificationParam::new(token.clone(), seconds)
                        .with_message("waiting for the portal")
                }
                Err(_) => continue,
            };
            if told.progress <= last {
                continue;
            }
            last = told.progress;
            if context.peer.notify_progress(told).await.is_err() {
                break;
            }
        }
    }
    std::future::pending::<()>().await;
}

fn internal_error(effect: Effect) -> Failure {
    let message = "internal error while handling the call";
    let (written, hint) = match effect {
        Effect::Read => (
            Written::No,
            "repeat the call; if it fails again, report the defect with the server's log",
        ),
        Effect::Write => (
            Written::Unknown,
            "read the item before repeating the call, and report the defect with the server's log",
        ),
    };
    Failure { written, ..Failure::new(Code::Internal, Retry::Later, message, hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_tool_is_an_answer() {
        for (effect, written) in [(Effect::Write, "unknown"), (Effect::Read, "no")] {
            let answer = in_its_own_task(effect, async { panic!("a defect") }).await;
            let Some(Answer::Error { json, .. }) = answer else { panic!("no error: {answer:?}") };
            assert_eq!(json["error"]["code"], "INTERNAL");
            assert_eq!(json["error"]["written"], written);
        }
    }
}
