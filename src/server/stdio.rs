//! JSON-RPC over lines: what comes in is made fit for rmcp, and the end of input waits until every
//! running call was answered.
//!
//! rmcp's own line transport drops the session at a notification before the first request, answers
//! a call whose arguments are JSON text with "method not found", and gives running calls five
//! seconds at the end of input.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rmcp::{
    RoleServer,
    model::{
        ClientJsonRpcMessage, ErrorCode, ErrorData, ProtocolVersion, RequestId,
        ServerJsonRpcMessage,
    },
    transport::Transport,
};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    sync::{Mutex as AsyncMutex, watch},
    time::{Instant, timeout_at},
};

use super::{
    cards,
    findings::{ARGUMENTS, Findings, attach},
    in_flight::{InFlight, InFlightGuard},
};
use crate::json::{self, Parsed, Unreadable};

/// A longer line is dropped: nothing that a tool takes is larger.
const MAX_LINE: usize = 64 * 1024 * 1024;

/// The requests that this server answers to every client.
const METHODS: [&str; 5] = ["initialize", "ping", "tools/list", "tools/call", "server/discover"];

/// Where a message of the protocol without a handshake says what its client can do.
const CAPABILITIES: &str = "clientCapabilities";

/// A client's side of the connection.
pub struct StdioTransport<R, W> {
    input: BufReader<R>,
    line: Vec<u8>,
    /// Whether the rest of an overlong line is being dropped.
    is_dropping: bool,
    output: Arc<AsyncMutex<W>>,
    conversation: Arc<Conversation>,
    in_flight: InFlight,
    /// Ends the input before its time.
    stopped: watch::Receiver<bool>,
    /// How long running calls may take once the input has ended.
    grace_period: Duration,
    ends_at: Option<Instant>,
}

/// Ends the input of [`StdioTransport`], as a signal does.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Takes no more requests; those that run are answered.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

#[derive(Default)]
struct Conversation {
    unanswered: Mutex<HashMap<RequestId, InFlightGuard>>,
    /// Whether rmcp has settled on a protocol era; before that, a notification ends its session.
    is_open: Mutex<bool>,
    /// Whether the client has said in its handshake that it renders cards.
    renders_cards: AtomicBool,
}

impl Conversation {
    fn asked(&self, id: RequestId, guard: InFlightGuard) {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).insert(id, guard);
    }

    fn settled(&self, id: &RequestId) -> Option<InFlightGuard> {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }

    fn open(&self) {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn is_open(&self) -> bool {
        *self.is_open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Input {
    Line,
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> StdioTransport<R, W> {
    /// Takes the two halves; `grace_period` bounds how long running calls hold back the end.
    pub fn new(input: R, output: W, grace_period: Duration) -> (Self, Stop) {
        let (stop, stopped) = watch::channel(false);
        let lines = Self {
            input: BufReader::new(input),
            line: Vec::new(),
            is_dropping: false,
            output: Arc::new(AsyncMutex::new(output)),
            conversation: Arc::default(),
            in_flight: InFlight::new(),
            stopped,
            grace_period,
            ends_at: None,
        };
        (lines, Stop(stop))
    }

    pub(super) fn in_flight(&self) -> InFlight {
        self.in_flight.clone()
    }

    /// Reads on until a line is whole. Dropping the future loses nothing: what was read is kept.
    async fn read_line(&mut self) -> Input {
        loop {
            let available = match self.input.fill_buf().await {
                Ok([]) | Err(_) => return self.end_of_input(),
                Ok(available) => available,
            };
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            let was_dropping = self.is_dropping;
            if !was_dropping {
                self.line.extend_from_slice(available.get(..taken).unwrap_or(available));
            }
            self.input.consume(taken);
            if self.line.len() > MAX_LINE {
                self.line = Vec::new();
                self.is_dropping = newline.is_none();
                return Input::TooLong;
            }
            if newline.is_some() {
                self.is_dropping = false;
                if !was_dropping {
                    return Input::Line;
                }
            }
        }
    }

    /// A last line may lack its newline.
    fn end_of_input(&self) -> Input {
        if self.line.is_empty() || self.is_dropping { Input::End } else { Input::Line }
    }

    /// Turns a line into a message for rmcp, or into an error answer.
    fn understand(&self, line: &[u8]) -> Understood {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Understood::Nothing;
        }
        let parsed = match json::parse(line) {
            Ok(parsed) => parsed,
            Err(error) => {
                tracing::warn!("a line was not read: {error}");
                let text = match error {
                    Unreadable::NotJson(_) => "this line is not JSON".to_owned(),
                    Unreadable::TooDeep | Unreadable::TooMany => {
                        format!("this line cannot be read: {error}")
                    }
                };
                let id = json::id_of(line).and_then(|id| serde_json::from_value(id).ok());
                let error = ErrorData::new(ErrorCode::PARSE_ERROR, text, None);
                return Understood::Answer(error, id);
            }
        };
        let Parsed { value: mut message, notes, repeated } = parsed;
        let (in_arguments, elsewhere): (Vec<String>, Vec<String>) =
            repeated.into_iter().partition(|path| path.starts_with(ARGUMENTS));
        if let Some(key) = elsewhere.first() {
            let text = format!("`{}` is given twice", super::convert::shown(key));
            let id = message.get("id").cloned().and_then(|id| serde_json::from_value(id).ok());
            return Understood::Answer(ErrorData::invalid_request(text, None), id);
        }
        wrap_odd_arguments(&mut message);
        attach(&mut message, Findings::new(notes, &in_arguments));
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = message.get("id").cloned();
        if is_first_stateless_request(&method, &message) {
            self.conversation.open();
        }
        if id.is_none() && !method.is_empty() && !self.conversation.is_open() {
            tracing::debug!(method, "a notification before the first request was dropped");
            return Understood::Nothing;
        }
        // Answered here: clients probe for what is optional, which rmcp logs as a warning each time.
        if id.is_some() && !method.is_empty() && !self.answers(&method, &message) {
            let text = format!("method not found: {}", super::convert::shown(&method));
            let id = id.and_then(|id| serde_json::from_value(id).ok());
            return Understood::Answer(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, text, None), id);
        }
        match serde_json::from_value::<ClientJsonRpcMessage>(message) {
            Ok(message) => Understood::Message(Box::new(message)),
            Err(_) if id.is_none() && !method.is_empty() => Understood::Nothing,
            Err(error) => {
                let text = format!("this is not a JSON-RPC message: {error}");
                let id = id.and_then(|id| serde_json::from_value(id).ok());
                Understood::Answer(ErrorData::invalid_request(text, None), id)
            }
        }
    }

    /// Whether there is such a method for the client of a request.
    fn answers(&self, method: &str, message: &Value) -> bool {
        let renders_cards = || {
            let in_session = || self.conversation.renders_cards.load(Ordering::Relaxed);
            let of_request = of_client(message, CAPABILITIES).and_then(cards::are_rendered_with);
            of_request.unwrap_or_else(in_session)
        };
        METHODS.contains(&method) || (cards::METHODS.contains(&method) && renders_cards())
    }

    /// Keeps count of what has to be answered.
    fn note(&self, message: &ClientJsonRpcMessage, bytes: usize) {
        use rmcp::model::{
            ClientNotification::CancelledNotification, ClientRequest::InitializeRequest,
        };
        match message {
            ClientJsonRpcMessage::Request(request) => {
                self.conversation.asked(request.id.clone(), self.in_flight.begin_message(bytes));
                if let InitializeRequest(handshake) = &request.request {
                    let renders_cards = cards::are_rendered_by(&handshake.params.capabilities);
                    self.conversation.renders_cards.store(renders_cards, Ordering::Relaxed);
                }
            }
            ClientJsonRpcMessage::Notification(notification) => {
                // A cancelled request is not answered.
                if let CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.conversation.settled(id);
                }
            }
            ClientJsonRpcMessage::Response(_) | ClientJsonRpcMessage::Error(_) => {}
        }
    }

    async fn wait_for_running_calls(&mut self) {
        let until = *self.ends_at.get_or_insert_with(|| Instant::now() + self.grace_period);
        if timeout_at(until, self.in_flight.idle()).await.is_err() {
            tracing::warn!("the input has ended and a call did not finish in time");
        }
    }
}

enum Understood {
    Message(Box<ClientJsonRpcMessage>),
    Answer(ErrorData, Option<RequestId>),
    Nothing,
}

impl<R, W> Transport<RoleServer> for StdioTransport<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let settled = match &message {
            ServerJsonRpcMessage::Response(response) => {
                if !is_bootstrap(&response.result) {
                    self.conversation.open();
                }
                self.conversation.settled(&response.id)
            }
            ServerJsonRpcMessage::Error(error) => {
                error.id.as_ref().and_then(|id| self.conversation.settled(id))
            }
            ServerJsonRpcMessage::Request(_) | ServerJsonRpcMessage::Notification(_) => None,
        };
        let output = Arc::clone(&self.output);
        async move {
            let mut line = serde_json::to_vec(&message)?;
            line.push(b'\n');
            let mut output = output.lock().await;
            output.write_all(&line).await?;
            output.flush().await?;
            drop(settled);
            Ok(())
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if self.ends_at.is_some() {
                self.wait_for_running_calls().await;
                return None;
            }
            let mut stopped = self.stopped.clone();
            let in_flight = self.in_flight.clone();
            let input = async {
                in_flight.has_capacity().await;
                self.read_line().await
            };
            let input = tokio::select! {
                input = input => input,
                Ok(_) = stopped.wait_for(|stopped| *stopped) => Input::End,
            };
            let mut bytes = 0;
            let understood = match input {
                Input::Line => {
                    let line = std::mem::take(&mut self.line);
                    bytes = line.len();
                    self.understand(&line)
                }
                Input::TooLong => {
                    let text = format!("a line of more than {MAX_LINE} bytes was dropped");
                    Understood::Answer(ErrorData::invalid_request(text, None), None)
                }
                Input::End => {
                    self.wait_for_running_calls().await;
                    return None;
                }
            };
            match understood {
                Understood::Message(message) => {
                    self.note(&message, bytes);
                    return Some(*message);
                }
                Understood::Answer(error, id) => {
                    // Dropping this future here would lose the answer, so it is sent on its own.
                    let guard = self.in_flight.begin_message(bytes);
                    let answer = self.send(ServerJsonRpcMessage::error(error, id));
                    tokio::spawn(async move {
                        let _ = answer.await;
                        drop(guard);
                    });
                }
                Understood::Nothing => {}
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.output.lock().await.shutdown().await
    }
}

/// `tools/call` with arguments that are no object is passed on inside one, so that the tool's own
/// reader can repair or refuse them.
fn wrap_odd_arguments(message: &mut Value) {
    if message.get("method").and_then(Value::as_str) != Some("tools/call") {
        return;
    }
    let Some(arguments) = message.pointer_mut("/params/arguments") else {
        return;
    };
    if !arguments.is_object() && !arguments.is_null() {
        let odd = arguments.take();
        *arguments = Value::Object(Map::from_iter([("arguments".to_owned(), odd)]));
    }
}

/// Whether the request opens a session of the protocol that has no handshake.
fn is_first_stateless_request(method: &str, message: &Value) -> bool {
    let is_known_version =
        of_client(message, "protocolVersion").and_then(Value::as_str).is_some_and(|asked| {
            ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == asked)
        });
    let is_probe = matches!(method, "server/discover" | "ping");
    !is_probe && is_known_version && of_client(message, CAPABILITIES).is_some_and(Value::is_object)
}

/// What a message of the protocol without a handshake says of its client.
fn of_client<'a>(message: &'a Value, key: &str) -> Option<&'a Value> {
    message.pointer(&format!("/params/_meta/io.modelcontextprotocol~1{key}"))
}

/// Answers that leave rmcp's choice of the protocol era open.
fn is_bootstrap(result: &rmcp::model::ServerResult) -> bool {
    use rmcp::model::ServerResult::{DiscoverResult, EmptyResult};
    matches!(result, DiscoverResult(_) | EmptyResult(_))
}
