//! How texts are shown: invisible characters escaped, and read back where they return; long texts
//! cut.
//!
//! A portal's texts come from outsiders. Invisible characters in them (controls, marks that change
//! the direction of reading, characters without a width) could deceive a reader of an answer.
//! Joiners and variation selectors that belong to their neighbours are part of the writing and
//! stay.

use std::borrow::Cow;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        BidiControl, DefaultIgnorableCodePoint, ExtendedPictographic, GeneralCategory, Script,
    },
};

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// Lengths to which the texts of an answer are cut, one after the other, until it is short enough.
pub const CUTS: [usize; 4] = [2_000, 500, 200, 80];

const BLACK_FLAG: char = '\u{1f3f4}';
const END_OF_TAGS: char = '\u{e007f}';

/// The text with its invisible characters written out as `\u{200b}`, but for line ends and tabs. A
/// backslash that would look like such an escape is written out as well, so that [`read_back`]
/// gives the text again.
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !is_invisible(c);
    if text.chars().all(is_plain) && !text.contains("\\u{") {
        return Cow::Borrowed(text);
    }
    let characters: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let before = at.checked_sub(1).and_then(|before| characters.get(before)).copied();
        let after = characters.get(at + 1..).unwrap_or_default();
        if c == BLACK_FLAG
            && let Some(tags) = flag_tags(after)
        {
            shown.push(c);
            shown.extend(after.iter().take(tags));
            at += 1 + tags;
            continue;
        }
        let is_escape = c == '\\' && after.starts_with(&['u', '{']);
        if is_escape || (is_invisible(c) && !belongs(c, before, after)) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
        at += 1;
    }
    Cow::Owned(shown)
}

/// The text on one line of a terminal or a log: its line ends are written out as well.
pub fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in visible(text).chars() {
        if matches!(c, '\n' | '\r' | '\t') {
            line.extend(c.escape_unicode());
        } else {
            line.push(c);
        }
    }
    line
}

/// The text with the escapes of [`visible`] read as the characters that they show.
pub fn read_back(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u{") {
        return Cow::Borrowed(text);
    }
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\u{") {
        let (before, escape) = rest.split_at(at);
        read.push_str(before);
        if let Some((c, length)) = escaped(escape) {
            read.push(c);
            rest = escape.get(length..).unwrap_or_default();
        } else {
            read.push('\\');
            rest = escape.get(1..).unwrap_or_default();
        }
    }
    read.push_str(rest);
    Cow::Owned(read)
}

/// The character of an escape of ours, and the escape's length.
fn escaped(text: &str) -> Option<(char, usize)> {
    const MAX_DIGITS: usize = 6;
    let digits = text.get(3..)?.chars().take_while(char::is_ascii_hexdigit).count();
    let end = 3 + digits;
    if !(1..=MAX_DIGITS).contains(&digits) || !text.get(end..)?.starts_with('}') {
        return None;
    }
    let c = char::from_u32(u32::from_str_radix(text.get(3..end)?, 16).ok()?)?;
    (c == '\\' || is_invisible(c)).then_some((c, end + 1))
}

/// The beginning of a text that is longer than so many characters, with how many it has.
pub fn cut(text: &str, longest: usize) -> Option<String> {
    let count = text.chars().count();
    (count > longest).then(|| {
        let start: String = text.chars().take(longest).collect();
        format!("{start}… ({count} characters)")
    })
}

fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t');
    }
    c.is_control()
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || CodePointSetData::new::<BidiControl>().contains(c)
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Whether an invisible character belongs to the writing around it.
fn belongs(c: char, before: Option<char>, after: &[char]) -> bool {
    let Some(before) = before else {
        return false;
    };
    match (c, after.first()) {
        (ZERO_WIDTH_JOINER, Some(&after)) if is_pictograph(after) => ends_pictograph(before),
        (ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER, after) => {
            // At the end of a word a joiner shapes the letter before it.
            joins_letters(before) && after.is_none_or(|after| !is_invisible(*after))
        }
        ('\u{fe0e}' | '\u{fe0f}', _) => {
            is_pictograph(before) || before.is_ascii_digit() || matches!(before, '#' | '*')
        }
        ('\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}', _) => is_varied(before),
        _ => false,
    }
}

/// The length of the tags that make a flag of the black one.
fn flag_tags(after: &[char]) -> Option<usize> {
    const MAX_TAGS: usize = 8;
    let is_tag = |c: &&char| matches!(**c, '\u{e0020}'..='\u{e007e}');
    let tags = after.iter().take_while(is_tag).count();
    let is_whole = after.get(tags) == Some(&END_OF_TAGS);
    (is_whole && (1..=MAX_TAGS).contains(&tags)).then_some(tags + 1)
}

fn is_pictograph(c: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

/// Whether a picture can end so: by itself, by its form, or by a tone of skin.
fn ends_pictograph(c: char) -> bool {
    is_pictograph(c) || c == '\u{fe0f}' || matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Whether a letter or mark is of a script whose letters join, where joiners are spelling.
fn joins_letters(c: char) -> bool {
    matches!(
        CodePointMapData::<Script>::new().get(c),
        Script::Arabic
            | Script::Syriac
            | Script::Mongolian
            | Script::Nko
            | Script::Devanagari
            | Script::Bengali
            | Script::Gurmukhi
            | Script::Gujarati
            | Script::Oriya
            | Script::Tamil
            | Script::Telugu
            | Script::Kannada
            | Script::Malayalam
            | Script::Sinhala
            | Script::Khmer
            | Script::Myanmar
            | Script::Tibetan
    )
}

/// Whether a character has variants: ideographs and letters of scripts that register some.
fn is_varied(c: char) -> bool {
    let script = CodePointMapData::<Script>::new().get(c);
    let category = CodePointMapData::<GeneralCategory>::new().get(c);
    matches!(script, Script::Han | Script::Mongolian | Script::Myanmar)
        || category == GeneralCategory::MathSymbol
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_hides_is_shown_and_what_belongs_stays() {
        let cases = [
            ("plain\ntext\t", "plain\ntext\t"),
            ("a\u{0}b\u{7}\u{1b}[31m\u{7f}\u{9b}", "a\\u{0}b\\u{7}\\u{1b}[31m\\u{7f}\\u{9b}"),
            ("Acme\u{200b}", "Acme\\u{200b}"),
            ("\u{202e}fdp.exe", "\\u{202e}fdp.exe"),
            ("a\u{ad}b\u{2060}\u{feff}\u{3164}", "a\\u{ad}b\\u{2060}\\u{feff}\\u{3164}"),
            ("a\u{200d}b", "a\\u{200d}b"),
            ("\u{200d}a\u{200d}", "\\u{200d}a\\u{200d}"),
            ("hidden\u{e0068}\u{e0069}", "hidden\\u{e0068}\\u{e0069}"),
            ("a\u{fe0f}", "a\\u{fe0f}"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("ک\u{200d}", "ک\u{200d}"),
            ("ک\u{200d}\u{200d}", "ک\\u{200d}\\u{200d}"),
            ("क्\u{200d}ष", "क्\u{200d}ष"),
            ("👨\u{200d}👩\u{200d}👧", "👨\u{200d}👩\u{200d}👧"),
            ("👩🏽\u{200d}💻", "👩🏽\u{200d}💻"),
            ("🏳\u{fe0f}\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
            (
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
                "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
            ),
            ("🏴\u{e0067}\u{e0062}", "🏴\\u{e0067}\\u{e0062}"),
            ("葛\u{e0100}", "葛\u{e0100}"),
            ("\\u{200d}", "\\u{5c}u{200d}"),
            ("C:\\users", "C:\\users"),
        ];
        for (text, shown) in cases {
            assert_eq!(visible(text), shown);
            assert_eq!(read_back(&visible(text)), text);
        }
    }

    #[test]
    fn only_escapes_of_ours_are_read_back() {
        for text in ["\\u{41}", "\\u{}", "\\u{200d", "\\u{1234567}", "\\u{d83d}", "\\u200d"] {
            assert_eq!(read_back(text), text);
        }
        assert_eq!(read_back("a\\u{200D}b\\u{5c}"), "a\u{200d}b\\");
    }

    proptest! {
        #[test]
        fn what_is_shown_can_be_written_back(
            text in "([\\\\u{}0-9a-f]|[\\u{200b}-\\u{200f}]|[👨🏴ک]|[\\u{e0020}-\\u{e007f}]|\\PC|.){0,30}"
        ) {
            let shown = visible(&text).into_owned();
            prop_assert_eq!(read_back(&shown), text.as_str());
        }
    }
}
