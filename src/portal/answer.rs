//! Answers as they are received: bounded in size and number of values, then read.

use reqwest::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ApiError, PortalError, error::readable};
use crate::json::{MAX_VALUES, has_too_many_values};

/// Answers beyond this size, after decompression, are not read to their end.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// What all answers that are being read may take together, in kilobytes.
static MEMORY_FOR_ANSWERS: Semaphore = Semaphore::const_new(64 * 1024);
/// An answer beyond this size does not wait for memory, or several of them would wait for each
/// other.
const MAX_WAITING_ANSWER: usize = 4 * 1024 * 1024;

/// The body of an answer, and the share of the memory that it takes as long as it is held.
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    share: Option<SemaphorePermit<'static>>,
}

pub(super) async fn read_bounded(mut response: Response) -> Result<Body, PortalError> {
    let http_status = Some(response.status().as_u16());
    let unclear = |reason: String| PortalError::NoUsableAnswer { reason, http_status };
    let mut body = Body { bytes: Vec::new(), share: None };
    loop {
        let chunk = match response.chunk().await {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return Ok(body),
            Err(error) => {
                let reason = format!("the answer was cut off: {}", innermost(&error));
                return Err(PortalError::Cut { reason, http_status });
            }
        };
        if body.bytes.len() + chunk.len() > MAX_ANSWER {
            let megabytes = MAX_ANSWER / 1024 / 1024;
            return Err(unclear(format!("an answer of more than {megabytes} MB")));
        }
        let kilobytes = u32::try_from(chunk.len().div_ceil(1024)).unwrap_or(u32::MAX);
        let share = if body.bytes.len() < MAX_WAITING_ANSWER {
            MEMORY_FOR_ANSWERS.acquire_many(kilobytes).await.ok()
        } else {
            MEMORY_FOR_ANSWERS.try_acquire_many(kilobytes).ok()
        };
        let Some(share) = share else {
            return Err(unclear("too many large answers at once".to_owned()));
        };
        match &mut body.share {
            Some(held) => held.merge(share),
            held @ None => *held = Some(share),
        }
        body.bytes.extend_from_slice(&chunk);
    }
}

/// A usable answer.
#[derive(Debug)]
pub struct Answer {
    /// What the method returned.
    pub result: Value,
    /// Where the next page of a list begins.
    pub next: Option<u64>,
    /// How many entries a list has, when they were counted.
    pub total: Option<u64>,
    /// When the method's time starts anew, in Unix seconds.
    pub(super) operating_reset_at: Option<i64>,
}

impl Answer {
    /// What a command of a batch has brought.
    pub(super) const fn of(result: Value, next: Option<u64>, total: Option<u64>) -> Self {
        Self { result, next, total, operating_reset_at: None }
    }
}

/// An answer from which nothing follows.
pub fn unusable(reason: &str) -> PortalError {
    PortalError::NoUsableAnswer { reason: reason.to_owned(), http_status: None }
}

pub(super) fn read_answer(status: StatusCode, body: &[u8]) -> Result<Answer, PortalError> {
    let http_status = status.as_u16();
    let unclear =
        |reason: String| PortalError::NoUsableAnswer { reason, http_status: Some(http_status) };
    if has_too_many_values(body) {
        return Err(unclear(format!("an answer of more than {MAX_VALUES} values")));
    }
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
        // A web page instead of an answer: there is no REST interface at this address.
        if status == StatusCode::NOT_FOUND {
            return Err(PortalError::NoSuchPage { http_status });
        }
        return Err(unclear(match body {
            [] => format!("an empty answer with HTTP status {http_status}"),
            _ => format!("an answer with HTTP status {http_status} that is not JSON"),
        }));
    };
    if let Some(refusal) = ApiError::read(http_status, &answer) {
        return Err(PortalError::Refused(refusal));
    }
    if status.is_client_error() {
        return Err(PortalError::Refused(ApiError {
            http_status,
            code: String::new(),
            description: String::new(),
        }));
    }
    let operating_reset_at = answer.pointer("/time/operating_reset_at").and_then(Value::as_i64);
    let number = |key: &str| answer.get(key).and_then(Value::as_u64);
    let (next, total) = (number("next"), number("total"));
    match answer.get_mut("result").map(Value::take) {
        Some(mut result) if status.is_success() => {
            make_lists(&mut result);
            Ok(Answer { result, next, total, operating_reset_at })
        }
        _ => Err(unclear(format!("an answer with HTTP status {http_status} that holds no result"))),
    }
}

/// Makes lists of the objects that PHP writes for lists with gaps in their numbers:
/// `{"1":…,"3":…}`.
fn make_lists(value: &mut Value) {
    let is_number = |key: &String| key.len() < 20 && key.bytes().all(|byte| byte.is_ascii_digit());
    match value {
        Value::Object(entries) => {
            entries.values_mut().for_each(make_lists);
            if !entries.is_empty() && entries.keys().all(|key| !key.is_empty() && is_number(key)) {
                *value = std::mem::take(entries).into_iter().map(|(_, value)| value).collect();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_lists),
        _ => {}
    }
}

/// What it means that a request could not be sent, or that no answer to it began.
pub(super) fn sending_failed(error: reqwest::Error) -> PortalError {
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

/// The last cause of an error: the outer ones repeat each other and may hold addresses.
pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    readable(&cause.to_string())
}
