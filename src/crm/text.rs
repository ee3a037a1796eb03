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

/// Whether a folded query is in the text, or nearly one of its words.
pub fn matches(query: &str, text: &str) -> bool {
    let text = folded(text);
    let is_near = |word: &str| {
        let length = query.chars().count();
        let is_a_slip = strsim::damerau_levenshtein(query, word) <= length / 5;
        // `closing` and `close`, `договора` and `договор`.
        let longer = length.max(word.chars().count());
        let shared = query.chars().zip(word.chars()).take_while(|(one, other)| one == other);
        let shared = shared.count();
        length >= 4 && (is_a_slip || (shared >= 4 && shared + 3 >= longer))
    };
    text.contains(query) || text.split(|c: char| !c.is_alphanumeric()).any(is_near)
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

/// The words of a text, folded; a name such as `stageId` falls into its parts.
pub fn words(text: &str) -> Vec<String> {
    let mut parts = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            parts.push(' ');
        }
        parts.push(c);
        before = c;
    }
    let parts = folded(&parts);
    parts
        .split(|c: char| !c.is_alphanumeric())
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect()
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

    #[test]
    fn a_slip_in_a_word_is_found_and_another_word_is_not() {
        assert!(matches("negotation", "In negotiation"));
        assert!(matches("догов", "Номер договора"));
        assert!(matches("closing", "Expected close date"));
        assert!(matches("договоры", "Номер договора"));
        assert!(!matches("won", "In work"));
    }

    #[test]
    fn names_and_titles_fall_into_words() {
        assert_eq!(words("stageId"), ["stage", "id"]);
        assert_eq!(words("Номер договора (№)"), ["номер", "договора"]);
        assert_eq!(words("ufCrm_1730000000009"), ["uf", "crm", "1730000000009"]);
    }
}
