//! The spawned program, driven line by line, against the embedded portal or a scripted one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    clippy::type_complexity,
    clippy::format_push_string,
    clippy::needless_pass_by_value,
    clippy::single_match_else,
    reason = "a test ends where it finds something else than it expects; its cases are listed in it"
)]

mod accounts;
mod batch_values;
mod bounds;
mod card_data;
mod cards;
mod check;
mod cli;
mod codes;
mod connection;
mod describing;
mod errors;
mod evals;
mod expecting;
mod faulty_proxy;
mod field_names;
mod fields;
mod files;
mod filters;
mod finding;
mod guards;
mod history;
mod injection;
mod input;
mod journal;
mod languages;
mod layout;
mod long_answers;
mod lookup;
mod many;
mod many_items;
mod many_lost;
mod many_refusals;
mod many_rows;
mod many_wrong_rows;
mod mutations;
mod naming;
mod narrowing;
mod odd_calls;
mod pages;
mod people;
#[cfg(unix)]
mod pictures;
mod policy;
mod portal_time;
mod properties;
mod protocol;
mod readme;
mod records;
mod reliability;
mod request_limit;
mod running_calls;
mod schemas;
mod scripted_portal;
mod searching_fields;
mod secrets;
#[cfg(unix)]
mod setup;
mod several_queries;
mod silent_drops;
mod stages;
mod supply_chain;
mod support;
#[cfg(unix)]
mod terminal;
mod tokens;
mod truth;
mod undo;
mod undo_kinds;
mod undo_many;
mod undo_recorded;
mod unusable_answers;
mod update;
mod vendor;
mod vendor_sandbox;
mod versions;
mod wrong_filters;
