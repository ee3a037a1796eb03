//! The commands of one request, single or batched: each is checked against its meter, takes the
//! time that it costs, and is carried out. Other requests are served meanwhile.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Command, cast,
    fault::PortalFault,
    methods::{self, Brought},
    operating::{Meter, Taken},
    state::{Shared, lock},
};

/// Runs commands one after the other.
pub(super) struct Runner {
    state: Shared,
    user: u32,
    secret_path: String,
    /// Whose single calls are counted together; nobody's in a batch.
    webhook: Option<u32>,
    taken: Taken,
}

impl Runner {
    pub(super) fn new(state: Shared, user: u32, secret_path: String, is_batch: bool) -> Self {
        let webhook = (!is_batch).then_some(user);
        Self { state, user, secret_path, webhook, taken: Taken::default() }
    }

    /// Runs a command; brings what it brings and what answers say of its time.
    pub(super) async fn run(
        &mut self,
        method: &str,
        parameters: &Map<String, Value>,
    ) -> Result<(Brought, Value), PortalFault> {
        let start = Timestamp::now();
        let meter = Meter { webhook: self.webhook, method: method.to_owned() };
        let cost = {
            let state = lock(&self.state);
            let spent = state.meters.operating(&meter, &self.taken, start.as_second());
            let rules = &state.common.rules;
            if spent > rules.operating_limit {
                let text = "Method is blocked due to operation time limit.";
                return Err(PortalFault::new(429, "OPERATION_TIME_LIMIT", text));
            }
            rules.cost.map_or(Duration::ZERO, |cost| cost.of(method))
        };
        if cost > Duration::ZERO {
            tokio::time::sleep(cost).await;
        }
        let mut state = lock(&self.state);
        let called = methods::call(&mut state, self.user, &self.secret_path, method, parameters);
        state.commands.push(Command {
            method: method.to_owned(),
            parameters: parameters.clone().into(),
            error: called.as_ref().err().map(|fault| fault.code.clone()),
        });
        self.taken.add(meter.clone(), start.as_second(), cost);
        let now = Timestamp::now().as_second();
        let mut time = cast::time(start);
        let operating = state.meters.operating(&meter, &self.taken, now).as_secs_f64();
        let reset_at = state.meters.reset_at(&meter, &self.taken, now);
        time.insert("operating_reset_at".to_owned(), reset_at.into());
        time.insert("operating".to_owned(), json!(operating));
        called.map(|brought| (brought, time.into()))
    }

    /// Ends the request: from now on, others see what its commands took.
    pub(super) fn end(self) {
        lock(&self.state).meters.store(self.taken, Timestamp::now().as_second());
    }
}
