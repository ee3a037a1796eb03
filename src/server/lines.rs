//! JSON-RPC over lines: what comes in is made fit for rmcp, and the end of input waits until every
//! running call was answered.
//!
//! rmcp's own line transport drops the session at a notification before the first request, answers
//! a call whose arguments are JSON text with "method not found", and gives running calls five
//! seconds at the end of input.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError},
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

/// A longer line is dropped: nothing that a tool takes is larger.
const LONGEST_LINE: usize = 64 * 1024 * 1024;

/// A client's end of the conversation.
pub struct Lines<R, W> {
    input: BufReader<R>,
    line: Vec<u8>,
    /// Whether the rest of an overlong line is being dropped.
    is_dropping: bool,
    output: Arc<AsyncMutex<W>>,
    conversation: Arc<Conversation>,
    busy: Busy,
    /// Ends the input before its time.
    stopped: watch::Receiver<bool>,
    /// How long running calls may take once the input has ended.
    patience: Duration,
    waits_until: Option<Instant>,
}

/// Ends the input of [`Lines`], as a signal does.
#[derive(Debug, Clone)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Takes no more requests; those that run are answered.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

/// Counts what has to be finished before the process may end.
#[derive(Debug, Clone)]
pub(super) struct Busy(Arc<watch::Sender<usize>>);

/// One thing that has to be finished; dropping it says that it is.
#[derive(Debug)]
pub(super) struct AtWork(Arc<watch::Sender<usize>>);

impl Busy {
    pub(super) fn begin(&self) -> AtWork {
        self.0.send_modify(|count| *count += 1);
        AtWork(Arc::clone(&self.0))
    }

    async fn idle(&self) {
        // The sender lives as long as this value, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

#[derive(Default)]
struct Conversation {
    unanswered: Mutex<HashMap<RequestId, AtWork>>,
    /// Whether rmcp has settled on a protocol era; before that, a notification ends its session.
    is_open: Mutex<bool>,
}

impl Conversation {
    fn asked(&self, id: RequestId, at_work: AtWork) {
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).insert(id, at_work);
    }

    fn settled(&self, id: &RequestId) -> Option<AtWork> {
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

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Lines<R, W> {
    /// Takes the two halves; `patience` bounds how long running calls hold back the end.
    pub fn new(input: R, output: W, patience: Duration) -> (Self, Stop) {
        let (stop, stopped) = watch::channel(false);
        let (count, _) = watch::channel(0);
        let lines = Self {
            input: BufReader::new(input),
            line: Vec::new(),
            is_dropping: false,
            output: Arc::new(AsyncMutex::new(output)),
            conversation: Arc::default(),
            busy: Busy(Arc::new(count)),
            stopped,
            patience,
            waits_until: None,
        };
        (lines, Stop(stop))
    }

    pub(super) fn busy(&self) -> Busy {
        self.busy.clone()
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
            if self.line.len() > LONGEST_LINE {
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

    /// Turns a line into a message for rmcp, or into the answer that it deserves.
    fn understand(&self, line: &[u8]) -> Understood {
        const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
        let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line).trim_ascii();
        if line.is_empty() {
            return Understood::Nothing;
        }
        let mut message: Value = match serde_json::from_slice(line) {
            Ok(message) => message,
            Err(error) => {
                tracing::warn!("a line that is not JSON was dropped: {error}");
                let text = "this line is not JSON";
                return Understood::Answer(
                    ErrorData::new(ErrorCode::PARSE_ERROR, text, None),
                    None,
                );
            }
        };
        wrap_odd_arguments(&mut message);
        let method = message.get("method").and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = message.get("id").cloned();
        if is_first_stateless_request(&method, &message) {
            self.conversation.open();
        }
        if id.is_none() && !method.is_empty() && !self.conversation.is_open() {
            tracing::debug!(method, "a notification before the first request was dropped");
            return Understood::Nothing;
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

    /// Keeps count of what has to be answered.
    fn note(&self, message: &ClientJsonRpcMessage) {
        match message {
            ClientJsonRpcMessage::Request(request) => {
                self.conversation.asked(request.id.clone(), self.busy.begin());
            }
            ClientJsonRpcMessage::Notification(notification) => {
                use rmcp::model::ClientNotification::CancelledNotification;
                // A request that was given up is not answered.
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
        let until = *self.waits_until.get_or_insert_with(|| Instant::now() + self.patience);
        if timeout_at(until, self.busy.idle()).await.is_err() {
            tracing::warn!("the input has ended and a call did not finish in time");
        }
    }
}

enum Understood {
    Message(Box<ClientJsonRpcMessage>),
    Answer(ErrorData, Option<RequestId>),
    Nothing,
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
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
            if self.waits_until.is_some() {
                self.wait_for_running_calls().await;
                return None;
            }
            let mut stopped = self.stopped.clone();
            let input = tokio::select! {
                input = self.read_line() => input,
                Ok(_) = stopped.wait_for(|stopped| *stopped) => Input::End,
            };
            let understood = match input {
                Input::Line => {
                    let line = std::mem::take(&mut self.line);
                    self.understand(&line)
                }
                Input::TooLong => {
                    let text = format!("a line of more than {LONGEST_LINE} bytes was dropped");
                    Understood::Answer(ErrorData::invalid_request(text, None), None)
                }
                Input::End => {
                    self.wait_for_running_calls().await;
                    return None;
                }
            };
            match understood {
                Understood::Message(message) => {
                    self.note(&message);
                    return Some(*message);
                }
                Understood::Answer(error, id) => {
                    // Dropping this future here would lose the answer, so it is sent on its own.
                    tokio::spawn(self.send(ServerJsonRpcMessage::error(error, id)));
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
    let meta =
        |key: &str| message.pointer(&format!("/params/_meta/io.modelcontextprotocol~1{key}"));
    let is_known_version = meta("protocolVersion").and_then(Value::as_str).is_some_and(|asked| {
        ProtocolVersion::KNOWN_VERSIONS.iter().any(|known| known.as_str() == asked)
    });
    let is_probe = matches!(method, "server/discover" | "ping");
    !is_probe && is_known_version && meta("clientCapabilities").is_some_and(Value::is_object)
}

/// Answers that leave rmcp's choice of the protocol era open.
fn is_bootstrap(result: &rmcp::model::ServerResult) -> bool {
    use rmcp::model::ServerResult::{DiscoverResult, EmptyResult};
    matches!(result, DiscoverResult(_) | EmptyResult(_))
}
