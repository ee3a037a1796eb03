//! A proxy before an embedded portal that hands on every request but what a test chooses: answers
//! that are lost while the portal works on, refusals, pages, and changes made in between.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

use bitrix24_crm_mcp::sandbox::Sandbox;
use serde_json::Value;
use tokio::{
    io::{AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{
    scripted_portal::{Request, read_request},
    vendor_sandbox::post,
};

type Hook = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What becomes of one request.
pub(crate) enum Fault {
    /// The portal carries it out and answers; the connection is closed in the answer's place.
    CutAfter,
    /// The connection is closed while the portal carries it out.
    CutAtOnce,
    /// The portal carries it out, and nothing is ever answered.
    Stall,
    /// The portal carries it out; a page with that status is answered.
    Page(u16),
    /// The portal carries it out; JSON with that status is answered.
    Instead(u16, Value),
    /// JSON with that status is answered; the portal never gets the request.
    Refuse(u16, Value),
    /// Something else happens first; then the request is handed on as others are.
    Before(Hook),
}

impl Fault {
    /// What happens before the request is handed on.
    pub(crate) fn before(hook: impl Future<Output = ()> + Send + 'static) -> Self {
        Self::Before(Box::pin(hook))
    }
}

struct Rule {
    /// How many more requests that match are handed on.
    left: usize,
    matches: Box<dyn Fn(&Request) -> bool + Send>,
    fault: Fault,
}

#[derive(Default)]
struct Log {
    rules: Vec<Rule>,
    requests: Vec<Request>,
}

impl Log {
    /// Notes a request, and takes the fault that is meant for it. The rules behind that one do not
    /// count it.
    fn note(&mut self, request: &Request) -> Option<Fault> {
        self.requests.push(request.clone());
        let mut met = None;
        for (at, rule) in self.rules.iter_mut().enumerate() {
            if (rule.matches)(request) {
                rule.left -= 1;
                if rule.left == 0 {
                    met = Some(at);
                    break;
                }
            }
        }
        met.map(|at| self.rules.remove(at).fault)
    }
}

/// The running proxy.
pub(crate) struct FaultyProxy {
    webhook: String,
    log: Arc<Mutex<Log>>,
    server: JoinHandle<()>,
}

impl FaultyProxy {
    /// Starts a proxy that hands on everything.
    pub(crate) async fn before(sandbox: &Sandbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook = sandbox.webhook_url();
        let (portal, path) = webhook.split_once("/rest/").unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let webhook = format!("{origin}/rest/{path}");
        let portal = portal.to_owned();
        let log = Arc::new(Mutex::new(Log::default()));
        let shared = Arc::clone(&log);
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(converse(stream, portal.clone(), Arc::clone(&shared)));
            }
        });
        Self { webhook, log, server }
    }

    /// Does that to the nth request from now on, beginning with 1, of those that match.
    pub(crate) fn on(
        &self,
        nth: usize,
        matches: impl Fn(&Request) -> bool + Send + 'static,
        fault: Fault,
    ) {
        assert!(nth > 0, "requests are counted from 1");
        let rule = Rule { left: nth, matches: Box::new(matches), fault };
        self.log.lock().unwrap().rules.push(rule);
    }

    pub(crate) fn webhook(&self) -> String {
        self.webhook.clone()
    }

    /// Every request so far, also those that the portal never got.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.log.lock().unwrap().requests.clone()
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Whether a request is a batch with a command that holds the text.
pub(crate) fn batch_with(text: &'static str) -> impl Fn(&Request) -> bool {
    move |request| request.method() == "batch" && request.body["cmd"].to_string().contains(text)
}

/// Serves one connection for as long as it is kept alive.
async fn converse(stream: TcpStream, portal: String, log: Arc<Mutex<Log>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream).await {
        let fault = log.lock().unwrap().note(&request);
        // In a task of its own it ends whatever becomes of this connection.
        let url = format!("{portal}{}", request.path);
        let hand_on = || tokio::spawn(async { post(url, request.text).await.unwrap() });
        let (status, media, body) = match fault {
            None => hand_on().await.unwrap(),
            Some(Fault::Before(hook)) => {
                hook.await;
                hand_on().await.unwrap()
            }
            Some(Fault::CutAfter) => {
                hand_on().await.unwrap();
                return;
            }
            Some(Fault::CutAtOnce) => {
                hand_on();
                return;
            }
            Some(Fault::Stall) => {
                hand_on();
                std::future::pending().await
            }
            Some(Fault::Page(status)) => {
                hand_on().await.unwrap();
                (status, "text/html".to_owned(), b"<html><body>No answer</body></html>".to_vec())
            }
            Some(Fault::Instead(status, json)) => {
                hand_on().await.unwrap();
                (status, "application/json".to_owned(), json.to_string().into_bytes())
            }
            Some(Fault::Refuse(status, json)) => {
                (status, "application/json".to_owned(), json.to_string().into_bytes())
            }
        };
        let head = format!(
            "HTTP/1.1 {status} .\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
            return;
        }
    }
}

mod tests {
    use std::time::Duration;

    use bitrix24_crm_mcp::sandbox::{Cost, Rules};
    use serde_json::json;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::vendor_sandbox::ask;

    /// A portal that takes a while for updates, and a proxy that does that to the second batch.
    async fn with_fault(fault: Fault) -> (Sandbox, FaultyProxy) {
        let sandbox = Sandbox::start().await.unwrap();
        let cost = Cost { update: Duration::from_millis(25), other: Duration::ZERO };
        sandbox.set_rules(Rules { cost: Some(cost), ..Rules::default() });
        let proxy = FaultyProxy::before(&sandbox).await;
        proxy.on(2, batch_with("crm.item.update"), fault);
        let webhook = proxy.webhook();
        // Neither of these is the one.
        let (status, first) = ask(&webhook, "batch", &renaming("first")).await;
        assert_eq!((status, &first["result"]["result_error"]), (200, &json!([])));
        let reading = json!({"cmd": {"read": "crm.item.get?entityTypeId=2&id=101"}});
        let (_, answer) = ask(&webhook, "batch", &reading).await;
        assert_eq!(answer["result"]["result"]["read"]["item"]["title"], "first");
        (sandbox, proxy)
    }

    fn renaming(title: &str) -> Value {
        let command = |id| format!("crm.item.update?entityTypeId=2&id={id}&fields[title]={title}");
        json!({"cmd": {"one": command(101), "two": command(102)}})
    }

    /// Sends the second batch; brings status and body, or that the connection was cut.
    async fn rename(proxy: &FaultyProxy) -> Option<(u16, String)> {
        let url = format!("{}batch", proxy.webhook());
        let (status, _, body) = post(url, renaming("second").to_string()).await.ok()?;
        Some((status, String::from_utf8(body).unwrap()))
    }

    /// How many updates of the second batch the portal has carried out.
    fn done(sandbox: &Sandbox) -> usize {
        let commands = sandbox.commands().into_iter();
        commands.filter(|it| it.parameters["fields"]["title"] == "second").count()
    }

    async fn both_are_done(sandbox: &Sandbox) {
        while done(sandbox) < 2 {
            sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn an_answer_is_lost_after_the_portal_gave_it() {
        let (sandbox, proxy) = with_fault(Fault::CutAfter).await;
        assert_eq!(rename(&proxy).await, None);
        assert_eq!(done(&sandbox), 2);
        // Only the one is lost; all are logged as they came.
        assert_eq!(rename(&proxy).await.unwrap().0, 200);
        let requests = proxy.requests();
        let titles = ["first", "second", "second"].map(renaming);
        assert!(requests.iter().all(|request| request.method() == "batch"));
        assert_eq!([0, 2, 3].map(|at: usize| requests[at].body.clone()), titles);
    }

    #[tokio::test]
    async fn a_connection_is_cut_while_the_portal_works() {
        let (sandbox, proxy) = with_fault(Fault::CutAtOnce).await;
        assert_eq!(rename(&proxy).await, None);
        assert!(done(&sandbox) < 2);
        both_are_done(&sandbox).await;
    }

    #[tokio::test]
    async fn an_answer_never_comes() {
        let (sandbox, proxy) = with_fault(Fault::Stall).await;
        let mut stalled = Box::pin(rename(&proxy));
        tokio::select! {
            answer = &mut stalled => panic!("{answer:?}"),
            () = both_are_done(&sandbox) => {}
        }
        // Whoever asks again is answered.
        assert_eq!(rename(&proxy).await.unwrap().0, 200);
        assert!(timeout(Duration::ZERO, stalled).await.is_err());
    }

    #[tokio::test]
    async fn a_page_stands_for_the_answer() {
        let (sandbox, proxy) = with_fault(Fault::Page(502)).await;
        let (status, page) = rename(&proxy).await.unwrap();
        assert_eq!((status, page.starts_with("<html>")), (502, true));
        assert_eq!(done(&sandbox), 2);
    }

    #[tokio::test]
    async fn what_is_refused_does_not_reach_the_portal() {
        let error = json!({"error": "QUERY_LIMIT_EXCEEDED", "error_description": "no"});
        let (sandbox, proxy) = with_fault(Fault::Refuse(503, error.clone())).await;
        assert_eq!(rename(&proxy).await, Some((503, error.to_string())));
        assert_eq!(rename(&proxy).await.unwrap().0, 200);
        assert_eq!((done(&sandbox), sandbox.received().len(), proxy.requests().len()), (2, 3, 4));
    }

    #[tokio::test]
    async fn something_happens_before_a_request() {
        let sandbox = Sandbox::start().await.unwrap();
        let proxy = FaultyProxy::before(&sandbox).await;
        let webhook = sandbox.webhook_url();
        let change = async move {
            let body = json!({"entityTypeId": 2, "id": 101, "fields": {"title": "between"}});
            assert_eq!(ask(&webhook, "crm.item.update", &body).await.0, 200);
        };
        proxy.on(1, |request| request.method() == "crm.item.get", Fault::before(change));
        let body = json!({"entityTypeId": 2, "id": 101});
        let (_, answer) = ask(&proxy.webhook(), "crm.item.get", &body).await;
        assert_eq!(answer["result"]["item"]["title"], "between");
    }
}
