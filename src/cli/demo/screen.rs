//! How the demonstration looks: labels in colour, lines that fit.

use clap::builder::styling::{AnsiColor, Style};

use crate::cli::{language::Language, print, screen::Colours};

/// The columns beside a label, of 100.
const WIDTH: usize = 88;

/// What happens in a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    Asked,
    Found,
    Changed,
    Caught,
}

impl Moment {
    fn label(self, language: Language) -> (&'static str, Style) {
        let (english, russian, colour) = match self {
            Self::Asked => ("asked", "вызов", AnsiColor::Blue),
            Self::Found => ("found", "найдено", AnsiColor::Cyan),
            Self::Changed => ("changed", "изменено", AnsiColor::Green),
            Self::Caught => ("caught", "замечено", AnsiColor::Yellow),
        };
        (language.text(english, russian), colour.on_default().bold())
    }
}

/// Where people read.
pub(super) struct Screen {
    colours: Colours,
    language: Language,
    is_silent: bool,
}

impl Screen {
    pub(super) fn new(language: Language) -> Self {
        Self { colours: Colours::wanted(), language, is_silent: false }
    }

    /// The same where nothing is shown.
    pub(super) fn silent(self) -> Self {
        Self { is_silent: true, ..self }
    }

    pub(super) fn say(&self, text: &str) {
        if !self.is_silent {
            print(text);
        }
    }

    pub(super) fn heading(&self, text: &str) {
        self.say(&format!("\n{}", self.colours.styled(text, Style::new().bold())));
    }

    /// Shows lines below one label, each wrapped between words.
    pub(super) fn moment(&self, moment: Moment, lines: &[String]) {
        let wrapped: Vec<String> = lines.iter().flat_map(|line| wrapped(line, ' ')).collect();
        self.labelled(moment, &wrapped);
    }

    /// Shows a call. Its JSON is wrapped behind commas: the spaces are in people's texts.
    pub(super) fn call(&self, tool: &str, arguments: &str) {
        let call = format!("{tool} {arguments}");
        self.say("");
        self.labelled(Moment::Asked, &wrapped(&call, ','));
    }

    fn labelled(&self, moment: Moment, lines: &[String]) {
        let (label, style) = moment.label(self.language);
        for (index, line) in lines.iter().enumerate() {
            // Padded before it is styled: codes have no width on the screen.
            let label = format!("   {:<8} ", if index == 0 { label } else { "" });
            self.say(&format!("{}{line}", self.colours.styled(&label, style)));
        }
    }
}

/// Breaks a text behind separators; a piece that is longer than a line is cut.
fn wrapped(text: &str, separator: char) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in text.split_inclusive(separator) {
        let length = piece.trim_end().chars().count();
        if !line.is_empty() && line.chars().count() + length > WIDTH {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(piece);
        while let Some((end, _)) = line.trim_end().char_indices().nth(WIDTH) {
            let rest = line.split_off(end);
            lines.push(std::mem::replace(&mut line, rest));
        }
    }
    lines.push(line);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, wrapped};

    #[test]
    fn a_text_is_broken_behind_separators_or_cut() {
        let long = |letter: &str| letter.repeat(WIDTH - 3);
        let too_long = "ж".repeat(WIDTH + 1);
        for (text, separator, lines) in [
            (String::new(), ' ', vec![String::new()]),
            (format!("one {}", long("ж")), ' ', vec!["one".to_owned(), long("ж")]),
            (format!("on {}", long("ж")), ' ', vec![format!("on {}", long("ж"))]),
            (format!("[1, 2,{}]", long("3")), ',', vec!["[1, 2,".to_owned(), long("3") + "]"]),
            (
                format!("a {too_long} b"),
                ' ',
                vec!["a".to_owned(), "ж".repeat(WIDTH), "ж b".to_owned()],
            ),
        ] {
            assert_eq!(wrapped(&text, separator), lines, "{text}");
        }
    }
}
