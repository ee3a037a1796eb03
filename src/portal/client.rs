//! The one way to the portal: a POST with a JSON body, within a deadline.

use std::{
    collections::HashMap,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use reqwest::{Certificate, Client, Response, Url, header, redirect};
use serde_json::{Map, Value};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    ApiError, Budget, ErrorKind, PortalError, Rate, Scrubber, Secret, SignIn,
    answer::{Answer, innermost, read_answer, read_bounded},
    auth::Address,
    budget::Spent,
    error::readable,
    limiter::Limiter,
    limiter::Turn,
    retry::Pauses,
};

/// Portals block a method for ten minutes (fact sheet §5.2); a longer time is not believed.
const MAX_BLOCK: u64 = 3_600;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For one request.
    pub request: Duration,
    /// For a whole tool call, all its requests and pauses included.
    pub call: Duration,
}

impl Timeouts {
    /// Below the 60 s after which MCP clients give a call up.
    pub const STANDARD: Self = Self {
        connect: Duration::from_secs(5),
        request: Duration::from_secs(30),
        call: Duration::from_secs(45),
    };
}

/// A request's body, and the token in it that can be renewed.
struct RequestBody {
    json: Vec<u8>,
    token: Option<Secret>,
}

/// Where a portal is and how to treat it.
#[derive(Debug)]
pub struct Connection {
    /// Address and sign-in.
    pub sign_in: SignIn,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How many requests may go out.
    pub rate: Rate,
    /// Certificates to trust besides the system's, as a PEM file's content.
    pub extra_roots: Option<Vec<u8>>,
}

/// A portal that can be called.
#[derive(Debug)]
pub struct Portal {
    connection: Connection,
    limiter: Limiter,
    // Built at the first call: reading the system's certificates takes longer than the whole start.
    http: OnceLock<Client>,
    /// For the sign-in server, whose way may lead through a proxy where the portal's does not.
    sign_in_http: OnceLock<Client>,
    /// When each method may be called again after it had used up its time, in Unix seconds.
    operating_resets: Mutex<HashMap<String, i64>>,
}

impl Portal {
    /// Takes note of the portal; nothing is sent.
    pub fn new(connection: Connection) -> Self {
        Self {
            limiter: Limiter::new(connection.rate),
            connection,
            http: OnceLock::new(),
            sign_in_http: OnceLock::new(),
            operating_resets: Mutex::default(),
        }
    }

    /// The portal's address, without any secret.
    pub const fn address(&self) -> &Address {
        self.connection.sign_in.address()
    }

    /// What a tool call that begins now may spend.
    pub fn budget(&self, given_up: watch::Receiver<bool>) -> Budget {
        Budget::new(self.connection.timeouts.call, given_up)
    }

    /// The filter for everything that leaves the program.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.connection.sign_in.secrets())
    }

    /// Calls a method and returns its `result`.
    ///
    /// # Errors
    ///
    /// See [`Self::fetch`].
    pub async fn call(
        &self,
        method: &str,
        parameters: &Map<String, Value>,
        budget: &Budget,
    ) -> Result<Value, PortalError> {
        self.fetch(method, parameters, budget).await.map(|answer| answer.result)
    }

    /// The right to send a request at once, if the pace allows one.
    pub fn free_turn(&self) -> Option<Turn> {
        self.limiter.free_turn()
    }

    /// Waits for the right to send a request.
    ///
    /// # Errors
    ///
    /// When the budget ends before.
    pub async fn turn(&self, budget: &Budget) -> Result<Turn, PortalError> {
        let has_room = budget.has(Duration::ZERO);
        budget.wait(self.limiter.turn()).await.map_err(|spent| match spent {
            // Time was left, and the pace used it up.
            Spent::Time if has_room => PortalError::DeadlineExceeded,
            spent => spent.into(),
        })
    }

    /// Calls a method with the right to do so, and returns its `result`.
    ///
    /// # Errors
    ///
    /// See [`Self::fetch`].
    pub async fn call_in(
        &self,
        turn: Turn,
        method: &str,
        parameters: &Map<String, Value>,
        budget: &Budget,
    ) -> Result<Value, PortalError> {
        self.fetch_in(Some(turn), method, parameters, budget).await.map(|answer| answer.result)
    }

    /// Calls a method and returns its whole answer. What provably did not run is sent again, as long as
    /// the budget lasts.
    ///
    /// # Errors
    ///
    /// See [`PortalError`]; [`PortalError::fate`] says what is known of the request.
    pub async fn fetch(
        &self,
        method: &str,
        parameters: &Map<String, Value>,
        budget: &Budget,
    ) -> Result<Answer, PortalError> {
        self.fetch_in(None, method, parameters, budget).await
    }

    async fn fetch_in(
        &self,
        mut turn: Option<Turn>,
        method: &str,
        parameters: &Map<String, Value>,
        budget: &Budget,
    ) -> Result<Answer, PortalError> {
        let mut pauses = Pauses::new();
        let mut is_renewed = false;
        if let SignIn::Token { tokens, .. } = &self.connection.sign_in
            && tokens.access().is_none()
        {
            self.renew(None, budget).await?;
            is_renewed = true;
        }
        loop {
            let error = match self.attempt(turn.take(), method, parameters, budget).await {
                Ok(result) => return Ok(result),
                Err((error, stale)) => match stale.filter(|_| !is_renewed) {
                    Some(stale) => {
                        self.renew(Some(&stale), budget).await?;
                        is_renewed = true;
                        continue;
                    }
                    None => error,
                },
            };
            if matches!(&error, PortalError::Refused(it) if it.kind() == ErrorKind::RateLimited) {
                self.limiter.pause();
            }
            match pauses.next(&error) {
                Some(pause) if budget.has(pause) => {
                    tracing::debug!(method, ?pause, "a request that did not run is sent again");
                    if budget.wait(tokio::time::sleep(pause)).await.is_err() {
                        return Err(error);
                    }
                }
                _ => return Err(error),
            }
        }
    }

    /// How long to wait before a method that has used up its time, by what the portal last said.
    pub fn seconds_until_reset(&self, method: &str) -> Option<u64> {
        let resets = self.operating_resets.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = resets.get(method)?.saturating_sub(jiff::Timestamp::now().as_second());
        u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(|it| it.min(MAX_BLOCK))
    }

    /// One request. With the error comes the token that has expired, if it can be renewed.
    async fn attempt(
        &self,
        turn: Option<Turn>,
        method: &str,
        parameters: &Map<String, Value>,
        budget: &Budget,
    ) -> Result<Answer, (PortalError, Option<Secret>)> {
        let without_token = |error: PortalError| (error, None);
        if turn.is_none() {
            self.turn(budget).await.map_err(without_token)?;
        }
        let body = self.body(parameters);
        let request_timeout = self.connection.timeouts.request;
        let deadline = budget.deadline().min(Instant::now() + request_timeout);
        let began = Instant::now();
        // Not ended by the client's giving up: a request that has left is finished.
        let answer = match timeout_at(deadline, self.exchange(method, body.json)).await {
            Ok(answer) => answer,
            Err(_) => Err(PortalError::NoUsableAnswer {
                reason: format!("no answer within {:.0} s", began.elapsed().as_secs_f64()),
                http_status: None,
            }),
        };
        let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
        let outcome = self.scrubber().text(&outcome).into_owned();
        tracing::info!(method, outcome, milliseconds = began.elapsed().as_millis(), "portal call");
        answer.map_err(|error| {
            let has_expired = matches!(
                &error,
                PortalError::Refused(refusal) if refusal.kind() == ErrorKind::TokenExpired
            );
            (error, body.token.filter(|_| has_expired))
        })
    }

    /// The body of a request, with the token if there is one.
    fn body(&self, parameters: &Map<String, Value>) -> RequestBody {
        let token = match &self.connection.sign_in {
            SignIn::Token { tokens, .. } => tokens.access().map(|token| (tokens, token)),
            SignIn::Webhook { .. } => None,
        };
        let Some((tokens, token)) = token else {
            return RequestBody {
                json: serde_json::to_vec(parameters).unwrap_or_default(),
                token: None,
            };
        };
        // Written behind the other parameters without copying them: files may be among them.
        let mut json = serde_json::to_vec(parameters).unwrap_or_default();
        json.pop();
        let separator = if parameters.is_empty() { "" } else { "," };
        let auth = Value::from(token.expose());
        json.extend_from_slice(format!("{separator}\"auth\":{auth}}}").as_bytes());
        RequestBody { json, token: Some(token).filter(|_| tokens.can_be_renewed()) }
    }

    async fn renew(&self, stale: Option<&Secret>, budget: &Budget) -> Result<(), PortalError> {
        match &self.connection.sign_in {
            SignIn::Token { tokens, .. } => {
                let is_local = tokens.are_renewed_on_this_machine();
                let http = self.client(&self.sign_in_http, is_local)?;
                tokens.renew(stale, http, budget).await
            }
            SignIn::Webhook { .. } => Ok(()),
        }
    }

    async fn exchange(&self, method: &str, body: Vec<u8>) -> Result<Answer, PortalError> {
        let response = self
            .http()?
            .post(self.connection.sign_in.method_url(method))
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(sending_failed)?;
        let status = response.status();
        if status.is_redirection() {
            return Err(PortalError::Moved {
                to: self.redirect_target(&response),
                http_status: status.as_u16(),
            });
        }
        let body = read_bounded(response).await?;
        let answer = self.masked(read_answer(status, &body.bytes))?;
        if let Some(reset) = answer.operating_reset_at {
            let mut resets = self.operating_resets.lock().unwrap_or_else(PoisonError::into_inner);
            resets.insert(method.to_owned(), reset);
        }
        Ok(answer)
    }

    /// The answer without the secrets that portals echo: masked before anything is cut or compared.
    fn masked(&self, answer: Result<Answer, PortalError>) -> Result<Answer, PortalError> {
        let scrubber = self.scrubber();
        match answer {
            Ok(mut answer) => {
                scrubber.value(&mut answer.result);
                Ok(answer)
            }
            Err(PortalError::Refused(refusal)) => Err(PortalError::Refused(ApiError {
                code: scrubber.text(&refusal.code).into_owned(),
                description: scrubber.text(&refusal.description).into_owned(),
                ..refusal
            })),
            Err(error) => Err(error),
        }
    }

    fn http(&self) -> Result<&Client, PortalError> {
        self.client(&self.http, self.connection.sign_in.is_on_this_machine())
    }

    fn client<'a>(
        &self,
        place: &'a OnceLock<Client>,
        is_on_this_machine: bool,
    ) -> Result<&'a Client, PortalError> {
        if let Some(client) = place.get() {
            return Ok(client);
        }
        // A second installation is refused, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(self.connection.timeouts.connect);
        if is_on_this_machine {
            // A proxy of the system's would look for the server on its own machine.
            builder = builder.no_proxy();
        }
        let unusable = |error: reqwest::Error| PortalError::Unreachable {
            reason: format!("the HTTP client could not be set up: {}", innermost(&error)),
        };
        if let Some(pem) = &self.connection.extra_roots {
            let roots = Certificate::from_pem_bundle(pem).map_err(unusable)?;
            builder = builder.tls_certs_merge(roots);
        }
        let client = builder.build().map_err(unusable)?;
        Ok(place.get_or_init(|| client))
    }

    /// The host and path prefix that a redirect names, without the secret part of the path.
    fn redirect_target(&self, response: &Response) -> Option<String> {
        let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
        let base = Url::parse(&self.address().page("/")).ok()?;
        let target = base.join(location).ok()?;
        let host = target.host_str()?;
        let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = target.path();
        let prefix = path.find("/rest").and_then(|at| path.get(..at)).unwrap_or_default();
        let text = format!("{}://{host}{port}{prefix}", target.scheme());
        Some(readable(&self.scrubber().text(&text)))
    }
}

fn sending_failed(error: reqwest::Error) -> PortalError {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        let reason = match innermost(&error) {
            _ if error.is_timeout() => "the connection was not made in time".to_owned(),
            cause if cause.contains("certificate") => {
                return PortalError::Untrusted { reason: cause };
            }
            cause => cause,
        };
        return PortalError::Unreachable { reason };
    }
    PortalError::Cut {
        reason: format!("the connection was cut: {}", innermost(&error)),
        http_status: None,
    }
}
