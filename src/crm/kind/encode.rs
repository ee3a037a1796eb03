//! The wire form of each kind, or why a value cannot be one.

use std::collections::HashSet;

use serde_json::{Number, Value};

use super::{Encoded, Kind, MAX_VALUES, READ_AS_LIST, can_be_read_as, shown, too_many, truth};
use crate::crm::{
    EntityType, Family, Wrong,
    dates::{self, Moment, Reading},
    decimal::Decimal,
};

pub(super) fn encode(kind: Kind, value: &Value) -> Result<Encoded, Wrong> {
    if kind.is_empty(value) && kind != Kind::Any {
        let is_zero_amount = kind == Kind::Amount && value.is_number();
        return Ok(Encoded::exact(if is_zero_amount { 0.into() } else { kind.cleared() }));
    }
    match kind {
        Kind::Text | Kind::Markup | Kind::Status | Kind::Stage => encode_text(value),
        Kind::Currency => encode_currency(value),
        Kind::YesNo => encode_yes_no(value),
        Kind::Integer | Kind::Percent | Kind::Category => {
            whole(value, i64::MIN..=i64::MAX).ok_or_else(|| must_be("a whole number", value))
        }
        Kind::User => whole(value, 0..=i64::MAX)
            .ok_or_else(|| must_be("the id of a user, a whole number", value)),
        Kind::Link => whole(value, 0..=i64::MAX)
            .ok_or_else(|| must_be("the id of an item, a whole number", value)),
        Kind::Number | Kind::Amount => encode_number(value),
        Kind::Users | Kind::Links | Kind::Integers => encode_ids(value),
        Kind::Date => encode_date(value),
        Kind::DateTime => encode_moment(value),
        Kind::Choice => whole(value, 1..=i64::MAX)
            .ok_or_else(|| must_be("the id of an option of the list", value)),
        Kind::Money => encode_money(value),
        Kind::CrmLink => encode_crm_link(value),
        // Files and multifields are read against what the item holds, by modules of their own.
        Kind::Picture | Kind::File | Kind::Multifield | Kind::Any => {
            Ok(Encoded::exact(value.clone()))
        }
    }
}

fn encode_text(value: &Value) -> Result<Encoded, Wrong> {
    match value {
        Value::String(text) => Ok(Encoded::exact(text.clone())),
        Value::Number(number) if !number.is_f64() => Ok(Encoded::exact(number.to_string())),
        // The typed digits are lost by now: `12000.00` is 12000.0, and 20 digits are 17.
        Value::Number(_) => Err(format!(
            "must be text, not the number {}; put it in quotes, so that each digit is kept",
            shown(value)
        )
        .into()),
        _ => Err(must_be("text", value)),
    }
}

fn encode_currency(value: &Value) -> Result<Encoded, Wrong> {
    let Some(code) = value.as_str().map(str::trim) else {
        return Err(must_be("a currency code such as `EUR`", value));
    };
    if code.len() != 3 || !code.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(must_be("a currency code of three letters such as `EUR`", value));
    }
    let upper = code.to_ascii_uppercase();
    if upper == value.as_str().unwrap_or_default() {
        Ok(Encoded::exact(upper))
    } else {
        let note = format!("was read as `{upper}`");
        Ok(Encoded::repaired(upper, note))
    }
}

/// `300|USD`, or the same with a space.
fn encode_money(value: &Value) -> Result<Encoded, Wrong> {
    let expected = "an amount with its currency such as `300|USD`";
    let text = value.as_str().ok_or_else(|| must_be(expected, value))?.trim();
    let parts = text.split_once('|').or_else(|| text.split_once(' '));
    let (amount, currency) = parts.ok_or_else(|| must_be(expected, value))?;
    let amount =
        encode_number(&Value::from(amount.trim())).map_err(|_| must_be(expected, value))?;
    let currency = encode_currency(&Value::from(currency)).map_err(|_| must_be(expected, value))?;
    let wire = format!("{}|{}", amount.wire, currency.wire.as_str().unwrap_or_default());
    if wire == text {
        Ok(Encoded::exact(wire))
    } else {
        let note = format!("was read as `{wire}`");
        Ok(Encoded::repaired(wire, note))
    }
}

/// `D_1`: a short name of the entity type and the item's id; a bare id where the field links to one
/// type only.
fn encode_crm_link(value: &Value) -> Result<Encoded, Wrong> {
    let expected = "a linked item such as `D_1` (L lead, D deal, C contact, CO company, Q quote, \
                    SI invoice, `T` and the smart process's number in hexadecimal)";
    if let Some(id) = whole(value, 1..=i64::MAX) {
        return Ok(id);
    }
    let text = value.as_str().ok_or_else(|| must_be(expected, value))?.trim();
    let (name, id) = text.split_once('_').ok_or_else(|| must_be(expected, value))?;
    let upper = name.to_ascii_uppercase();
    // The portal writes the hexadecimal number in small letters.
    let name = match upper.strip_prefix('T') {
        Some(number) => {
            format!("T{}", smart_process(number, id).ok_or_else(|| must_be(expected, value))??)
        }
        None if EntityType::standard().any(|entity| entity.short_code() == upper) => upper,
        None => return Err(must_be(expected, value)),
    };
    let is_id = id.parse::<u64>().is_ok_and(|id| id > 0);
    let wire = format!("{name}_{id}");
    match is_id {
        false => Err(must_be(expected, value)),
        true if wire == text => Ok(Encoded::exact(wire)),
        true => {
            let note = format!("was read as `{wire}`");
            Ok(Encoded::repaired(wire, note))
        }
    }
}

/// The hexadecimal number of a smart process; `None` when it is none. One whose digits are also the
/// decimal number of a smart process is rather that.
fn smart_process(number: &str, id: &str) -> Option<Result<String, Wrong>> {
    let is_smart = |id: u32| EntityType::new(id).family() == Some(Family::SmartProcess);
    let hexadecimal = u32::from_str_radix(number, 16).ok()?;
    Some(match number.parse::<u32>() {
        Ok(decimal) if is_smart(decimal) => Err(format!(
            "names smart process {hexadecimal}, because the number is hexadecimal; smart process \
             {decimal} is `T{decimal:x}_{id}`"
        )
        .into()),
        _ => Ok(format!("{hexadecimal:x}")),
    })
}

fn encode_yes_no(value: &Value) -> Result<Encoded, Wrong> {
    match truth(value) {
        // The portal takes `1` and `"yes"` for no, so only the letters go out.
        Some(yes) => Ok(Encoded::exact(if yes { "Y" } else { "N" })),
        None => Err(must_be("`Y` or `N`", value)),
    }
}

pub(super) fn whole(value: &Value, range: std::ops::RangeInclusive<i64>) -> Option<Encoded> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole_float(number.as_f64()?))?,
        Value::String(text) => text.trim().parse::<i64>().ok()?,
        _ => return None,
    };
    range.contains(&number).then(|| Encoded::exact(number))
}

/// Up to here each whole number is a float of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A float with no fraction, within the range that floats count exactly.
fn whole_float(number: f64) -> Option<i64> {
    if number.fract() != 0.0 || number.abs() > EXACT {
        return None;
    }
    format!("{number:.0}").parse().ok()
}

fn encode_number(value: &Value) -> Result<Encoded, Wrong> {
    let expected = "a number such as `10000` or `99.5`";
    let number = match value {
        Value::Number(number) => number.clone(),
        Value::String(text) => {
            // The portal cuts `"10,5"` to 10 and reads `"abc"` as 0, so both are refused here.
            let text = text.trim();
            let is_decimal = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
            let number = text.parse::<i64>().map(Number::from).ok();
            let number = number.or_else(|| Number::from_f64(text.parse().ok()?));
            number.filter(|_| is_decimal).ok_or_else(|| must_be(expected, value))?
        }
        _ => return Err(must_be(expected, value)),
    };
    let typed = match value {
        Value::String(text) => Decimal::read(text.trim()),
        _ => Decimal::of(value),
    };
    let is_kept = match (typed, Decimal::read(&number.to_string())) {
        (Some(typed), Some(sent)) => typed.same(sent),
        _ => false,
    };
    // Beyond this, digits were lost when the JSON was read.
    let is_exact = !number.is_f64() || number.as_f64().is_some_and(|it| it.abs() <= EXACT);
    if is_kept && is_exact {
        Ok(Encoded::exact(Value::Number(number)))
    } else {
        Err(format!("has more digits than a number can keep: {}", shown(value)).into())
    }
}

fn encode_ids(value: &Value) -> Result<Encoded, Wrong> {
    let wrong = || must_be("a list of ids such as `[1, 2]`", value);
    let (given, mut notes) = match value {
        Value::Array(values) => (values.as_slice(), Vec::new()),
        one @ (Value::Number(_) | Value::String(_)) => {
            (std::slice::from_ref(one), vec![READ_AS_LIST])
        }
        _ => return Err(wrong()),
    };
    if given.len() > MAX_VALUES {
        return Err(too_many(given.len()).into());
    }
    let mut list = Vec::with_capacity(given.len());
    let mut seen = HashSet::with_capacity(given.len());
    let (mut is_repeated, mut is_empty) = (false, false);
    for id in given {
        if Kind::Link.is_empty(id) {
            is_empty = true;
            continue;
        }
        let id = whole(id, 1..=i64::MAX).ok_or_else(wrong)?.wire;
        if seen.insert(id.as_i64()) { list.push(id) } else { is_repeated = true }
    }
    if is_repeated {
        notes.push("held an id twice, which was left out");
    }
    if is_empty {
        notes.push("held empty entries, which were left out");
    }
    let note = (!notes.is_empty()).then(|| notes.join(" and "));
    Ok(Encoded { wire: list.into(), note })
}

fn encode_date(value: &Value) -> Result<Encoded, Wrong> {
    let Some(text) = value.as_str() else {
        return Err(must_be("a date such as `2026-07-31`", value));
    };
    match dates::read_date(text) {
        Reading::Exact(date) => Ok(Encoded::exact(date.to_string())),
        Reading::Repaired(date) => {
            Ok(Encoded::repaired(date.to_string(), format!("was read as `{date}`")))
        }
        Reading::Ambiguous(days) => Err(can_be_read_as(days).into()),
        Reading::Impossible => Err(must_be("a date such as `2026-07-31`", value)),
    }
}

fn encode_moment(value: &Value) -> Result<Encoded, Wrong> {
    let expected = "a date and time such as `2026-07-31T10:00:00+02:00`";
    let Some(text) = value.as_str() else {
        return Err(must_be(expected, value));
    };
    match dates::read_moment(text) {
        Reading::Exact(moment @ Moment::Instant(..)) => Ok(Encoded::exact(moment.wire())),
        Reading::Exact(moment) | Reading::Repaired(moment) => {
            let wire = moment.wire();
            let note =
                format!("was read as `{wire}` on the portal's own clock, because it has no offset");
            Ok(Encoded::repaired(wire, note))
        }
        Reading::Ambiguous(moments) => {
            Err(can_be_read_as(moments.into_iter().map(Moment::wire)).into())
        }
        Reading::Impossible => Err(must_be(expected, value)),
    }
}

fn must_be(expected: &str, value: &Value) -> Wrong {
    format!("must be {expected}, not {}", shown(value)).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_encoded_as_the_portal_documents_them() {
        let cases = [
            (Kind::Text, json!("REST Deal #1"), json!("REST Deal #1")),
            (Kind::Text, json!(12), json!("12")),
            (Kind::Text, json!(18_446_744_073_709_551_615_u64), json!("18446744073709551615")),
            (Kind::Text, json!(null), json!("")),
            (Kind::YesNo, json!(true), json!("Y")),
            (Kind::YesNo, json!("yes"), json!("Y")),
            (Kind::YesNo, json!(1), json!("Y")),
            (Kind::YesNo, json!(false), json!("N")),
            (Kind::YesNo, json!(null), json!("N")),
            (Kind::Integer, json!("7"), json!(7)),
            (Kind::Integer, json!(7.0), json!(7)),
            (Kind::Number, json!("99.50"), json!(99.5)),
            (Kind::Amount, json!(10_000), json!(10_000)),
            (Kind::Amount, json!(0), json!(0)),
            (Kind::Amount, json!("10000"), json!(10_000)),
            (Kind::Currency, json!("usd"), json!("USD")),
            (Kind::Link, json!(0), json!(0)),
            (Kind::Link, json!(-0.0), json!(0)),
            (Kind::Links, json!(-0.0), json!("")),
            (Kind::User, json!(0), json!("")),
            (Kind::Link, json!(""), json!(0)),
            (Kind::Links, json!("5"), json!([5])),
            (Kind::Links, json!([5, "6", 5]), json!([5, 6])),
            (Kind::Links, json!([5, "", null, 0, 6]), json!([5, 6])),
            (Kind::Amount, json!("12345678901"), json!(12_345_678_901_i64)),
            (Kind::Links, json!(null), json!("")),
            (Kind::Users, json!([]), json!("")),
            (Kind::Integers, json!([]), json!([])),
            (Kind::Choice, json!("44"), json!(44)),
            (Kind::Money, json!("300|USD"), json!("300|USD")),
            (Kind::Money, json!("300.50 usd"), json!("300.5|USD")),
            (Kind::CrmLink, json!("CO_3"), json!("CO_3")),
            (Kind::CrmLink, json!("t80_6"), json!("T80_6")),
            (Kind::CrmLink, json!("T4F4_6"), json!("T4f4_6")),
            (Kind::CrmLink, json!(7), json!(7)),
            (Kind::Users, json!([1, 2, 3]), json!([1, 2, 3])),
            (Kind::Date, json!("31.07.2026"), json!("2026-07-31")),
            (Kind::Date, json!(""), json!("")),
            (Kind::DateTime, json!("2026-07-31T10:00:00Z"), json!("2026-07-31T10:00:00+00:00")),
            (Kind::Any, json!({"a": [1]}), json!({"a": [1]})),
        ];
        for (kind, given, wire) in cases {
            assert_eq!(
                kind.encode(&given).map(|encoded| encoded.wire),
                Ok(wire),
                "{kind:?} {given}"
            );
        }
    }

    #[test]
    fn values_that_the_portal_would_distort_are_refused() {
        let cases = [
            (Kind::Text, json!(["a"])),
            (Kind::Text, json!({"a": 1})),
            (Kind::Text, json!(12000.0)),
            (Kind::Text, json!(40_702_810_900_000_012_345.0)),
            (Kind::Number, json!(40_702_810_900_000_012_345.0)),
            (Kind::Amount, json!("12345678901234567.89")),
            (Kind::Amount, json!("40702810900000012345")),
            (Kind::CrmLink, json!("T1268_5")),
            (Kind::CrmLink, json!("T128_5")),
            (Kind::Date, json!("31.07.26")),
            (Kind::Date, json!("2026-07-31T23:59:59-05:00")),
            (Kind::DateTime, json!("31.07.26 10:00")),
            (Kind::YesNo, json!("maybe")),
            (Kind::YesNo, json!(2)),
            (Kind::Integer, json!(7.5)),
            (Kind::Integer, json!("7,5")),
            (Kind::Integer, json!(1e30)),
            (Kind::Number, json!("10,5")),
            (Kind::Number, json!("abc")),
            (Kind::Number, json!("1e3")),
            (Kind::Amount, json!("12,000")),
            (Kind::Amount, json!("NaN")),
            (Kind::Currency, json!("dollars")),
            (Kind::Link, json!(-1)),
            (Kind::Links, json!([1, "x"])),
            (Kind::Links, json!({"0": 1})),
            (Kind::Money, json!(300)),
            (Kind::Money, json!("300")),
            (Kind::Money, json!("much|USD")),
            (Kind::CrmLink, json!("deal 1")),
            (Kind::CrmLink, json!("X_1")),
            (Kind::CrmLink, json!("D_0")),
            (Kind::Choice, json!("Partner")),
            (Kind::Date, json!("05/03/2026")),
            (Kind::Date, json!("2026-02-30")),
            (Kind::Date, json!(20_260_731)),
            (Kind::DateTime, json!("soon")),
        ];
        for (kind, given) in cases {
            assert!(kind.encode(&given).is_err(), "{kind:?} {given}");
        }
    }
}
