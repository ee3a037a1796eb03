//! Folding of texts that people write: case, accents and surrounding space say nothing.

use icu_normalizer::DecomposingNormalizerBorrowed;

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
        length >= 4 && strsim::damerau_levenshtein(query, word) <= length / 5
    };
    text.contains(query) || text.split(|c: char| !c.is_alphanumeric()).any(is_near)
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
        assert!(!matches("won", "In work"));
    }
}
