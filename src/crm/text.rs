//! Folding of texts that people write: case, accents and surrounding space do not matter.

use icu_normalizer::DecomposingNormalizerBorrowed;
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

/// The first characters of a text, and a sign where more follow.
pub fn beginning(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default().trim_end()),
        None => text.to_owned(),
    }
}

/// A portal's code as messages show it: only when it has the form of one, because a code could be
/// a sentence of its own.
pub fn code(code: &str) -> String {
    if is_code(code) { format!("`{code}`") } else { "(a code of other characters)".to_owned() }
}

/// Whether a text has the form of a code.
pub fn is_code(text: &str) -> bool {
    const MAX_CHARACTERS: usize = 64;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.');
    !text.is_empty() && text.len() <= MAX_CHARACTERS && text.chars().all(is_plain)
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
