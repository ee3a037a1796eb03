//! How well texts match a query: by whole words, by parts and misspellings of them, and across
//! scripts.

use super::text;

/// How well a text matches a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It does not.
    None,
    /// Only the field's description matches.
    Meaning,
    /// Each word of the query resembles a word: it is another form of it, or misspelt.
    Near,
    /// Each word of the query is a part of a word.
    Part,
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
    let of_word = |asked: &String| {
        let of_each = there.iter().map(|word| match word.contains(asked) {
            true => Likeness::Part,
            false if is_form_or_slip(asked, word) => Likeness::Near,
            false => Likeness::None,
        });
        of_each.max().unwrap_or(Likeness::None)
    };
    query.iter().map(of_word).min().unwrap_or(Likeness::None)
}

/// The words of a query that no text matches.
pub fn unmatched(query: &[String], texts: &[&str]) -> Vec<String> {
    let is_open = |asked: &&String| likeness(std::slice::from_ref(*asked), texts) == Likeness::None;
    query.iter().filter(is_open).cloned().collect()
}

/// The words of a text, folded and in Latin letters; a name such as `stageId` falls into its parts.
pub fn words(text: &str) -> Vec<String> {
    let text = first_of(text, MAX_WORDS * (MAX_CHARACTERS + 1));
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
        .map(|word| in_one_spelling(&in_latin_letters(first_of(word, MAX_CHARACTERS))))
        .filter(|word| !word.is_empty())
        .take(MAX_WORDS)
        .collect()
}

/// No name needs more words or longer ones; comparing them takes the product of their numbers.
const MAX_WORDS: usize = 32;
const MAX_CHARACTERS: usize = 64;

fn first_of(word: &str, characters: usize) -> &str {
    word.char_indices().nth(characters).map_or(word, |(end, _)| word.get(..end).unwrap_or(word))
}

/// Spellings of the same Cyrillic letters: `Aleksei` and `Alexey`, `Khabarov` and
/// `Habarov`, `Shchukin` and `Schukin`.
fn in_one_spelling(latin: &str) -> String {
    let mut spelled = latin.to_owned();
    for (one, other) in [("shch", "sch"), ("kh", "h"), ("x", "ks"), ("y", "i"), ("j", "i")] {
        if spelled.contains(one) {
            spelled = spelled.replace(one, other);
        }
    }
    spelled
}

fn is_form_or_slip(asked: &str, word: &str) -> bool {
    let length = asked.chars().count();
    if length < 4 {
        return false;
    }
    let is_near_in_length = word.chars().count().abs_diff(length) <= length / 5;
    let is_a_slip = is_near_in_length && strsim::damerau_levenshtein(asked, word) <= length / 5;
    // `closing` and `close`, `договора` and `договор`; `Ольги` and `Ольга`, whose last letter
    // differs.
    let longer = length.max(word.chars().count());
    let shared = asked.chars().zip(word.chars()).take_while(|(one, other)| one == other).count();
    let is_a_form = (shared >= 4 && shared + 3 >= longer) || (shared >= 3 && shared + 1 >= longer);
    is_a_slip || is_a_form
}

/// Beginnings by which a search for single names finds the words of a query in other forms and
/// letters: the longest word first, in its own script and in the other one.
pub fn beginnings(query: &str) -> Vec<String> {
    let mut words: Vec<String> = text::words(query);
    words.retain(|word| word.chars().count() >= 3);
    words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    let mut beginnings = Vec::new();
    for word in words {
        let is_cyrillic = word.chars().any(|c| matches!(c, '\u{400}'..='\u{4ff}'));
        let other = if is_cyrillic { in_latin_letters(&word) } else { in_cyrillic_letters(&word) };
        for spelling in [word, other] {
            let length = spelling.chars().count();
            // Endings of forms have up to three letters.
            let kept = if length > 6 { length - 3 } else { length.min(4).min((length - 1).max(3)) };
            let beginning: String = spelling.chars().take(kept).collect();
            if !beginning.is_empty() && !beginnings.contains(&beginning) {
                beginnings.push(beginning);
            }
        }
    }
    beginnings
}

/// Latin letters as the Cyrillic ones that they mostly represent.
fn in_cyrillic_letters(folded: &str) -> String {
    const LETTERS: [(&str, &str); 41] = [
        ("shch", "щ"),
        ("sch", "щ"),
        ("zh", "ж"),
        ("kh", "х"),
        ("ts", "ц"),
        ("ch", "ч"),
        ("sh", "ш"),
        ("yu", "ю"),
        ("iu", "ю"),
        ("ju", "ю"),
        ("ya", "я"),
        ("ia", "я"),
        ("ja", "я"),
        ("ye", "е"),
        ("ph", "ф"),
        ("a", "а"),
        ("b", "б"),
        ("c", "к"),
        ("d", "д"),
        ("e", "е"),
        ("f", "ф"),
        ("g", "г"),
        ("h", "х"),
        ("i", "и"),
        ("j", "й"),
        ("k", "к"),
        ("l", "л"),
        ("m", "м"),
        ("n", "н"),
        ("o", "о"),
        ("p", "п"),
        ("q", "к"),
        ("r", "р"),
        ("s", "с"),
        ("t", "т"),
        ("u", "у"),
        ("v", "в"),
        ("w", "в"),
        ("x", "кс"),
        ("y", "ы"),
        ("z", "з"),
    ];
    let mut cyrillic = String::with_capacity(folded.len() * 2);
    let mut rest = folded;
    while let Some(first) = rest.chars().next() {
        let found = LETTERS
            .iter()
            .find_map(|(latin, letter)| rest.strip_prefix(latin).map(|after| (*letter, after)));
        if let Some((letter, after)) = found {
            cyrillic.push_str(letter);
            rest = after;
        } else {
            cyrillic.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    cyrillic
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
        use Likeness::{Near, None, Part, Word};
        let cases = [
            ("stage", "stageId", Word),
            ("negotiation", "In negotiation", Word),
            ("negotation", "In negotiation", Near),
            ("closing", "Expected close date", Near),
            ("won", "In work", None),
            ("догов", "Номер договора", Part),
            ("договоры", "Номер договора", Near),
            ("date contract", "Contract signed", None),
            ("Olga", "Ольга Иванова", Word),
            ("Sergey", "Сергей", Word),
            ("Щукин", "Alexey Schukin", Word),
            ("priority", "Приоритет", Near),
            ("dogovor", "Номер договора", Part),
            ("Olga Petrova", "Ольга Иванова", None),
            ("Гусева", "Иван Гусев", Near),
            ("Гусеву", "Иван Гусев", Near),
            ("Гусевым", "Иван Гусев", Near),
            ("Gusev", "Иван Гусев", Word),
            ("Guseva", "Иван Гусев", Near),
            ("Гусев", "Ivan Gusev", Word),
            ("Достоевского", "Фёдор Достоевский", Near),
            ("Толстой", "Lev Tolstoy", Word),
            ("Ольги", "Ольга Иванова", Near),
            ("Alexey", "Алексей", Word),
            ("Khabarov", "Хабаров", Word),
            ("Shchukin", "Щукин", Word),
            ("Yulia", "Юлия", Near),
            ("Соловьёва", "Solovyov", Near),
            ("Гусев", "Иван Петров", None),
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

    #[test]
    fn beginnings_leave_out_endings_and_come_in_both_scripts() {
        let cases: [(&str, &[&str]); 6] = [
            ("Гусева", &["гусе", "guse"]),
            ("Guseva", &["guse", "гусе"]),
            ("Достоевского", &["достоевск", "dostoevsk"]),
            ("Ольги", &["ольг", "olg"]),
            ("Shchukin", &["shchu", "щуки"]),
            ("у Ивана Гусева", &["гусе", "guse", "иван", "ivan"]),
        ];
        for (query, expected) in cases {
            assert_eq!(beginnings(query), expected, "{query}");
        }
    }
}
