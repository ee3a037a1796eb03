//! When two values of a kind are the same, and when one is the portal's own spelling of the other.

use serde_json::Value;

use super::{Kind, ids, truth};
use crate::crm::dates::{self, Reading};

pub(super) fn same(kind: Kind, asked: &Value, now: &Value) -> bool {
    if kind.is_empty(asked) {
        return match kind {
            Kind::YesNo => !truth(now).unwrap_or(false),
            // A cleared number is stored as null and may be answered as 0.
            Kind::Integer | Kind::Percent | Kind::Number | Kind::Any => {
                kind.is_empty(now) || number(now) == Some(0.0)
            }
            _ => kind.is_empty(now),
        };
    }
    match kind {
        Kind::YesNo => truth(asked).is_some_and(|asked| asked == truth(now).unwrap_or(false)),
        Kind::Integer
        | Kind::Percent
        | Kind::Number
        | Kind::Amount
        | Kind::Category
        | Kind::User
        | Kind::Link => match (number(asked), number(now)) {
            (Some(asked), Some(now)) => nearly(asked, now),
            _ => false,
        },
        Kind::Users => sorted_ids(asked) == sorted_ids(now),
        Kind::Links => {
            sorted_ids(asked) == sorted_ids(now) && ids(asked).first() == ids(now).first()
        }
        Kind::Integers => ids(asked) == ids(now),
        Kind::Date => match (day(asked), day(now)) {
            (Some(asked), Some(now)) => asked == now,
            _ => false,
        },
        Kind::DateTime => match (moment(asked), moment(now)) {
            (Some(asked), Some(now)) => asked.same(now),
            _ => false,
        },
        Kind::Text | Kind::Markup | Kind::Status | Kind::Stage | Kind::Currency => {
            plain(asked).is_some_and(|asked| Some(asked) == plain(now))
        }
        Kind::Money => match (money(asked), money(now)) {
            (Some((asked, one)), Some((now, other))) => nearly(asked, now) && one == other,
            _ => false,
        },
        Kind::CrmLink => crm_link(asked).is_some_and(|asked| Some(asked) == crm_link(now)),
        Kind::Picture | Kind::Multifield | Kind::Choice | Kind::File | Kind::Any => {
            loosely_same(asked, now)
        }
    }
}

pub(super) fn is_rewritten(kind: Kind, asked: &Value, now: &Value) -> bool {
    match kind {
        Kind::Text => match (plain(asked), plain(now)) {
            (Some(asked), Some(now)) => asked.trim() == now.trim(),
            _ => false,
        },
        Kind::Markup => match (asked.as_str(), now.as_str()) {
            (Some(asked), Some(now)) => words(asked) == words(now),
            _ => false,
        },
        Kind::Number | Kind::Amount => match (number(asked), number(now)) {
            // Rounded to the two decimals of a currency, or to fewer.
            (Some(asked), Some(now)) => (asked - now).abs() < 0.01 && asked.fract() != 0.0,
            _ => false,
        },
        // Where a field links to one entity type only, the id alone is kept.
        Kind::CrmLink => match (asked.as_str().and_then(|text| text.split_once('_')), now) {
            (Some((_, id)), now) => plain(now).is_some_and(|now| now.trim() == id),
            _ => false,
        },
        Kind::Percent => match (number(asked), number(now)) {
            (Some(asked), Some(now)) => nearly(asked.clamp(0.0, 100.0), now),
            _ => false,
        },
        _ => false,
    }
}

/// The equality of values whose kind is unknown: the portal answers numbers as strings, flags as
/// letters, and no value in four ways.
fn loosely_same(asked: &Value, now: &Value) -> bool {
    if asked == now {
        return true;
    }
    match (asked, now) {
        (Value::Array(asked), Value::Array(now)) => {
            asked.len() == now.len()
                && asked.iter().all(|asked| now.iter().any(|now| loosely_same(asked, now)))
        }
        // A file's links are signed anew at every read; its id is what it is.
        (Value::Object(asked), Value::Object(now)) if now.contains_key("urlMachine") => {
            asked.get("id").zip(now.get("id")).is_some_and(|(asked, now)| loosely_same(asked, now))
        }
        (Value::Object(asked), Value::Object(now)) => {
            asked.len() == now.len()
                && asked
                    .iter()
                    .all(|(key, asked)| now.get(key).is_some_and(|now| loosely_same(asked, now)))
        }
        (Value::Bool(asked), now) => truth(now).unwrap_or(false) == *asked,
        (asked, Value::Bool(now)) => truth(asked) == Some(*now),
        (asked, now) if Kind::Text.is_empty(asked) => Kind::Any.same(asked, now),
        (asked, now) => {
            let numbers = match (number(asked), number(now)) {
                (Some(asked), Some(now)) => nearly(asked, now),
                _ => false,
            };
            let moments = match (moment(asked), moment(now)) {
                (Some(asked), Some(now)) => asked.same(now),
                _ => false,
            };
            let days = asked.as_str().is_some_and(|text| text.trim().len() == 10)
                && day(asked).is_some()
                && day(asked) == day(now);
            numbers
                || moments
                || days
                || plain(asked).is_some_and(|asked| Some(asked) == plain(now))
        }
    }
}

fn money(value: &Value) -> Option<(f64, String)> {
    let (amount, currency) = value.as_str()?.split_once('|')?;
    Some((amount.trim().parse().ok()?, currency.trim().to_ascii_uppercase()))
}

fn crm_link(value: &Value) -> Option<String> {
    Some(plain(value)?.trim().to_ascii_uppercase())
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn nearly(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs()).max(1.0)
}

fn sorted_ids(value: &Value) -> Vec<i64> {
    let mut ids = ids(value);
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn day(value: &Value) -> Option<jiff::civil::Date> {
    value.as_str().and_then(|text| dates::portal_day(text.trim()))
}

fn moment(value: &Value) -> Option<dates::Moment> {
    match dates::read_moment(value.as_str()?) {
        Reading::Exact(moment) => Some(moment),
        _ => None,
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The words of a text without its HTML or BB markup, the way to see whether a rewrite kept them.
fn words(text: &str) -> Vec<String> {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[']) {
        let (before, tag) = rest.split_at(at);
        bare.push_str(before);
        let close = if tag.starts_with('<') { '>' } else { ']' };
        if let Some(after) = tag.find(close).and_then(|end| tag.get(end + 1..)) {
            bare.push(' ');
            rest = after;
        } else {
            bare.push_str(tag);
            rest = "";
        }
    }
    bare.push_str(rest);
    for (entity, character) in [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#039;", "'"),
        ("&amp;", "&"),
    ] {
        bare = bare.replace(entity, character);
    }
    bare.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equality_is_per_kind() {
        let cases = [
            (Kind::Text, json!("a"), json!("a"), true),
            (Kind::Text, json!("a"), json!("A"), false),
            (Kind::Text, json!(""), json!(null), true),
            (Kind::Text, json!("0"), json!(null), false),
            (Kind::YesNo, json!("Y"), json!(true), true),
            (Kind::YesNo, json!("N"), json!(null), true),
            (Kind::YesNo, json!("Y"), json!("N"), false),
            (Kind::Integer, json!(10), json!("10"), true),
            (Kind::Integer, json!(0), json!(null), false),
            (Kind::Integer, json!(""), json!(0), true),
            (Kind::Amount, json!(0), json!(null), true),
            (Kind::Amount, json!(10_000), json!("10000.00"), true),
            (Kind::Amount, json!(10_000), json!(10_001), false),
            (Kind::Link, json!(0), json!(null), true),
            (Kind::Users, json!([1, 2, 3]), json!(["3", 2, 1]), true),
            (Kind::Users, json!([1, 2]), json!([1, 2, 3]), false),
            (Kind::Links, json!([5, 6, 7]), json!([5, 7, 6]), true),
            (Kind::Links, json!([5, 6]), json!([6, 5]), false),
            (Kind::Date, json!("2024-07-31"), json!("2024-07-31T02:00:00+02:00"), true),
            (Kind::Date, json!("2024-07-31"), json!("2024-07-30T19:00:00-05:00"), true),
            (Kind::Date, json!("2024-07-31"), json!("2024-07-30T02:00:00+02:00"), false),
            (
                Kind::DateTime,
                json!("2024-07-31T10:00:00Z"),
                json!("2024-07-31T12:00:00+02:00"),
                true,
            ),
            (
                Kind::DateTime,
                json!("2024-07-31T12:00:00"),
                json!("2024-07-31T12:00:00+02:00"),
                true,
            ),
            (Kind::Money, json!("300|USD"), json!("300.00|USD"), true),
            (Kind::Money, json!("300|USD"), json!("300|EUR"), false),
            (Kind::Money, json!(""), json!("|USD"), true),
            (Kind::CrmLink, json!("T80_6"), json!("t80_6"), true),
            (Kind::CrmLink, json!("D_1"), json!("C_1"), false),
            (Kind::Choice, json!(44), json!("44"), true),
            (Kind::Any, json!(200.05), json!("200.05"), true),
            (Kind::Any, json!(true), json!("Y"), true),
            (Kind::Any, json!(""), json!(0), true),
            (Kind::Any, json!([1, 2]), json!(["2", "1"]), true),
            (Kind::Any, json!("2024-07-31"), json!("2024-07-31T02:00:00+02:00"), true),
            (Kind::Any, json!("a"), json!("b"), false),
            (Kind::Any, json!("2"), json!(null), false),
        ];
        for (kind, asked, now, same) in cases {
            assert_eq!(kind.same(&asked, &now), same, "{kind:?} {asked} {now}");
        }
    }

    #[test]
    fn only_the_portals_own_spelling_is_a_rewrite() {
        let cases = [
            (Kind::Text, json!(" Acme "), json!("Acme"), true),
            (Kind::Text, json!("Acme"), json!("Acne"), false),
            (Kind::Markup, json!("<b>Call</b> back"), json!("[b]Call[/b] back"), true),
            (Kind::Markup, json!("<p>one</p><p>two</p>"), json!("one\ntwo"), true),
            (Kind::Markup, json!("call back"), json!("call"), false),
            (Kind::Amount, json!(99.999), json!(100), true),
            (Kind::Amount, json!(10_000), json!(10_000.5), false),
            (Kind::Percent, json!(150), json!(100), true),
            (Kind::Percent, json!(50), json!(40), false),
            (Kind::CrmLink, json!("D_17"), json!("17"), true),
            (Kind::CrmLink, json!("D_17"), json!("18"), false),
            (Kind::Stage, json!("C9:NEW"), json!("C9:WON"), false),
            (Kind::User, json!(6), json!(1), false),
        ];
        for (kind, asked, now, rewritten) in cases {
            assert_eq!(kind.is_rewritten(&asked, &now), rewritten, "{kind:?} {asked} {now}");
        }
    }
}
