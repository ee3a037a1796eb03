//! The one way to the portal: a POST with a JSON body, within a deadline.

use std::{sync::OnceLock, time::Duration};

use reqwest::{Client, Response, StatusCode, Url, header, redirect};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::{
    PortalError, Rate, Refusal, Scrubber, SignIn, auth::Address, error::readable, limiter::Limiter,
};

/// Answers beyond this size, after decompression, are not read to their end.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

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

/// A portal that can be called.
#[derive(Debug)]
pub struct Portal {
    sign_in: SignIn,
    timeouts: Timeouts,
    limiter: Limiter,
    // Built at the first call: reading the system's certificates takes longer than the whole start.
    http: OnceLock<Client>,
}

impl Portal {
    /// Takes note of the portal; nothing is sent.
    pub fn new(sign_in: SignIn, timeouts: Timeouts, rate: Rate) -> Self {
        Self { sign_in, timeouts, limiter: Limiter::new(rate), http: OnceLock::new() }
    }

    /// The portal's address, without any secret.
    pub const fn address(&self) -> &Address {
        self.sign_in.address()
    }

    /// The moment at which a tool call that begins now has to end.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.timeouts.call
    }

    /// The filter for everything that leaves the program.
    pub fn scrubber(&self) -> Scrubber {
        Scrubber::new([self.sign_in.secret().clone()])
    }

    /// Calls a method and returns its `result`.
    ///
    /// # Errors
    ///
    /// See [`PortalError`]; only [`PortalError::Unclear`] and the meaning
    /// [`Failed`](super::Meaning::Failed) leave it open whether the request was carried out.
    pub async fn call(
        &self,
        method: &str,
        mut parameters: Map<String, Value>,
        deadline: Instant,
    ) -> Result<Value, PortalError> {
        if let SignIn::Token { token, .. } = &self.sign_in {
            parameters.insert("auth".to_owned(), token.expose().into());
        }
        timeout_at(deadline, self.limiter.turn()).await.map_err(|_| PortalError::NoRoom)?;
        let request_deadline = deadline.min(Instant::now() + self.timeouts.request);
        let began = Instant::now();
        let answer = timeout_at(request_deadline, self.exchange(method, &parameters))
            .await
            .unwrap_or_else(|_| {
                Err(PortalError::Unclear {
                    reason: format!("no answer within {:.0} s", began.elapsed().as_secs_f64()),
                    http_status: None,
                })
            });
        let outcome = answer.as_ref().map_or_else(ToString::to_string, |_| "ok".to_owned());
        let outcome = self.scrubber().text(&outcome).into_owned();
        tracing::info!(method, outcome, milliseconds = began.elapsed().as_millis(), "portal call");
        answer
    }

    async fn exchange(
        &self,
        method: &str,
        parameters: &Map<String, Value>,
    ) -> Result<Value, PortalError> {
        let response = self
            .http()?
            .post(self.sign_in.method_url(method))
            .header(header::ACCEPT, "application/json")
            .json(parameters)
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
        read_answer(status, &body)
    }

    fn http(&self) -> Result<&Client, PortalError> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        // A second installation is refused, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(self.timeouts.connect)
            .build()
            .map_err(|error| PortalError::Unreachable {
                reason: format!("the HTTP client could not be set up: {}", innermost(&error)),
            })?;
        Ok(self.http.get_or_init(|| client))
    }

    /// The host and path prefix that a redirect names, without the secret part of the path.
    fn redirect_target(&self, response: &Response) -> Option<String> {
        let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
        let base = Url::parse(&self.sign_in.address().page("/")).ok()?;
        let target = base.join(location).ok()?;
        let host = target.host_str()?;
        let port = target.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = target.path();
        let prefix = path.find("/rest").and_then(|at| path.get(..at)).unwrap_or_default();
        let text = format!("{}://{host}{port}{prefix}", target.scheme());
        Some(readable(&self.scrubber().text(&text)))
    }
}

async fn read_bounded(mut response: Response) -> Result<Vec<u8>, PortalError> {
    let http_status = Some(response.status().as_u16());
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LARGEST_ANSWER => {
                let reason = format!("an answer of more than {} MB", LARGEST_ANSWER / 1024 / 1024);
                return Err(PortalError::Unclear { reason, http_status });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let reason = format!("the answer broke off: {}", innermost(&error));
                return Err(PortalError::Unclear { reason, http_status });
            }
        }
    }
}

fn read_answer(status: StatusCode, body: &[u8]) -> Result<Value, PortalError> {
    let http_status = status.as_u16();
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
        // A page in place of an answer, at an address that holds none.
        if status == StatusCode::NOT_FOUND {
            return Err(PortalError::NoSuchPage { http_status });
        }
        let reason = match body {
            [] => format!("an empty answer with HTTP status {http_status}"),
            _ => format!("an answer with HTTP status {http_status} that is not JSON"),
        };
        return Err(PortalError::Unclear { reason, http_status: Some(http_status) });
    };
    if let Some(refusal) = Refusal::read(http_status, &answer) {
        return Err(PortalError::Refused(refusal));
    }
    if status.is_client_error() {
        return Err(PortalError::Refused(Refusal {
            http_status,
            code: String::new(),
            description: String::new(),
        }));
    }
    match answer.get_mut("result").map(Value::take) {
        Some(result) if status.is_success() => Ok(result),
        _ => Err(PortalError::Unclear {
            reason: format!("an answer with HTTP status {http_status} that holds no result"),
            http_status: Some(http_status),
        }),
    }
}

fn sending_failed(error: reqwest::Error) -> PortalError {
    let error = error.without_url();
    if error.is_connect() || error.is_builder() {
        let reason = match (error.is_timeout(), innermost(&error)) {
            (true, _) => "the connection was not made in time".to_owned(),
            (false, cause) => cause,
        };
        return PortalError::Unreachable { reason };
    }
    PortalError::Unclear {
        reason: format!("the connection was cut: {}", innermost(&error)),
        http_status: None,
    }
}

/// The last cause of an error: the outer ones repeat each other and may hold addresses.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    readable(&cause.to_string())
}
