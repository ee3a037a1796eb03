//! The embedded portal: a real HTTP server on loopback that treats `crm.item.get`,
//! `crm.item.list`, `crm.item.update`, `crm.item.fields`, `batch`, the methods that look up
//! directories, pipelines, types and people, and the pictures of `crm.contact.update` and
//! `crm.company.update` as a Bitrix24 portal does, silent drops included.
//!
//! For demonstrations and tests. Its fields come from the catalogue, its answers from its state;
//! the rules are those of docs/bitrix24.md.
//!
//! Not modelled: product rows (so amounts are never recomputed); workflows, and robots other than
//! the one of [`Rules`]; the filter that protects from scripts; OAuth tokens; unknown codes of
//! sources and types are stored, as on a real portal; users' rights other than those that
//! `demo_data` names; fields other than pictures in `crm.contact.update` and `crm.company.update`.
//! Time passes only for what [`Cost`] names.

mod assign;
mod batch;
mod cast;
mod demo_data;
mod directories;
mod fault;
mod fields;
mod files;
mod http;
mod list;
mod methods;
mod operating;
mod people;
mod records;
mod references;
mod runner;
mod state;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::random;
use state::{Shared, lock};

/// A running embedded portal; it ends when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    /// The secret part of its webhooks: other programs of this machine do not know it.
    secret: Arc<str>,
    state: Shared,
    server: JoinHandle<()>,
}

/// What a portal's administrators can switch on, how fast it is and how much it takes, and a defect
/// that portals have.
#[derive(Debug, Clone)]
pub struct Rules {
    /// A field that must be filled when an item moves to a stage: stage and field.
    pub required: Option<(String, String)>,
    /// A robot that moves an item on as soon as it reaches a stage: from and to.
    pub robot: Option<(String, String)>,
    /// Whether a deal's closing date is set to today when it reaches a final stage; quotes and
    /// smart processes always do that.
    pub deals_close_today: bool,
    /// The request limit: how many at once, and how many per second after that.
    pub limit: Option<(f64, f64)>,
    /// Whether custom fields with several values keep them when they are emptied, and the answer
    /// of the update calls them empty all the same.
    pub forgets_to_clear: bool,
    /// How long commands take; without it, no time at all.
    pub cost: Option<Cost>,
    /// After how long the gateway before the portal answers in its place. The portal goes on.
    pub cut_after: Duration,
    /// How long the calls of a method may take within ten minutes. The call that goes beyond still
    /// runs, the next one is refused.
    pub operating_limit: Duration,
}

/// How long a portal takes for each command, single or batched.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// For a change: `crm.item.update` and the methods of pictures.
    pub update: Duration,
    /// For anything else.
    pub other: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            required: None,
            robot: None,
            deals_close_today: false,
            limit: None,
            forgets_to_clear: false,
            cost: None,
            cut_after: Duration::from_secs(60),
            operating_limit: Duration::from_secs(480),
        }
    }
}

impl Cost {
    fn of(self, method: &str) -> Duration {
        if method.ends_with(".update") { self.update } else { self.other }
    }
}

/// A request that the sandbox received.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The method, for instance `crm.item.update`.
    pub method: String,
    /// The body's parameters.
    pub body: Value,
}

/// A command that the sandbox has carried out or refused, alone or in a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The method, for instance `crm.item.update`.
    pub method: String,
    /// The parameters as the method got them.
    pub parameters: Value,
    /// The code of the error.
    pub error: Option<String>,
}

impl Sandbox {
    /// Starts a portal with demo data on a free port of this machine.
    ///
    /// # Errors
    ///
    /// When no port is available.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(demo_data::company()));
        let secret: Arc<str> = random::text()?.into();
        let server = tokio::spawn(http::serve(listener, Arc::clone(&state), Arc::clone(&secret)));
        Ok(Self { address, secret, state, server })
    }

    /// The address of a webhook that acts as user 1, who may do almost everything.
    pub fn webhook_url(&self) -> String {
        self.webhook_url_of(1)
    }

    /// The address of a webhook that acts as that user.
    pub fn webhook_url_of(&self, user: u32) -> String {
        format!("http://{}/rest/{user}/{}/", self.address, self.secret)
    }

    /// Replaces the rules.
    pub fn set_rules(&self, rules: Rules) {
        lock(&self.state).common.rules = rules;
    }

    /// Adds deals to the first pipeline, titled `Deal 1` and so on, with ids from 1001 on.
    pub fn add_deals(&self, count: u64) {
        let mut state = lock(&self.state);
        let Some(deals) = state.types.get_mut(&2) else { return };
        for number in 1..=count {
            let deal = json!({
                "title": format!("Deal {number}"), "stageId": "NEW", "categoryId": 0,
                "opportunity": number, "currencyId": "EUR",
            });
            deals.add(1_000 + number, deal);
        }
    }

    /// An item as it is stored.
    pub fn item(&self, entity_type_id: u32, id: u64) -> Option<Value> {
        let state = lock(&self.state);
        state.types.get(&entity_type_id)?.items.get(&id).cloned().map(Value::Object)
    }

    /// Empties a field of a deal, as if it had never been filled.
    pub fn empty_field_of_deal(&self, id: u64, field: &str) {
        let mut state = lock(&self.state);
        let deal = state.types.get_mut(&2).and_then(|deals| deals.items.get_mut(&id));
        if let Some(value) = deal.and_then(|deal| deal.get_mut(field)) {
            *value = Value::Null;
        }
    }

    /// Name and content of a stored file.
    pub fn file(&self, id: i64) -> Option<(String, Vec<u8>)> {
        lock(&self.state).common.files.get(id)
    }

    /// Every command so far, in the order in which they ended. What the limits refused is not among
    /// them.
    pub fn commands(&self) -> Vec<Command> {
        lock(&self.state).commands.clone()
    }

    /// Every request so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state).received.clone()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}
