//! The sandbox's HTTP side: connections, sign-in, bodies. What methods do is not known here.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, time::timeout};

use super::{
    Received, batch, cast,
    fault::PortalFault,
    methods::Brought,
    runner::Runner,
    state::{Shared, lock},
};

/// What clients may send is larger; what the program sends is not.
const MAX_BODY: usize = 128 * 1024 * 1024;
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);

/// What the gateway before a portal answers when it has waited long enough.
const TIMED_OUT: &str = "<html><head><title>504 Gateway Time-out</title></head>\
    <body><center><h1>504 Gateway Time-out</h1></center></body></html>";

pub(super) async fn serve(listener: TcpListener, state: Shared, secret: Arc<str>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Mostly the limit of open files: trying again at once would only spin.
            tokio::time::sleep(AFTER_A_FAILURE).await;
            continue;
        };
        let (state, secret) = (Arc::clone(&state), Arc::clone(&secret));
        tokio::spawn(async move {
            let service =
                service_fn(move |request| answer(request, Arc::clone(&state), Arc::clone(&secret)));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the sandbox ended");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Shared,
    secret: Arc<str>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let is_json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|media| media.to_str().ok())
        .is_some_and(|media| media.to_ascii_lowercase().starts_with("application/json"));
    // A page in a browser reaches this machine under a name of its own.
    let is_for_us = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .is_some_and(|host| host.starts_with("127.0.0.1:") || host.starts_with("localhost:"));
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map(http_body_util::Collected::to_bytes);
    let asked = if !is_for_us {
        Err(PortalFault::new(403, "WRONG_HOST", "This portal serves its own machine alone"))
    } else if parts.method == Method::POST {
        match body {
            Ok(body) => Asked::read(parts.uri.path(), is_json, &body, state, &secret),
            Err(_) => Err(PortalFault::new(413, "TOO_LARGE", "The body is too large")),
        }
    } else {
        Err(PortalFault::new(400, "100", "Could not find value for parameter {entityTypeId}"))
    };
    let answered = match asked {
        Ok(asked) => {
            let cut_after = lock(&asked.state).common.rules.cut_after;
            // The portal goes on when nobody waits any more: the gateway or the client.
            match timeout(cut_after, tokio::spawn(asked.run())).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(_)) => Err(PortalFault::new(500, "INTERNAL_SERVER_ERROR", "A defect")),
                Err(_) => {
                    return Ok(response(
                        StatusCode::GATEWAY_TIMEOUT,
                        "text/html",
                        TIMED_OUT.to_owned(),
                    ));
                }
            }
        }
        Err(fault) => Err(fault),
    };
    let (status, json) = match answered {
        Ok(json) => (StatusCode::OK, json),
        Err(fault) => (
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST),
            json!({"error": fault.code, "error_description": fault.text}),
        ),
    };
    Ok(response(status, "application/json; charset=utf-8", json.to_string()))
}

fn response(status: StatusCode, media: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let media = header::HeaderValue::from_static(media);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    response
}

/// A request that may run.
struct Asked {
    state: Shared,
    user: u32,
    secret_path: String,
    method: String,
    parameters: Map<String, Value>,
}

impl Asked {
    fn read(
        path: &str,
        is_json: bool,
        body: &[u8],
        state: Shared,
        secret: &str,
    ) -> Result<Self, PortalFault> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (user, method) = match segments.as_slice() {
            ["rest", user, given, method] if *given == secret => (*user, *method),
            ["rest", _, _, _] => {
                let text = "Invalid request credentials";
                return Err(PortalFault::new(403, "INVALID_CREDENTIALS", text));
            }
            _ => return Err(PortalFault::new(401, "NO_AUTH_FOUND", "Wrong authorization data")),
        };
        let method = method.to_ascii_lowercase();
        let method = method.strip_suffix(".json").unwrap_or(&method).to_owned();
        // A portal takes a body that is not JSON for one without parameters.
        let parameters: Map<String, Value> =
            is_json.then(|| serde_json::from_slice(body).ok()).flatten().unwrap_or_default();
        {
            let mut state = lock(&state);
            let body = Value::Object(parameters.clone());
            state.received.push(Received { method: method.clone(), body });
            if !state.lets_pass() {
                return Err(PortalFault::new(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"));
            }
        }
        let user = user.parse().unwrap_or_default();
        let secret_path = format!("/rest/{user}/{secret}/");
        Ok(Self { state, user, secret_path, method, parameters })
    }

    async fn run(self) -> Result<Value, PortalFault> {
        let Self { state, user, secret_path, method, parameters } = self;
        let start = Timestamp::now();
        let is_batch = method == "batch";
        let mut runner = Runner::new(state, user, secret_path, is_batch);
        let ran = if is_batch {
            let result = batch::run(&mut runner, &parameters).await;
            let mut time = cast::time(start);
            time.insert("operating".to_owned(), json!(0));
            Ok((Brought::from(result), time.into()))
        } else {
            runner.run(&method, &parameters).await
        };
        runner.end();
        let (Brought { result, total, next }, time) = ran?;
        let mut answer = Map::from_iter([("result".to_owned(), result)]);
        for (name, number) in [("total", total), ("next", next)] {
            if let Some(number) = number {
                answer.insert(name.to_owned(), number.into());
            }
        }
        answer.insert("time".to_owned(), time);
        Ok(answer.into())
    }
}
