//! Numbers digit by digit: whole ones are compared exactly, fractions to a millionth. Floats would
//! call 7707083893 and 7707083894 the same as soon as a tolerance grows with the number.

use serde_json::Value;

/// Billionths in one.
const ONE: i128 = 1_000_000_000;
/// Two fractions this near are the same: portals keep fewer digits, and floats end in noise.
const MILLIONTH: i128 = ONE / 1_000_000;

/// A number in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decimal(i128);

impl Decimal {
    /// The number that a JSON value holds, also as text; `None` when it is none, or too large to be
    /// compared.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Self::read(&number.to_string()),
            Value::String(text) => Self::read(text.trim()),
            _ => None,
        }
    }

    /// Reads `12`, `-12.50` and `1.25e7`.
    pub fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (mantissa, exponent) = match lower.split_once('e') {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (lower.as_str(), 0),
        };
        let (is_negative, digits) = match mantissa.strip_prefix(['-', '+']) {
            Some(digits) => (mantissa.starts_with('-'), digits),
            None => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_number = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        // The digits are shifted to billionths; smaller digits are rounded away.
        let places = 9 - i32::try_from(fraction.len()).ok()? + exponent;
        let all = format!("{whole}{fraction}");
        let all = all.trim_start_matches('0');
        let billionths = if all.is_empty() {
            0
        } else if places >= 0 {
            let scale = 10_i128.checked_pow(u32::try_from(places).ok()?)?;
            all.parse::<i128>().ok()?.checked_mul(scale)?
        } else {
            match all.len().checked_sub(usize::try_from(-places).ok()?) {
                None => 0,
                Some(length) => {
                    let (kept, lost) = all.split_at_checked(length)?;
                    let kept: i128 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
                    kept + i128::from(lost.starts_with(|c| c >= '5'))
                }
            }
        };
        Some(Self(if is_negative { -billionths } else { billionths }))
    }

    /// Whether both are the same number.
    pub fn same(self, other: Self) -> bool {
        let both_are_whole = self.is_whole() && other.is_whole();
        let distance = self.0.abs_diff(other.0);
        distance == 0 || (!both_are_whole && distance <= MILLIONTH.unsigned_abs())
    }

    /// Whether there is no fraction.
    pub const fn is_whole(self) -> bool {
        self.0 % ONE == 0
    }

    /// Whether `other` is this number rounded to the decimals of a currency, which are none to
    /// four.
    pub fn is_rounded_to(self, other: Self) -> bool {
        (0..=4).any(|decimals| {
            let unit = ONE / 10_i128.pow(decimals);
            let half = if self.0 < 0 { -unit / 2 } else { unit / 2 };
            (self.0 + half) / unit * unit == other.0
        })
    }

    /// The nearest number from 0 to 100.
    #[must_use]
    pub fn as_percent(self) -> Self {
        Self(self.0.clamp(0, 100 * ONE))
    }

    /// Whether the number is 0.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

/// Whether a text is a number as JSON and PHP write it: no plus, no zeros before it, no exponent.
pub fn is_canonical(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    is_number(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(is_number)
        && text != "-0"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_exact_and_fractions_nearly() {
        let cases = [
            (json!(7_707_083_893_u64), json!(7_707_083_894_u64), false),
            (json!(25_000_000_000_u64), json!("25000000001"), false),
            (json!(25_000_000_000_u64), json!("25000000000.00"), true),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false),
            (json!(200.05), json!("200.0500"), true),
            (json!(0.1), json!("0.1000004"), true),
            (json!(0.1), json!("0.10001"), false),
            (json!(0.3), json!(0.1 + 0.2), true),
            (json!(10), json!("10.01"), false),
            (json!(-5), json!("-5.0"), true),
            (json!(1e21), json!("1000000000000000000000"), true),
            (json!("1.5E+3"), json!(1500), true),
            (json!(0.000_000_000_1), json!(0), true),
            (json!("-0"), json!(0), true),
        ];
        for (one, other, same) in cases {
            let read = |value| Decimal::of(value).unwrap();
            assert_eq!(read(&one).same(read(&other)), same, "{one} {other}");
            assert_eq!(read(&other).same(read(&one)), same, "{other} {one}");
        }
        for none in [json!("abc"), json!(""), json!("1,5"), json!("--1"), json!("1e"), json!(null)]
        {
            assert_eq!(Decimal::of(&none), None, "{none}");
        }
    }

    #[test]
    fn rounding_is_known() {
        let cases = [
            ("99.999", "100", true),
            ("12.345", "12.35", true),
            ("-12.345", "-12.35", true),
            ("1234.56", "1235", true),
            ("1234.56", "1234", false),
            ("12.3", "12.35", false),
        ];
        for (number, rounded, is_rounded) in cases {
            let (number, rounded) = (Decimal::read(number), Decimal::read(rounded));
            assert_eq!(number.unwrap().is_rounded_to(rounded.unwrap()), is_rounded);
        }
    }

    #[test]
    fn only_plain_numbers_are_canonical() {
        for text in ["0", "10", "-10", "0.5", "10.00", "12345678901234567890"] {
            assert!(is_canonical(text), "{text}");
        }
        for text in ["", "-", "+7", "0123", "1e3", "10.", ".5", " 10", "-0", "1_000", "٣"] {
            assert!(!is_canonical(text), "{text}");
        }
    }
}
