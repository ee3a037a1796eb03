//! What all callers of one portal address share: HTTP clients, the request limit and the timeouts.
//! Users and their rights are not known here.

use std::{sync::OnceLock, time::Duration};

use reqwest::{Certificate, Client, Url, Version, redirect};

use super::{PortalError, Rate, answer::innermost, rate_limit::Limiter};

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
    /// Below the 60 s after which MCP clients cancel a call.
    pub const STANDARD: Self = Self {
        connect: Duration::from_secs(5),
        request: Duration::from_secs(30),
        call: Duration::from_secs(45),
    };
}

/// How a portal is treated.
#[derive(Debug, Clone)]
pub struct Connection {
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How many requests may go out.
    pub rate: Rate,
    /// Certificates to trust besides the system's, as a PEM file's content.
    pub extra_roots: Option<Vec<u8>>,
}

impl Connection {
    /// The usual timeouts and the request limit of all plans but the largest.
    pub const STANDARD: Self =
        Self { timeouts: Timeouts::STANDARD, rate: Rate::STANDARD, extra_roots: None };
}

/// A portal's address as all its callers share it.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) timeouts: Timeouts,
    pub(super) limiter: Limiter,
    extra_roots: Option<Vec<u8>>,
    // Built at the first call: reading the system's certificates takes longer than the whole start.
    http: OnceLock<Client>,
    /// For servers on this machine, which no proxy can reach.
    http_without_proxy: OnceLock<Client>,
}

impl Endpoint {
    /// Takes note of the settings; nothing is sent.
    pub fn new(connection: Connection) -> Self {
        let Connection { timeouts, rate, extra_roots } = connection;
        Self {
            timeouts,
            limiter: Limiter::new(rate),
            extra_roots,
            http: OnceLock::new(),
            http_without_proxy: OnceLock::new(),
        }
    }

    /// Opens a connection and keeps it for the first request. No request is sent: the connection speaks
    /// HTTP/1.1, and one for HTTP/2 is refused by the client itself once the connection is made.
    pub(super) async fn open_connection(&self, url: Url, is_on_this_machine: bool) {
        let Ok(client) = self.client(is_on_this_machine) else { return };
        let refused = client.get(url).version(Version::HTTP_2).send().await;
        tracing::debug!(is_open = refused.is_err_and(|error| !error.is_connect()), "connection");
    }

    /// The HTTP client for a server on this machine or elsewhere.
    pub(super) fn client(&self, is_on_this_machine: bool) -> Result<&Client, PortalError> {
        let place = if is_on_this_machine { &self.http_without_proxy } else { &self.http };
        if let Some(client) = place.get() {
            return Ok(client);
        }
        // A second installation is refused, which does no harm.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(self.timeouts.connect);
        if is_on_this_machine {
            builder = builder.no_proxy();
        }
        let unusable = |error: reqwest::Error| PortalError::Unreachable {
            reason: format!("the HTTP client could not be set up: {}", innermost(&error)),
        };
        if let Some(pem) = &self.extra_roots {
            let roots = Certificate::from_pem_bundle(pem).map_err(unusable)?;
            builder = builder.tls_certs_merge(roots);
        }
        let client = builder.build().map_err(unusable)?;
        Ok(place.get_or_init(|| client))
    }
}
