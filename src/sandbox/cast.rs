//! How a portal reads one value: the casts of PHP, days and moments by its own clock.

use jiff::{SignedDuration, Timestamp, tz::Offset};
use serde_json::{Map, Value, json};

use crate::crm::dates::{self, Reading};

/// The sandbox's clock runs two hours ahead of UTC.
const SERVER_OFFSET_HOURS: i8 = 2;

/// PHP's `empty()`.
pub(super) fn php_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(values) => values.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    }
}

/// Empty, except that numbers and texts may be zero.
pub(super) fn is_blank(value: &Value) -> bool {
    let is_zero = value == "0" || matches!(value, Value::Number(_));
    php_empty(value) && !is_zero
}

pub(super) fn yes_no(value: &Value) -> Value {
    let is_yes = value == true || ["true", "y", "Y"].iter().any(|yes| value == yes);
    if is_yes { json!("Y") } else { json!("N") }
}

/// PHP's `(int)`: leading digits, else 0.
pub(super) fn php_int(value: &Value) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or_default(),
        Value::Bool(truth) => i64::from(*truth),
        Value::String(text) => {
            let text = text.trim();
            let digits = text
                .char_indices()
                .take_while(|(at, c)| c.is_ascii_digit() || (*at == 0 && *c == '-'))
                .count();
            text.get(..digits).and_then(|digits| digits.parse().ok()).unwrap_or_default()
        }
        Value::Array(values) => i64::from(!values.is_empty()),
        Value::Object(_) => 1,
        Value::Null => 0,
    }
}

/// PHP's `(float)`.
pub(super) fn php_float(value: &Value) -> f64 {
    match value {
        Value::Number(number) => number.as_f64().unwrap_or_default(),
        Value::String(text) => {
            let text = text.trim();
            let length = text
                .char_indices()
                .take_while(|(at, c)| c.is_ascii_digit() || *c == '.' || (*at == 0 && *c == '-'))
                .count();
            text.get(..length).and_then(|number| number.parse().ok()).unwrap_or_default()
        }
        _ => 0.0,
    }
}

pub(super) fn php_ints(value: &Value) -> Vec<i64> {
    match value {
        Value::Array(values) => values.iter().map(php_int).filter(|id| *id != 0).collect(),
        Value::Object(values) => values.values().map(php_int).filter(|id| *id != 0).collect(),
        one if php_empty(one) => Vec::new(),
        one => vec![php_int(one)],
    }
}

/// PHP's arrays: those without keys, or with the keys 0, 1, 2, …, are lists in JSON.
pub(super) fn php_array(value: Value) -> Value {
    match value {
        Value::Object(map) if map.keys().enumerate().all(|(at, key)| *key == at.to_string()) => {
            map.into_iter().map(|(_, value)| value).collect()
        }
        other => other,
    }
}

/// Whole numbers are answered without a fraction.
pub(super) fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{number:.0}").parse::<i64>().map_or_else(|_| json!(number), |whole| json!(whole))
    } else {
        json!(number)
    }
}

pub(super) fn text(value: &Value) -> Value {
    match value {
        empty if is_blank(empty) => Value::Null,
        Value::String(text) => json!(text.trim()),
        other => json!(other.to_string()),
    }
}

/// A day as answers show it; `None` keeps the old value, as an unreadable date does.
pub(super) fn day(value: &Value) -> Option<Value> {
    if php_empty(value) {
        return Some(Value::Null);
    }
    let text = value.as_str()?;
    let day = match dates::read_date(text) {
        Reading::Exact(day) | Reading::Repaired(day) => day,
        // Slashes are month first.
        Reading::Ambiguous(days) => *days.last()?,
        Reading::Impossible => return None,
    };
    Some(json!(format!("{day}T{SERVER_OFFSET_HOURS:02}:00:00+{SERVER_OFFSET_HOURS:02}:00")))
}

pub(super) fn moment(value: &Value) -> Option<Value> {
    if php_empty(value) {
        return Some(Value::Null);
    }
    let moment = match dates::read_moment(value.as_str()?) {
        Reading::Exact(moment) | Reading::Repaired(moment) => moment,
        Reading::Ambiguous(moments) => *moments.last()?,
        Reading::Impossible => return None,
    };
    let offset = Offset::constant(SERVER_OFFSET_HOURS);
    let instant = match moment {
        dates::Moment::Instant(instant, _) => instant,
        dates::Moment::PortalClock(clock) => offset.to_timestamp(clock).ok()?,
    };
    Some(dates::Moment::Instant(instant, offset).wire().into())
}

pub(super) fn now() -> String {
    clock(Timestamp::now())
}

fn clock(moment: Timestamp) -> String {
    dates::Moment::Instant(moment, Offset::constant(SERVER_OFFSET_HOURS)).wire()
}

/// What answers say of the time that a call took. The portal keeps only the whole seconds of when
/// something began or ended, so differences are off by up to a second.
pub(super) fn time(start: Timestamp) -> Map<String, Value> {
    let finish = Timestamp::now();
    let whole_start = start.as_second();
    let exact_finish = finish.as_duration().as_secs_f64();
    let duration = finish.as_duration() - SignedDuration::from_secs(whole_start);
    let entries = [
        ("start", json!(whole_start)),
        ("finish", json!(exact_finish)),
        ("duration", json!(duration.as_secs_f64())),
        ("processing", json!(finish.as_second() - whole_start)),
        ("date_start", json!(clock(start))),
        ("date_finish", json!(clock(finish))),
    ];
    entries.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// A little of the portal's conversion of HTML to BB code.
pub(super) fn bb_code(html: &str) -> String {
    let mut text = html.to_owned();
    for (from, to) in [
        ("<b>", "[b]"),
        ("</b>", "[/b]"),
        ("<i>", "[i]"),
        ("</i>", "[/i]"),
        ("<br>", "\n"),
        ("<p>", ""),
        ("</p>", "\n"),
    ] {
        text = text.replace(from, to);
    }
    text.trim().to_owned()
}

pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::Bool(_) => "boolean",
        _ => "array",
    }
}
