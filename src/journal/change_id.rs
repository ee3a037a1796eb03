//! The id of a change: short enough to be repeated by assistants and people.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::random;

/// Digits and letters without those that look like others: `i`, `l`, `o` and `u` are missing.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// How many of them follow the `c`.
const LENGTH: u32 = 10;

/// The id of a change, such as `c4f0k2m9zq7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(String);

impl ChangeId {
    /// A new one. Where the system gives no randomness, the time has to do.
    pub(super) fn new() -> Self {
        let random = random::text().ok().and_then(|text| u128::from_str_radix(&text, 16).ok());
        let number = random.unwrap_or_else(|| {
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos())
        });
        let digit = |place: u32| {
            let index = usize::try_from((number >> (5 * place)) & 31).unwrap_or_default();
            ALPHABET.get(index).copied().map_or('0', char::from)
        };
        Self(std::iter::once('c').chain((0..LENGTH).map(digit)).collect())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ChangeId {
    /// What is wrong, to be read after the argument's name.
    type Err = &'static str;

    /// Reads what was copied by hand, too: capitals, quotes and spaces around it, `O` for `0`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_around = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
        let lower = text.trim_matches(is_around).to_ascii_lowercase();
        let meant: String = lower
            .chars()
            .map(|c| match c {
                'o' => '0',
                'i' | 'l' => '1',
                other => other,
            })
            .collect();
        let digits = meant.strip_prefix('c').unwrap_or_default().as_bytes();
        let is_whole = digits.len() == LENGTH as usize;
        if is_whole && digits.iter().all(|digit| ALPHABET.contains(digit)) {
            Ok(Self(meant))
        } else {
            Err("is not the id of a change, which is `c` and ten letters and digits")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_differ_and_are_read_back() {
        let ids: BTreeSet<ChangeId> = (0..100).map(|_| ChangeId::new()).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn an_id_copied_by_hand_is_understood() {
        let id: ChangeId = "c4f0k2m1zq7".parse().unwrap();
        for text in [" c4f0k2m1zq7\n", "`C4FOK2MIZQ7`", "\"c4fok2mlzq7\""] {
            assert_eq!(text.parse(), Ok(id.clone()), "{text}");
        }
        for text in ["", "c", "351", "c4f0k2m1zq", "c4f0k2m1zq77", "d4f0k2m1zq7", "c4f0k2m1zqж"] {
            assert!(text.parse::<ChangeId>().is_err(), "{text}");
        }
    }
}
