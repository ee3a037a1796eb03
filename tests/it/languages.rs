//! What a page in Russian shows is what the page in English shows: the same calls and answers, the
//! same tables, the same headings. The words are its own. Its links are tested with all others.

use crate::pages::{blocks, headings, page, root, tables, translations};

/// The fewest pages in Russian, so that the tests do not pass without any.
const FEWEST: usize = 7;

/// The pages, each with its path in Russian, its text in Russian and in English.
fn texts() -> Vec<(String, String, String)> {
    let texts: Vec<_> = translations()
        .into_iter()
        .map(|(russian, english)| (russian.clone(), page(&russian), page(&english)))
        .collect();
    assert!(texts.len() >= FEWEST, "only {} pages have both languages", texts.len());
    texts
}

#[test]
fn each_russian_page_has_one_in_english() {
    for (russian, english) in translations() {
        assert!(root().join(&english).exists(), "{russian} has no {english}");
    }
}

#[test]
fn both_languages_show_the_same_blocks() {
    for (path, russian, english) in texts() {
        let (russian, english) = (blocks(&russian), blocks(&english));
        for (index, (russian, english)) in russian.iter().zip(&english).enumerate() {
            assert_eq!(russian, english, "{path}, block {}", index + 1);
        }
        assert_eq!(russian.len(), english.len(), "{path}: blocks");
    }
}

#[test]
fn tables_have_the_same_rows_and_code_in_both_languages() {
    let mut checked = 0;
    for (path, russian, english) in texts() {
        let (russian, english) = (tables(&russian), tables(&english));
        for (table, (russian, english)) in russian.iter().zip(&english).enumerate() {
            let place = format!("{path}, table {}", table + 1);
            for (row, (russian, english)) in russian.iter().zip(english).enumerate() {
                assert_eq!(russian, english, "{place}, line {}", row + 1);
                checked += 1;
            }
            assert_eq!(russian.len(), english.len(), "{place}: lines");
        }
        assert_eq!(russian.len(), english.len(), "{path}: tables");
    }
    assert!(checked > 100, "only {checked} rows were compared");
}

#[test]
fn headings_have_the_same_levels_and_code_in_both_languages() {
    for (path, russian, english) in texts() {
        assert_eq!(headings(&russian), headings(&english), "{path}");
    }
}
