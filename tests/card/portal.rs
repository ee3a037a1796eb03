//! An embedded portal for the browser tests: prints its webhook and obeys a line of JSON at a time.
//!
//! `{"deals": 1000}` adds deals, `{"empty": {"id": 1017, "field": "opportunity"}}` empties a field, `{"rules": {…}}`
//! replaces the rules. Each line is answered by `ok`; the portal ends with its input.

use std::{
    error::Error,
    io::{Write as _, stdout},
    time::Duration,
};

use bitrix24_crm_mcp::sandbox::{Cost, Rules, Sandbox};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Order {
    Deals(u64),
    Empty { id: u64, field: String },
    Rules(Settings),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Settings {
    required: Option<(String, String)>,
    robot: Option<(String, String)>,
    deals_close_today: bool,
    /// How long an update takes.
    update_milliseconds: u64,
    operating_seconds: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            required: None,
            robot: None,
            deals_close_today: false,
            update_milliseconds: 0,
            operating_seconds: 480,
        }
    }
}

impl From<Settings> for Rules {
    fn from(it: Settings) -> Self {
        let update = Duration::from_millis(it.update_milliseconds);
        Self {
            required: it.required,
            robot: it.robot,
            deals_close_today: it.deals_close_today,
            cost: Some(Cost { update, other: Duration::ZERO }),
            operating_limit: Duration::from_secs(it.operating_seconds),
            ..Self::default()
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start().await?;
    writeln!(stdout(), "{}", sandbox.webhook_url())?;
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        match serde_json::from_str(&line)? {
            Order::Deals(count) => sandbox.add_deals(count),
            Order::Empty { id, field } => sandbox.empty_field_of_deal(id, &field),
            Order::Rules(settings) => sandbox.set_rules(settings.into()),
        }
        writeln!(stdout(), "ok")?;
    }
    Ok(())
}
