//! A portal that answers what a test tells it to: refusals, stalls, cut lines and lies included.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the portal does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers JSON with the status.
    Json(u16, Value),
    /// Answers any body.
    Body(u16, &'static str, Vec<u8>),
    /// Answers a redirect.
    Redirect(String),
    /// Reads the request and closes the connection.
    Cut,
    /// Begins an answer and closes the connection.
    CutInside,
    /// Reads the request and never answers.
    Stall,
    /// Answers one thing to a body that holds the text, and another to others.
    IfBody(&'static str, Box<Reply>, Box<Reply>),
    /// Answers after a while.
    Late(Duration, Box<Reply>),
}

impl Reply {
    /// The answer of `crm.item.get` and `crm.item.update`.
    pub(crate) fn item(item: Value) -> Self {
        Self::Json(200, json!({"result": {"item": item}, "time": {"operating": 0.1}}))
    }

    /// Whether the portal states an error that a call does not outlive by asking again.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Json(_, body) => {
                body.get("error").is_some_and(|code| code != "QUERY_LIMIT_EXCEEDED")
            }
            _ => false,
        }
    }

    /// An error as the portal states it.
    pub(crate) fn error(status: u16, code: &str, text: &str) -> Self {
        Self::Json(status, json!({"error": code, "error_description": text}))
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// The body as JSON; null when it is none.
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Request {
    pub(crate) fn method(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }
}

#[derive(Debug, Default)]
struct Script {
    /// Replies by method; the last one is repeated.
    replies: HashMap<String, Vec<Reply>>,
    requests: Vec<Request>,
}

/// The running portal.
pub(crate) struct ScriptedPortal {
    origin: String,
    script: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

impl ScriptedPortal {
    /// Starts a portal that knows these methods and no others.
    pub(crate) async fn start(replies: &[(&str, Vec<Reply>)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let replies = replies.iter().map(|(method, replies)| {
            let replies: Vec<Reply> = replies.iter().rev().cloned().collect();
            ((*method).to_owned(), replies)
        });
        let script = Arc::new(Mutex::new(Script { replies: replies.collect(), requests: vec![] }));
        let shared = Arc::clone(&script);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, Arc::clone(&shared)));
            }
        });
        Self { origin, script, server }
    }

    /// A portal whose item is `before` and is answered as `after` by an update.
    pub(crate) async fn with_item(before: Value, after: Value) -> Self {
        let replies = [
            ("crm.item.get", vec![Reply::item(before)]),
            ("crm.item.update", vec![Reply::item(after)]),
        ];
        Self::start(&replies).await
    }

    pub(crate) fn webhook(&self) -> String {
        self.webhook_with("s3cretOfTheTests")
    }

    pub(crate) fn webhook_with(&self, secret: &str) -> String {
        format!("{}/rest/1/{secret}/", self.origin)
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Every request so far, without the batches that ask for names beside a call: these are
    /// tested in `naming.rs`.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let asks_for_names = |request: &Request| {
            request.path.ends_with("/batch") && !request.text.contains("crm.item.get")
        };
        let all = self.all_requests().into_iter();
        all.filter(|request| !asks_for_names(request)).collect()
    }

    /// Every request so far.
    pub(crate) fn all_requests(&self) -> Vec<Request> {
        self.script.lock().unwrap().requests.clone()
    }

    /// The methods of every request so far.
    pub(crate) fn methods(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.method().to_owned()).collect()
    }
}

impl Drop for ScriptedPortal {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves one connection for as long as it is kept alive.
async fn converse(stream: TcpStream, script: Arc<Mutex<Script>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let method = request.method().to_owned();
        let body = request.text.clone();
        let mut reply = {
            let mut script = script.lock().unwrap();
            script.requests.push(request);
            match script.replies.get_mut(&method) {
                Some(replies) if replies.len() > 1 => replies.pop().unwrap(),
                Some(replies) => replies.last().unwrap().clone(),
                None => Reply::error(404, "ERROR_METHOD_NOT_FOUND", "Method not found!"),
            }
        };
        loop {
            reply = match reply {
                Reply::Late(after, reply) => {
                    tokio::time::sleep(after).await;
                    *reply
                }
                Reply::IfBody(text, then, _) if body.contains(text) => *then,
                Reply::IfBody(_, _, otherwise) => *otherwise,
                _ => break,
            };
        }
        let (status, headers, body) = match reply {
            Reply::Json(status, json) => {
                (status, "Content-Type: application/json".to_owned(), json.to_string().into_bytes())
            }
            Reply::Body(status, media, body) => (status, format!("Content-Type: {media}"), body),
            Reply::Redirect(to) => (302, format!("Location: {to}"), Vec::new()),
            Reply::Cut => return,
            Reply::CutInside => {
                let start = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"result\":";
                stream.write_all(start.as_bytes()).await.unwrap();
                return;
            }
            Reply::Late(..) | Reply::IfBody(..) => unreachable!("resolved above"),
            Reply::Stall => std::future::pending().await,
        };
        let head =
            format!("HTTP/1.1 {status} .\r\n{headers}\r\nContent-Length: {}\r\n\r\n", body.len());
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

/// The next request of a connection; none when it has ended.
pub(crate) async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let path = head.first()?.split(' ').nth(1)?.to_owned();
    let length = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let text = String::from_utf8(body).ok()?;
    Some(Request { path, body: serde_json::from_str(&text).unwrap_or_default(), text })
}
