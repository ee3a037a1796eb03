//! When a value is the portal's own form of the requested one. Only known rewrites count, and none
//! of them loses a word or a link's target.

use serde_json::Value;

use super::{
    Kind,
    same::{money, plain},
};
use crate::crm::{decimal::Decimal, markup};

pub(super) fn is_rewritten(kind: Kind, asked: &Value, now: &Value) -> bool {
    let both = |read: fn(&Value) -> Option<Decimal>| read(asked).zip(read(now));
    match kind {
        Kind::Text | Kind::Any => match (asked.as_str(), now.as_str()) {
            (Some(asked), Some(now)) => spaced(asked) == spaced(now) || is_address(asked, now),
            _ => false,
        },
        Kind::Markup => match (asked.as_str(), now.as_str()) {
            (Some(asked), Some(now)) => markup::pieces(asked) == markup::pieces(now),
            _ => false,
        },
        // To the decimals of the currency.
        Kind::Number | Kind::Amount => {
            both(Decimal::of).is_some_and(|(asked, now)| asked.is_rounded_to(now))
        }
        Kind::Money => match (money(asked), money(now)) {
            (Some((asked, one)), Some((now, other))) => one == other && asked.is_rounded_to(now),
            _ => false,
        },
        // Where a field links to one entity type only, the id alone is kept.
        Kind::CrmLink => match (asked.as_str().and_then(|text| text.split_once('_')), now) {
            (Some((_, id)), now) => plain(now).is_some_and(|now| now.trim() == id),
            _ => false,
        },
        Kind::Percent => both(Decimal::of).is_some_and(|(asked, now)| asked.as_percent().same(now)),
        _ => false,
    }
}

/// A text without what portals do to its space: line ends, doubled spaces, space around it.
fn spaced(text: &str) -> String {
    let lines = text.trim().lines().map(|line| {
        let words = line.split([' ', '\t', '\u{a0}']).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `Main St 1|;|35`: an address field keeps the text and adds where it is.
fn is_address(asked: &str, now: &str) -> bool {
    let place = now.trim().strip_prefix(asked.trim()).and_then(|rest| rest.strip_prefix("|;|"));
    place.is_some_and(|place| {
        place.chars().all(|c| c.is_ascii_digit() || matches!(c, ';' | '|' | '.' | '-'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_portals_own_spelling_is_a_rewrite() {
        let cases = [
            (Kind::Text, json!(" Acme "), json!("Acme"), true),
            (Kind::Text, json!("Acme"), json!("Acne"), false),
            (Kind::Text, json!("a  b\r\nc"), json!("a b\nc"), true),
            (Kind::Text, json!("a b\nc"), json!("a b c"), false),
            (Kind::Text, json!("Main St 1"), json!("Main St 1|;|35"), true),
            (Kind::Text, json!("Main St 1"), json!("Main St 2|;|35"), false),
            (Kind::Text, json!("Main St 1"), json!("Main St 1|;|no, 2"), false),
            (Kind::Text, json!("<b>a</b>"), json!("a"), false),
            (Kind::Markup, json!("<b>Call</b> back"), json!("[b]Call[/b] back"), true),
            (Kind::Markup, json!("<p>one</p><p>two</p>"), json!("one\ntwo"), true),
            (Kind::Markup, json!("call back"), json!("call"), false),
            (Kind::Markup, json!("Call [Monday]"), json!("Call [Tuesday]"), false),
            (Kind::Amount, json!(99.999), json!(100), true),
            (Kind::Amount, json!(10_000), json!(10_000.5), false),
            (Kind::Amount, json!(10_000), json!(10_001), false),
            (Kind::Amount, json!(1234.56), json!(1235), true),
            (Kind::Money, json!("99.999|USD"), json!("100|USD"), true),
            (Kind::Money, json!("99.999|USD"), json!("100|EUR"), false),
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
