//! How well texts match what somebody looks for: by whole words, by parts and slips of them, and
//! across scripts.

use super::text;

/// How well a text matches a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It does not.
    None,
    /// Only what the field means speaks of it.
    Meaning,
    /// Each word of the query is a part of a word, or nearly one.
    Near,
    /// Each word of the query is a word of the text.
    Word,
}

/// How well the texts together match the words of a query.
pub fn likeness(query: &[String], texts: &[&str]) -> Likeness {
    if query.is_empty() {
        return Likeness::None;
    }
    let there: Vec<String> = texts.iter().flat_map(|text| words(text)).collect();
    if query.iter().all(|asked| there.contains(asked)) {
        return Likeness::Word;
    }
    let is_near = |asked: &String| there.iter().any(|word| is_part_or_slip(asked, word));
    if query.iter().all(is_near) { Likeness::Near } else { Likeness::None }
}

/// The words of a query that the texts do not speak of.
pub fn unmatched(query: &[String], texts: &[&str]) -> Vec<String> {
    let is_open = |asked: &&String| likeness(std::slice::from_ref(*asked), texts) == Likeness::None;
    query.iter().filter(is_open).cloned().collect()
}

/// The words of a text, folded and in Latin letters; a name such as `stageId` falls into its parts.
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
    text::folded(&parts)
        .split(|c: char| !c.is_alphanumeric())
        .map(in_latin_letters)
        .filter(|word| !word.is_empty())
        .collect()
}

fn is_part_or_slip(asked: &str, word: &str) -> bool {
    let length = asked.chars().count();
    let is_a_slip = strsim::damerau_levenshtein(asked, word) <= length / 5;
    // `closing` and `close`, `договора` and `договор`.
    let longer = length.max(word.chars().count());
    let shared = asked.chars().zip(word.chars()).take_while(|(one, other)| one == other).count();
    let is_a_form = shared >= 4 && shared + 3 >= longer;
    word.contains(asked) || (length >= 4 && (is_a_slip || is_a_form))
}

/// Cyrillic letters as people type them on a Latin keyboard, so that `Olga` finds `Ольга`.
fn in_latin_letters(folded: &str) -> String {
    let mut latin = String::with_capacity(folded.len());
    for c in folded.chars() {
        let letters = match c {
            'а' => "a",
            'б' => "b",
            'в' => "v",
            'г' | 'ґ' => "g",
            'д' => "d",
            'е' | 'є' | 'э' => "e",
            'ж' => "zh",
            'з' => "z",
            'и' | 'і' => "i",
            'к' => "k",
            'л' => "l",
            'м' => "m",
            'н' => "n",
            'о' => "o",
            'п' => "p",
            'р' => "r",
            'с' => "s",
            'т' => "t",
            'у' => "u",
            'ф' => "f",
            'х' => "h",
            'ц' => "ts",
            'ч' => "ch",
            'ш' => "sh",
            'щ' => "sch",
            'ъ' | 'ь' => "",
            'ы' => "y",
            'ю' => "yu",
            'я' => "ya",
            other => {
                latin.push(other);
                continue;
            }
        };
        latin.push_str(letters);
    }
    latin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_by_words_parts_slips_and_forms_in_any_script() {
        use Likeness::{Near, None, Word};
        let cases = [
            ("stage", "stageId", Word),
            ("negotiation", "In negotiation", Word),
            ("negotation", "In negotiation", Near),
            ("closing", "Expected close date", Near),
            ("won", "In work", None),
            ("догов", "Номер договора", Near),
            ("договоры", "Номер договора", Near),
            ("date contract", "Contract signed", None),
            ("Olga", "Ольга Иванова", Word),
            ("Sergey", "Сергей", Near),
            ("Щукин", "Alexey Schukin", Word),
            ("priority", "Приоритет", Near),
            ("dogovor", "Номер договора", Near),
            ("Olga Petrova", "Ольга Иванова", None),
        ];
        for (query, text, expected) in cases {
            assert_eq!(likeness(&words(query), &[text]), expected, "{query} in {text}");
        }
    }

    #[test]
    fn names_and_titles_fall_into_words() {
        assert_eq!(words("stageId"), ["stage", "id"]);
        assert_eq!(words("Номер договора (№)"), ["nomer", "dogovora"]);
        assert_eq!(words("ufCrm_1730000000009"), ["uf", "crm", "1730000000009"]);
    }
}
