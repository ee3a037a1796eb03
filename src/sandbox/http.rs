//! The sandbox's HTTP side: connections, sign-in, bodies. What methods do is not known here.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

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
use tokio::net::TcpListener;

use super::{
    Received, batch, cast,
    fault::PortalFault,
    methods::{self, Brought},
    state::State,
};

type Shared = Arc<Mutex<State>>;

/// What clients may send is larger; what the program sends is not.
const MAX_BODY: usize = 128 * 1024 * 1024;
const AFTER_A_FAILURE: Duration = Duration::from_millis(100);

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
    let start = Timestamp::now();
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
    let result = if !is_for_us {
        Err(PortalFault::new(403, "WRONG_HOST", "This portal serves its own machine alone"))
    } else if parts.method == Method::POST {
        match body {
            Ok(body) => handle(parts.uri.path(), is_json, &body, &state, &secret),
            Err(_) => Err(PortalFault::new(413, "TOO_LARGE", "The body is too large")),
        }
    } else {
        Err(PortalFault::new(400, "100", "Could not find value for parameter {entityTypeId}"))
    };
    let (status, answer) = match result {
        Ok(Brought { result, total, next }) => {
            let mut answer = Map::from_iter([("result".to_owned(), result)]);
            for (name, number) in [("total", total), ("next", next)] {
                if let Some(number) = number {
                    answer.insert(name.to_owned(), number.into());
                }
            }
            let mut time = cast::time(start);
            time.insert("operating".to_owned(), json!(0));
            answer.insert("time".to_owned(), time.into());
            (StatusCode::OK, Value::Object(answer))
        }
        Err(fault) => (
            StatusCode::from_u16(fault.status).unwrap_or(StatusCode::BAD_REQUEST),
            json!({"error": fault.code, "error_description": fault.text}),
        ),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    *response.status_mut() = status;
    let media = header::HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}

fn handle(
    path: &str,
    is_json: bool,
    body: &[u8],
    state: &Shared,
    secret: &str,
) -> Result<Brought, PortalFault> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let (user, method) = match segments.as_slice() {
        ["rest", user, given, method] if *given == secret => (*user, *method),
        ["rest", _, _, _] => {
            return Err(PortalFault::new(
                403,
                "INVALID_CREDENTIALS",
                "Invalid request credentials",
            ));
        }
        _ => return Err(PortalFault::new(401, "NO_AUTH_FOUND", "Wrong authorization data")),
    };
    let method = method.to_ascii_lowercase();
    let method = method.strip_suffix(".json").unwrap_or(&method);
    // A portal takes a body that is not JSON for one without parameters.
    let parameters: Map<String, Value> =
        is_json.then(|| serde_json::from_slice(body).ok()).flatten().unwrap_or_default();
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let body = Value::Object(parameters.clone());
    state.received.push(Received { method: method.to_owned(), body });
    if !state.lets_pass() {
        return Err(PortalFault::new(503, "QUERY_LIMIT_EXCEEDED", "Too many requests"));
    }
    let user = user.parse().unwrap_or_default();
    let secret_path = format!("/rest/{user}/{secret}/");
    match method {
        "batch" => Ok(batch::run(&mut state, user, &secret_path, &parameters).into()),
        method => methods::call(&mut state, user, &secret_path, method, &parameters),
    }
}
