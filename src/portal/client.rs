//! The one way to the portal: a POST with a JSON body, within a deadline.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use reqwest::{Response, Url, header};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{
    ApiError, Deadline, Endpoint, ErrorKind, PortalError, Scrubber, Secret, SignIn,
    address::Address,
    answer::{Answer, read_answer, read_bounded, sending_failed},
    deadline::Expired,
    error::readable,
    rate_limit::{Permit, Turn},
    retry::Pauses,
};

/// Portals block a method for ten minutes (docs/bitrix24.md, "Limits"); a longer time is not
/// believed.
const MAX_BLOCK: u64 = 3_600;

/// How long batches are not tried after the portal has answered that it has no such method.
const WITHOUT_BATCHES: Duration = Duration::from_secs(600);

/// A request's body, and the token in it that can be renewed.
struct RequestBody {
    json: Vec<u8>,
    token: Option<Secret>,
}

/// A portal that one user can call.
#[derive(Debug)]
pub struct Portal {
    endpoint: Arc<Endpoint>,
    sign_in: SignIn,
    /// When each method may be called again after it had used up its time, in Unix seconds.
    operating_resets: Mutex<HashMap<String, i64>>,
    /// Until when batches are not tried, because the portal has answered that it has none.
    no_batches_until: Mutex<Option<Instant>>,
}

impl Portal {
    /// A user of the portal at an endpoint; nothing is sent.
    pub fn new(endpoint: Arc<Endpoint>, sign_in: SignIn) -> Self {
        Self {
            endpoint,
            sign_in,
            operating_resets: Mutex::default(),
            no_batches_until: Mutex::default(),
        }
    }

    /// The portal's address, without any secret.
    pub const fn address(&self) -> &Address {
        self.sign_in.address()
    }

    /// Whose rights its calls have, in words.
    pub fn user(&self) -> String {
        match &self.sign_in {
            SignIn::Webhook { user, .. } => format!("the portal's user {user}"),
            SignIn::Token { .. } => "the user who signed in".to_owned(),
        }
    }

    /// The id of the user whose rights its calls have, where the sign-in tells it.
    pub fn user_id(&self) -> Option<&str> {
        match &self.sign_in {
            SignIn::Webhook { user, .. } => Some(user),
            SignIn::Token { .. } => None,
        }
    }

    /// Opens a connection for the first request, without sending one; whatever goes wrong is the first
    /// request's to tell.
    pub async fn open_connection(&self) {
        let is_on_this_machine = self.sign_in.is_on_this_machine();
        let endpoint = Arc::clone(&self.endpoint);
        // On a thread of its own: reading the system's certificates would hold up everything else.
        let built =
            tokio::task::spawn_blocking(move || endpoint.client(is_on_this_machine).is_ok());
        if built.await.is_ok_and(|is_built| is_built) {
            self.endpoint.open_connection(self.address().url("/"), is_on_this_machine).await;
        }
    }

    /// What a tool call that begins now may spend.
    pub fn deadline(&self, cancellation: CancellationToken) -> Deadline {
        Deadline::new(self.endpoint.timeouts.call, cancellation)
    }

    /// The filter for everything that leaves the program.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.sign_in.secrets())
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
        deadline: &Deadline,
    ) -> Result<Value, PortalError> {
        self.fetch(method, parameters, deadline).await.map(|answer| answer.result)
    }

    /// A permit to send a request at once, if the request limit allows one.
    pub fn try_permit(&self) -> Option<Permit> {
        self.endpoint.limiter.try_permit()
    }

    /// The same where half of the request limit stays for others.
    pub fn spare_permit(&self) -> Option<Permit> {
        self.endpoint.limiter.spare_permit()
    }

    /// Waits for a permit to send a request.
    ///
    /// # Errors
    ///
    /// At once when its turn comes after the deadline; otherwise when the deadline ends before.
    pub async fn permit(&self, deadline: &Deadline) -> Result<Permit, PortalError> {
        let (limiter, caller) = (&self.endpoint.limiter, deadline.caller());
        let too_late = |turn: Turn| PortalError::DeadlineExceeded {
            waiting: turn.waiting,
            // Rounded up.
            seconds: turn.wait.as_secs() + 1,
        };
        let has_room = deadline.has(Duration::ZERO);
        let turn = limiter.turn(caller);
        if has_room && !deadline.has(turn.wait) {
            return Err(too_late(turn));
        }
        deadline.wait(limiter.permit(caller)).await.map_err(|spent| match spent {
            // Held up by a pause, or by bulk callers that came later.
            Expired::Time if has_room => too_late(limiter.turn(caller)),
            spent => spent.into(),
        })
    }

    /// Calls a method with a permit, and returns its `result`.
    ///
    /// # Errors
    ///
    /// See [`Self::fetch`].
    pub async fn call_with(
        &self,
        permit: Permit,
        method: &str,
        parameters: &Map<String, Value>,
        deadline: &Deadline,
    ) -> Result<Value, PortalError> {
        self.fetch_with(permit, method, parameters, deadline).await.map(|answer| answer.result)
    }

    /// Calls a method with a permit, and returns its whole answer.
    ///
    /// # Errors
    ///
    /// See [`Self::fetch`].
    pub async fn fetch_with(
        &self,
        permit: Permit,
        method: &str,
        parameters: &Map<String, Value>,
        deadline: &Deadline,
    ) -> Result<Answer, PortalError> {
        self.exchanged(Some(permit), method, parameters, deadline).await
    }

    /// Calls a method and returns its whole answer. What provably did not run is sent again, as
    /// long as the deadline lasts.
    ///
    /// # Errors
    ///
    /// See [`PortalError`]; [`PortalError::disposition`] says what is known of the request.
    pub async fn fetch(
        &self,
        method: &str,
        parameters: &Map<String, Value>,
        deadline: &Deadline,
    ) -> Result<Answer, PortalError> {
        self.exchanged(None, method, parameters, deadline).await
    }

    async fn exchanged(
        &self,
        mut permit: Option<Permit>,
        method: &str,
        parameters: &Map<String, Value>,
        deadline: &Deadline,
    ) -> Result<Answer, PortalError> {
        let mut pauses = Pauses::default();
        let mut is_renewed = false;
        if let SignIn::Token { tokens, .. } = &self.sign_in
            && tokens.access().is_none()
        {
            self.renew(None, deadline).await?;
            is_renewed = true;
        }
        loop {
            let permit = match permit.take() {
                Some(permit) => permit,
                None => self.permit(deadline).await?,
            };
            let error = match self.attempt(permit, method, parameters, deadline).await {
                Ok(result) => return Ok(result),
                Err((error, stale)) => match stale.filter(|_| !is_renewed) {
                    Some(stale) => {
                        self.renew(Some(&stale), deadline).await?;
                        is_renewed = true;
                        continue;
                    }
                    None => error,
                },
            };
            if matches!(&error, PortalError::Refused(it) if it.kind() == ErrorKind::RateLimited) {
                self.endpoint.limiter.pause();
            }
            match pauses.next(&error) {
                Some(pause) if deadline.has(pause) => {
                    tracing::debug!(method, ?pause, "a request that did not run is sent again");
                    if deadline.wait(tokio::time::sleep(pause)).await.is_err() {
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

    pub(super) fn remember_reset(&self, method: &str, reset_at: i64) {
        let mut resets = self.operating_resets.lock().unwrap_or_else(PoisonError::into_inner);
        resets.insert(method.to_owned(), reset_at);
    }

    pub(super) fn no_batches_until(&self) -> Option<Instant> {
        *self.no_batches_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn remember_no_batches(&self) {
        let until = Instant::now() + WITHOUT_BATCHES;
        *self.no_batches_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// One request. With the error comes the token that has expired, if it can be renewed.
    async fn attempt(
        &self,
        _permit: Permit,
        method: &str,
        parameters: &Map<String, Value>,
        deadline: &Deadline,
    ) -> Result<Answer, (PortalError, Option<Secret>)> {
        let body = self.body(parameters);
        deadline.count_request();
        let deadline = if deadline.allows_long_requests() {
            deadline.instant()
        } else {
            deadline.instant().min(Instant::now() + self.endpoint.timeouts.request)
        };
        let began = Instant::now();
        // Not ended by the client's cancelling: a request that was sent is finished.
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
        let token = match &self.sign_in {
            SignIn::Token { tokens, .. } => tokens.access().map(|token| (tokens, token)),
            SignIn::Webhook { .. } => None,
        };
        let Some((tokens, token)) = token else {
            return RequestBody {
                json: serde_json::to_vec(parameters).unwrap_or_default(),
                token: None,
            };
        };
        // Appended to the other parameters without copying them: files may be among them.
        let mut json = serde_json::to_vec(parameters).unwrap_or_default();
        json.pop();
        let separator = if parameters.is_empty() { "" } else { "," };
        let auth = Value::from(token.expose());
        json.extend_from_slice(format!("{separator}\"auth\":{auth}}}").as_bytes());
        RequestBody { json, token: Some(token).filter(|_| tokens.can_be_renewed()) }
    }

    async fn renew(&self, stale: Option<&Secret>, deadline: &Deadline) -> Result<(), PortalError> {
        match &self.sign_in {
            SignIn::Token { tokens, .. } => {
                let is_local = tokens.are_renewed_on_this_machine();
                let http = self.endpoint.client(is_local)?;
                tokens.renew(stale, http, deadline).await
            }
            SignIn::Webhook { .. } => Ok(()),
        }
    }

    async fn exchange(&self, method: &str, body: Vec<u8>) -> Result<Answer, PortalError> {
        let response = self
            .endpoint
            .client(self.sign_in.is_on_this_machine())?
            .post(self.sign_in.method_url(method))
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
            self.remember_reset(method, reset);
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
