//! Folding of texts that people write: case, accents and surrounding space say nothing.

use std::fmt::Display;

use icu_normalizer::DecomposingNormalizerBorrowed;
use serde_json::Value;

/// The text without case, accents and space around it: `Créée ` and `creee` are the same, `ё` and
/// `е` too.
pub fn folded(text: &str) -> String {
    // Decomposed, an accent is a character of its own.
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text.trim());
    let is_accent = |c: &char| matches!(c, '\u{300}'..='\u{36f}');
    decomposed.chars().filter(|c| !is_accent(c)).flat_map(char::to_lowercase).collect()
}

/// The words of a text, folded, in their own letters.
pub fn words(text: &str) -> Vec<String> {
    let folded = folded(text);
    let words = folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// Codes with their names, the first of many: `NEW` "New", `WON` "Won", and 12 more.
pub fn listed<C: Display, N: AsRef<str>>(entries: &[(C, N)]) -> String {
    const MOST: usize = 20;
    let shown = entries.iter().take(MOST);
    let mut shown: Vec<String> =
        shown.map(|(code, name)| format!("`{code}` {}", quoted(name.as_ref()))).collect();
    let rest = entries.len().saturating_sub(MOST);
    if rest > 0 {
        shown.push(format!("and {rest} more"));
    }
    shown.join(", ")
}

/// A name as messages show it: in quotes, with what would end them written out.
pub fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_say_nothing() {
        let cases = [
            (" Oportunität ", "oportunitat"),
            ("Créée", "creee"),
            ("Съёмка", "съемка"),
            ("Ångström", "angstrom"),
        ];
        for (text, plain) in cases {
            assert_eq!(folded(text), plain);
        }
    }
}
