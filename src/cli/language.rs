//! The language of what `check`, `setup` and `demo` tell people. What assistants read is English.

use std::env;

use clap::ValueEnum;

/// A language that people are told things in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    #[value(name = "en")]
    English,
    #[value(name = "ru")]
    Russian,
}

impl Language {
    /// What was typed, or else what the locale says.
    pub(super) fn chosen(typed: Option<Self>) -> Self {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let of_locale = || Self::of_locale(&locale(variable).unwrap_or_default());
        typed.unwrap_or_else(of_locale)
    }

    fn of_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("ru") { Self::Russian } else { Self::English }
    }

    /// One of two texts that say the same; they stand side by side, so that none is forgotten.
    pub(super) fn text<T>(self, english: T, russian: T) -> T {
        match self {
            Self::English => english,
            Self::Russian => russian,
        }
    }

    /// The form of a noun that goes with a count: in English for 1 and others, in Russian for counts
    /// that end as 1, as 2 to 4, and others.
    pub(super) fn counted(self, count: usize, english: [&str; 2], russian: [&str; 3]) -> String {
        let [one, more] = english;
        let [as_one, as_two, as_five] = russian;
        let noun = match (self, count % 10, count % 100) {
            (Self::English, ..) => {
                if count == 1 {
                    one
                } else {
                    more
                }
            }
            (Self::Russian, _, 11..=14) => as_five,
            (Self::Russian, 1, _) => as_one,
            (Self::Russian, 2..=4, _) => as_two,
            (Self::Russian, ..) => as_five,
        };
        format!("{count} {noun}")
    }
}

/// The locale of messages, as POSIX orders its variables.
#[cfg(not(windows))]
fn locale(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable)
}

/// The locale of a person's account, unless a POSIX shell says another one.
#[cfg(windows)]
fn locale(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let typed = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable);
    typed.or_else(sys_locale::get_locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_decides() {
        for (variables, language) in [
            (&[][..], Language::English),
            (&[("LANG", "ru_RU.UTF-8")], Language::Russian),
            (&[("LANG", "ru")], Language::Russian),
            (&[("LANG", "RU-ru")], Language::Russian),
            (&[("LANG", "run_AA")], Language::English),
            (&[("LANG", "ru_RU.UTF-8"), ("LC_ALL", "C.UTF-8")], Language::English),
            (&[("LANG", "en_US.UTF-8"), ("LC_MESSAGES", "ru_UA")], Language::Russian),
        ] {
            let set = |name: &str| {
                let found = variables.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let said = locale(set).unwrap_or_default();
            assert_eq!(Language::of_locale(&said), language, "{variables:?}");
        }
    }

    #[test]
    fn nouns_follow_their_counts() {
        let nouns = |count| {
            [Language::English, Language::Russian].map(|language| {
                language.counted(
                    count,
                    ["tool", "tools"],
                    ["инструмент", "инструмента", "инструментов"],
                )
            })
        };
        for (count, expected) in [
            (0, ["0 tools", "0 инструментов"]),
            (1, ["1 tool", "1 инструмент"]),
            (3, ["3 tools", "3 инструмента"]),
            (6, ["6 tools", "6 инструментов"]),
            (12, ["12 tools", "12 инструментов"]),
            (21, ["21 tools", "21 инструмент"]),
        ] {
            assert_eq!(nouns(count), expected);
        }
    }
}
