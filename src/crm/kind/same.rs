//! When two values of a kind are the same.

use serde_json::Value;

use super::{Kind, ids, truth};
use crate::crm::{
    dates::{self, Reading},
    decimal::{Decimal, is_canonical},
};

pub(super) fn same(kind: Kind, asked: &Value, now: &Value) -> bool {
    if kind.is_empty(asked) {
        return match kind {
            Kind::YesNo => !truth(now).unwrap_or(false),
            // A cleared number is stored as null and may be answered as 0.
            Kind::Integer | Kind::Percent | Kind::Number => {
                kind.is_empty(now) || Decimal::of(now).is_some_and(Decimal::is_zero)
            }
            Kind::Any => kind.is_empty(now) || now.as_f64() == Some(0.0),
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
        | Kind::Link
        | Kind::Choice => same_number(asked, now),
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
            (Some((asked, one)), Some((now, other))) => asked.same(now) && one == other,
            _ => false,
        },
        Kind::CrmLink => crm_link(asked).is_some_and(|asked| Some(asked) == crm_link(now)),
        Kind::Picture | Kind::Multifield | Kind::File | Kind::Any => loosely_same(asked, now),
    }
}

/// The equality of values whose kind is unknown: the portal answers numbers as strings, flags as
/// letters, and no value in four ways. A text is never compared as a number.
fn loosely_same(asked: &Value, now: &Value) -> bool {
    if asked == now {
        return true;
    }
    match (asked, now) {
        (Value::Array(asked), Value::Array(now)) => {
            asked.len() == now.len()
                && asked.iter().zip(now).all(|(asked, now)| loosely_same(asked, now))
        }
        // A file's links are signed anew at every read; its id identifies it.
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
        (Value::Number(_), Value::Number(_)) => same_number(asked, now),
        (Value::Number(_), Value::String(text)) | (Value::String(text), Value::Number(_)) => {
            is_canonical(text) && same_number(asked, now)
        }
        (Value::String(one), Value::String(other)) => {
            let moments = match (moment(asked), moment(now)) {
                (Some(asked), Some(now)) => asked.same(now),
                _ => false,
            };
            // The value of a field that may hold days: as it is written, or as it is answered.
            let is_day = |text: &String| text.trim().len() == 10;
            moments
                || ((is_day(one) || is_day(other))
                    && day(asked).is_some()
                    && day(asked) == day(now))
        }
        _ => false,
    }
}

/// Whether both are the same number. Those too large to be compared are the same when they are
/// written the same.
fn same_number(asked: &Value, now: &Value) -> bool {
    match (Decimal::of(asked), Decimal::of(now)) {
        (Some(asked), Some(now)) => asked.same(now),
        _ => asked == now,
    }
}

/// The amount and the currency of `300|USD`.
pub(super) fn money(value: &Value) -> Option<(Decimal, String)> {
    let (amount, currency) = value.as_str()?.split_once('|')?;
    Some((Decimal::read(amount.trim())?, currency.trim().to_ascii_uppercase()))
}

fn crm_link(value: &Value) -> Option<String> {
    Some(plain(value)?.trim().to_ascii_uppercase())
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

/// A text, or a number as text.
pub(super) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What identifies a value among others of its kind, for comparing sets.
pub(super) fn key(kind: Kind, value: &Value) -> String {
    let key = match kind {
        Kind::CrmLink => crm_link(value),
        kind if kind.holds_ids() => super::whole_number(value).map(|id| id.to_string()),
        _ => plain(value),
    };
    key.unwrap_or_else(|| value.to_string())
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
            (Kind::Integer, json!(7_707_083_893_i64), json!(7_707_083_894_i64), false),
            (Kind::Number, json!(7_707_083_893_i64), json!("7707083894"), false),
            (Kind::Amount, json!(25_000_000_000_i64), json!(25_000_000_001_i64), false),
            (Kind::Amount, json!(25_000_000_000_i64), json!("25000000000.0000"), true),
            (Kind::Money, json!("25000000000|VND"), json!("25000000001|VND"), false),
            (Kind::Money, json!("300|USD"), json!("300.00|USD"), true),
            (Kind::Money, json!("300|USD"), json!("300|EUR"), false),
            (Kind::Money, json!(""), json!("|USD"), true),
            (Kind::CrmLink, json!("T80_6"), json!("t80_6"), true),
            (Kind::CrmLink, json!("D_1"), json!("C_1"), false),
            (Kind::Choice, json!(44), json!("44"), true),
            (Kind::Any, json!(200.05), json!("200.05"), true),
            (Kind::Any, json!(true), json!("Y"), true),
            (Kind::Any, json!(""), json!(0), true),
            (Kind::Any, json!([1, 2]), json!(["1", "2"]), true),
            (Kind::Any, json!([1, 2]), json!(["2", "1"]), false),
            (Kind::Any, json!([1, 1, 2]), json!([1, 2, 2]), false),
            (Kind::Any, json!("2024-07-31"), json!("2024-07-31T02:00:00+02:00"), true),
            (Kind::Any, json!("a"), json!("b"), false),
            (Kind::Any, json!("0123"), json!("123"), false),
            (Kind::Any, json!("+79991234567"), json!("79991234567"), false),
            (Kind::Any, json!("1e3"), json!("1000"), false),
            (Kind::Any, json!("10.0"), json!("10"), false),
            (Kind::Any, json!("0123"), json!(123), false),
            (Kind::Any, json!("1e3"), json!(1000), false),
            (Kind::Any, json!("10"), json!(10), true),
            (Kind::Any, json!(10), json!("10.00"), true),
            (Kind::Any, json!(""), json!("0"), false),
            (Kind::Any, json!("10"), json!(11), false),
            (Kind::Any, json!("2"), json!(null), false),
        ];
        for (kind, asked, now, same) in cases {
            assert_eq!(kind.same(&asked, &now), same, "{kind:?} {asked} {now}");
        }
    }
}
