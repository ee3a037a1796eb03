//! What a kind of field value is: its JSON Schema, its wire form, when two values are the same,
//! what counts as a rewrite by the portal, and what empty means. The only place that knows.
//!
//! The rules are the portal's own (fact sheet §1.5, §1.6). Which field is of which kind is said by
//! the catalogue and by the portal's field list, not here.

use serde_json::{Map, Value, json};

use super::dates::{self, Reading};

/// The kinds of values that fields hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One line or paragraph of plain text.
    Text,
    /// Text that the portal stores as BB code; HTML is converted.
    Markup,
    /// `"Y"` or `"N"`.
    YesNo,
    /// A whole number.
    Integer,
    /// A whole number that the portal clamps to 0…100.
    Percent,
    /// A number with a fraction.
    Number,
    /// An amount of money in the item's currency; 0 and empty are the same to the portal.
    Amount,
    /// A code from a directory (`crm.status.list`).
    Status,
    /// The code of a stage.
    Stage,
    /// The id of a pipeline.
    Category,
    /// An ISO currency code.
    Currency,
    /// The id of a user.
    User,
    /// A set of user ids.
    Users,
    /// The id of a linked item; 0 unlinks.
    Link,
    /// Ids of linked items: a set, except that the first one is the primary one.
    Links,
    /// A list of whole numbers.
    Integers,
    /// A calendar day.
    Date,
    /// A moment.
    DateTime,
    /// A contact's photo or a company's logo.
    Picture,
    /// Phones, e-mails, sites and messengers.
    Multifield,
    /// A value whose kind is not known; it is passed on as it is.
    Any,
}

/// A value in wire form, with a remark when it is not the one that was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// What is sent.
    pub wire: Value,
    /// What was repaired, to be read after the field's name.
    pub note: Option<String>,
}

impl Encoded {
    fn exact(wire: impl Into<Value>) -> Self {
        Self { wire: wire.into(), note: None }
    }

    fn repaired(wire: impl Into<Value>, note: impl Into<String>) -> Self {
        Self { wire: wire.into(), note: Some(note.into()) }
    }
}

impl Kind {
    /// The kind's schema in the subset that every MCP client accepts: one scalar `type`, no union.
    pub fn schema(self) -> Map<String, Value> {
        let schema = match self {
            Self::Text
            | Self::Markup
            | Self::Status
            | Self::Stage
            | Self::Currency
            | Self::Date
            | Self::DateTime
            | Self::Any => json!({"type": "string"}),
            Self::YesNo => json!({"type": "string", "enum": ["Y", "N"]}),
            Self::Integer | Self::Percent | Self::Category | Self::User | Self::Link => {
                json!({"type": "integer"})
            }
            Self::Number | Self::Amount => json!({"type": "number"}),
            Self::Users | Self::Links | Self::Integers => {
                json!({"type": "array", "items": {"type": "integer"}})
            }
            Self::Picture | Self::Multifield => {
                json!({"type": "object", "additionalProperties": true})
            }
        };
        match schema {
            Value::Object(schema) => schema,
            _ => Map::new(),
        }
    }

    /// Whether the portal takes the value for no value.
    pub fn is_empty(self, value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::String(text) => {
                text.trim().is_empty() || (self.zero_is_empty() && text.trim() == "0")
            }
            Value::Array(values) => values.iter().all(|value| self.is_empty(value)),
            Value::Object(entries) => entries.is_empty(),
            Value::Number(number) => self.zero_is_empty() && number.as_f64() == Some(0.0),
            Value::Bool(_) => false,
        }
    }

    /// The value that empties a field of this kind: the portal stores an empty value as null before
    /// it looks at the type, and a link list, a link and a flag have forms of their own.
    pub fn cleared(self) -> Value {
        match self {
            Self::Users | Self::Links | Self::Integers => json!([]),
            Self::Link => json!(0),
            Self::YesNo => json!("N"),
            _ => json!(""),
        }
    }

    /// Turns a value into its wire form, or says why it cannot be one.
    ///
    /// # Errors
    ///
    /// What the value must be, to be read after the field's name.
    pub fn encode(self, value: &Value) -> Result<Encoded, String> {
        if self.is_empty(value) && self != Self::Any {
            // An amount may be written as 0; it goes out as it was written.
            return Ok(Encoded::exact(if matches!(value, Value::Number(_)) {
                value.clone()
            } else {
                self.cleared()
            }));
        }
        match self {
            Self::Text | Self::Markup | Self::Status | Self::Stage => encode_text(value),
            Self::Currency => encode_currency(value),
            Self::YesNo => encode_yes_no(value),
            Self::Integer | Self::Percent | Self::Category => {
                whole(value, i64::MIN..=i64::MAX).ok_or_else(|| must_be("a whole number", value))
            }
            Self::User | Self::Link => whole(value, 0..=i64::MAX)
                .ok_or_else(|| must_be("the id of an item, a whole number", value)),
            Self::Number | Self::Amount => encode_number(value),
            Self::Users | Self::Links | Self::Integers => encode_ids(value),
            Self::Date => encode_date(value),
            Self::DateTime => encode_moment(value),
            Self::Picture | Self::Multifield | Self::Any => Ok(Encoded::exact(value.clone())),
        }
    }

    /// Whether a field that holds `now` already is what `asked` asks for.
    pub fn same(self, asked: &Value, now: &Value) -> bool {
        if self.is_empty(asked) {
            return match self {
                Self::YesNo => !truth(now).unwrap_or(false),
                // A cleared number is stored as null and may be answered as 0.
                Self::Integer | Self::Percent | Self::Number | Self::Any => {
                    self.is_empty(now) || number(now) == Some(0.0)
                }
                _ => self.is_empty(now),
            };
        }
        match self {
            Self::YesNo => truth(asked).is_some_and(|asked| asked == truth(now).unwrap_or(false)),
            Self::Integer
            | Self::Percent
            | Self::Number
            | Self::Amount
            | Self::Category
            | Self::User
            | Self::Link => match (number(asked), number(now)) {
                (Some(asked), Some(now)) => nearly(asked, now),
                _ => false,
            },
            Self::Users => sorted_ids(asked) == sorted_ids(now),
            Self::Links => {
                sorted_ids(asked) == sorted_ids(now) && ids(asked).first() == ids(now).first()
            }
            Self::Integers => ids(asked) == ids(now),
            Self::Date => match (day(asked), day(now)) {
                (Some(asked), Some(now)) => asked == now,
                _ => false,
            },
            Self::DateTime => match (moment(asked), moment(now)) {
                (Some(asked), Some(now)) => asked.same(now),
                _ => false,
            },
            Self::Text | Self::Markup | Self::Status | Self::Stage | Self::Currency => {
                plain(asked).is_some_and(|asked| Some(asked) == plain(now))
            }
            Self::Picture | Self::Multifield | Self::Any => loosely_same(asked, now),
        }
    }

    /// Whether `now` is the portal's own way to store `asked`: to be noted, not to be reported.
    pub fn is_rewritten(self, asked: &Value, now: &Value) -> bool {
        match self {
            Self::Text => match (plain(asked), plain(now)) {
                (Some(asked), Some(now)) => asked.trim() == now.trim(),
                _ => false,
            },
            Self::Markup => match (asked.as_str(), now.as_str()) {
                (Some(asked), Some(now)) => words(asked) == words(now),
                _ => false,
            },
            Self::Number | Self::Amount => match (number(asked), number(now)) {
                // Rounded to the two decimals of a currency, or to fewer.
                (Some(asked), Some(now)) => (asked - now).abs() < 0.01 && asked.fract() != 0.0,
                _ => false,
            },
            Self::Percent => match (number(asked), number(now)) {
                (Some(asked), Some(now)) => nearly(asked.clamp(0.0, 100.0), now),
                _ => false,
            },
            _ => false,
        }
    }

    const fn zero_is_empty(self) -> bool {
        matches!(self, Self::Amount | Self::User | Self::Users | Self::Link | Self::Links)
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

fn encode_text(value: &Value) -> Result<Encoded, String> {
    match value {
        Value::String(text) => Ok(Encoded::exact(text.clone())),
        Value::Number(number) => Ok(Encoded::exact(number.to_string())),
        _ => Err(must_be("text", value)),
    }
}

fn encode_currency(value: &Value) -> Result<Encoded, String> {
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

fn encode_yes_no(value: &Value) -> Result<Encoded, String> {
    match truth(value) {
        // The portal takes `1` and `"yes"` for no, so only the letters go out.
        Some(yes) => Ok(Encoded::exact(if yes { "Y" } else { "N" })),
        None => Err(must_be("`Y` or `N`", value)),
    }
}

fn whole(value: &Value, range: std::ops::RangeInclusive<i64>) -> Option<Encoded> {
    let number = match value {
        Value::Number(number) => number.as_i64().or_else(|| whole_float(number.as_f64()?))?,
        Value::String(text) => text.trim().parse::<i64>().ok()?,
        _ => return None,
    };
    range.contains(&number).then(|| Encoded::exact(number))
}

/// A float with no fraction, within the range that floats count exactly.
fn whole_float(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() != 0.0 || number.abs() > EXACT {
        return None;
    }
    format!("{number:.0}").parse().ok()
}

fn encode_number(value: &Value) -> Result<Encoded, String> {
    match value {
        Value::Number(_) => Ok(Encoded::exact(value.clone())),
        Value::String(text) => {
            // The portal cuts `"10,5"` to 10 and reads `"abc"` as 0, so both are refused here.
            let text = text.trim();
            let decimal = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-'));
            match text.parse::<f64>() {
                Ok(number) if decimal && number.is_finite() => match text.parse::<i64>() {
                    Ok(whole) => Ok(Encoded::exact(whole)),
                    Err(_) => Ok(Encoded::exact(number)),
                },
                _ => Err(must_be("a number such as `10000` or `99.5`", value)),
            }
        }
        _ => Err(must_be("a number such as `10000` or `99.5`", value)),
    }
}

fn encode_ids(value: &Value) -> Result<Encoded, String> {
    let wrong = || must_be("a list of ids such as `[1, 2]`", value);
    let (given, wrapped) = match value {
        Value::Array(values) => (values.as_slice(), false),
        one @ (Value::Number(_) | Value::String(_)) => (std::slice::from_ref(one), true),
        _ => return Err(wrong()),
    };
    let mut list = Vec::with_capacity(given.len());
    for id in given {
        let id = whole(id, 1..=i64::MAX).ok_or_else(wrong)?.wire;
        if !list.contains(&id) {
            list.push(id);
        }
    }
    if wrapped {
        Ok(Encoded::repaired(list, "was one value and was read as a list of one"))
    } else if list.len() < given.len() {
        Ok(Encoded::repaired(list, "held an id twice, which was left out"))
    } else {
        Ok(Encoded::exact(list))
    }
}

fn encode_date(value: &Value) -> Result<Encoded, String> {
    let Some(text) = value.as_str() else {
        return Err(must_be("a date such as `2026-07-31`", value));
    };
    match dates::read_date(text) {
        Reading::Exact(date) => Ok(Encoded::exact(date.to_string())),
        Reading::Repaired(date) => {
            Ok(Encoded::repaired(date.to_string(), format!("was read as `{date}`")))
        }
        Reading::Ambiguous(one, other) => {
            Err(format!("can be read as `{one}` or as `{other}`; send the one that is meant"))
        }
        Reading::Impossible => Err(must_be("a date such as `2026-07-31`", value)),
    }
}

fn encode_moment(value: &Value) -> Result<Encoded, String> {
    let expected = "a moment such as `2026-07-31T10:00:00+02:00`";
    let Some(text) = value.as_str() else {
        return Err(must_be(expected, value));
    };
    match dates::read_moment(text) {
        Reading::Exact(moment @ dates::Moment::Instant(..)) => Ok(Encoded::exact(moment.wire())),
        Reading::Exact(moment) | Reading::Repaired(moment) => {
            let wire = moment.wire();
            let note =
                format!("was read as `{wire}` on the portal's own clock, because it has no offset");
            Ok(Encoded::repaired(wire, note))
        }
        Reading::Ambiguous(one, other) => Err(format!(
            "can be read as `{}` or as `{}`; send the one that is meant",
            one.wire(),
            other.wire()
        )),
        Reading::Impossible => Err(must_be(expected, value)),
    }
}

fn must_be(expected: &str, value: &Value) -> String {
    format!("must be {expected}, not {}", shown(value))
}

/// A value as messages show it: its JSON, cut when long.
pub fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        format!("`{text}`")
    } else {
        let start: String = text.chars().take(LONGEST).collect();
        format!("`{start}…`")
    }
}

/// Yes or no, in any of the forms that assistants and portals write.
pub fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_f64() {
            Some(1.0) => Some(true),
            Some(0.0) => Some(false),
            _ => None,
        },
        Value::String(text) => match text.trim().to_lowercase().as_str() {
            "y" | "yes" | "true" | "1" => Some(true),
            "n" | "no" | "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
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

fn ids(value: &Value) -> Vec<i64> {
    match value {
        Value::Array(values) => {
            values.iter().filter_map(|id| whole(id, 1..=i64::MAX)?.wire.as_i64()).collect()
        }
        one => whole(one, 1..=i64::MAX).and_then(|id| id.wire.as_i64()).into_iter().collect(),
    }
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
    use super::*;

    #[test]
    fn values_are_encoded_as_the_portal_documents_them() {
        let cases = [
            (Kind::Text, json!("REST Deal #1"), json!("REST Deal #1")),
            (Kind::Text, json!(12), json!("12")),
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
            (Kind::Link, json!(""), json!(0)),
            (Kind::Links, json!("5"), json!([5])),
            (Kind::Links, json!([5, "6", 5]), json!([5, 6])),
            (Kind::Links, json!(null), json!([])),
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
            (Kind::Date, json!("05/03/2026")),
            (Kind::Date, json!("2026-02-30")),
            (Kind::Date, json!(20_260_731)),
            (Kind::DateTime, json!("soon")),
        ];
        for (kind, given) in cases {
            assert!(kind.encode(&given).is_err(), "{kind:?} {given}");
        }
    }

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
            (Kind::Stage, json!("C9:NEW"), json!("C9:WON"), false),
            (Kind::User, json!(6), json!(1), false),
        ];
        for (kind, asked, now, rewritten) in cases {
            assert_eq!(kind.is_rewritten(&asked, &now), rewritten, "{kind:?} {asked} {now}");
        }
    }
}
