//! `history`: what the journal's file records, for people and, with `--json`, for programs.

mod shown;

use std::{path::Path, process::ExitCode};

use clap::Args;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{complain, print, screen::Colours, wrong_call, wrong_usage};
use crate::{
    config::{Settings, Unusable, variables::JOURNAL},
    crm::{EntityType, ItemRef, entity_type::linked_item},
    journal::{Change, History, Part, Wanted, read},
    text::on_one_line,
};
use shown::Shown;

/// Which changes are shown, and how.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only changes of this item: `deal:351`, `1220:5` or a link to it
    #[arg(long, value_parser = item)]
    item: Option<ItemRef>,
    /// Only changes from this day or moment on: `2026-11-01`, `2026-11-01T09:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<Timestamp>,
    /// Only changes that are not as they were asked for, or of which that is not known
    #[arg(long)]
    failed: bool,
    /// Print each change as JSON, on a line of its own
    #[arg(long)]
    json: bool,
}

pub(super) fn run(settings: Result<Settings, Unusable>, arguments: &Arguments) -> ExitCode {
    let settings = match settings {
        Ok(settings) => settings,
        Err(unusable) => return wrong_usage(&unusable.failure()),
    };
    let Some(file) = settings.journal.file else {
        return wrong_call(&format!(
            "no journal is set; set `{JOURNAL}` or name its file with `--journal`"
        ));
    };
    let Arguments { item, since, failed, json } = *arguments;
    let shown = on_one_line(&file.to_string_lossy());
    let mut history = match read(&file, &Wanted { item, since, ..Wanted::default() }) {
        Ok(history) => history,
        Err(unavailable) => {
            complain(&format!("error: the journal's file `{shown}` {unavailable}\n"));
            return ExitCode::FAILURE;
        }
    };
    history.changes.retain(|change| !failed || change.is_failed());
    if json {
        history.changes.iter().for_each(|change| print(&as_json(change).to_string()));
    } else {
        let is_narrowed = item.is_some() || since.is_some() || failed;
        tell(&file, &shown, &history, is_narrowed);
    }
    if history.unreadable > 0 {
        let count = history.unreadable;
        let lines = if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
        let told = format!(
            "{lines} of the file could not be read, such as one that was not written to its end"
        );
        if json {
            complain(&format!("note: {told}\n"));
        } else {
            print(&format!("\n{told}"));
        }
    }
    ExitCode::SUCCESS
}

fn tell(file: &Path, shown: &str, history: &History, is_narrowed: bool) {
    if history.changes.is_empty() {
        print(&match (file.exists(), is_narrowed) {
            (false, _) => format!("there is no file `{shown}` yet; the first change makes it"),
            (true, true) => format!("no such change is recorded in `{shown}`"),
            (true, false) => format!("no change is recorded in `{shown}`"),
        });
        return;
    }
    let zone = local_zone();
    let named = zone.iana_name().map_or_else(|| "local time".to_owned(), on_one_line);
    let portals = history.changes.iter().map(Change::portal);
    let has_one_portal = portals.collect::<std::collections::BTreeSet<_>>().len() == 1;
    print(&format!("changes in `{shown}`, the newest first, times in {named}"));
    let shown = Shown { zone, has_one_portal, colours: Colours::wanted() };
    for change in &history.changes {
        print(&format!("\n{}", shown.change(change)));
    }
}

/// The zone of this machine; UTC where it has no data of zones.
fn local_zone() -> TimeZone {
    let zone = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
    zone.unwrap_or(TimeZone::UTC)
}

fn as_json(change: &Change) -> Value {
    let part = |part: &Part| {
        json!({
            "time": format!("{:.3}", part.time),
            "hasValues": part.has_values,
            "begin": part.begin,
            "end": part.end,
            "ms": part.took.map(|took| took.as_millis()),
        })
    };
    json!({
        "change": change.id,
        "time": format!("{:.3}", change.started()),
        "outcome": change.outcome(),
        "written": change.written(),
        "isComplete": change.is_complete(),
        "tool": change.tool(),
        "client": change.client(),
        "portal": change.portal(),
        "user": change.user(),
        "run": change.run(),
        "parts": change.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn item(text: &str) -> Result<ItemRef, String> {
    let by_name = |text: &str| {
        let (entity, id) = text.split_once(':')?;
        let by_number = entity.trim().parse().ok().map(EntityType::new);
        let entity = by_number.or_else(|| EntityType::named(entity))?;
        Some((entity, id.trim().parse().ok()?))
    };
    let (entity, id) = linked_item(text)
        .or_else(|| by_name(text))
        .ok_or("it is a type or its number and an id, such as `deal:351`, or a link to an item")?;
    Ok(ItemRef { entity, id })
}

/// A moment, or the first one of a day in the local zone.
fn since(text: &str) -> Result<Timestamp, String> {
    let text = text.trim();
    let of_day = || local_zone().to_timestamp(text.parse::<Date>().ok()?.at(0, 0, 0, 0)).ok();
    let moment = text.parse::<Timestamp>().ok();
    moment
        .or_else(of_day)
        .ok_or_else(|| "it is a day such as `2026-11-01` or a moment with its zone".to_owned())
}
