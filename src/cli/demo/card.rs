//! `demo --card`: the demonstration's changes in a file that a plain browser shows, as chat programs show
//! them that render MCP Apps.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    card,
    cli::language::Language,
    whole_file::{self, Access},
};

const PAGE: &str = include_str!("cards.html");
/// Where the page has what it shows.
const TOLD: &str = ">{}</script>";
/// By which a file is known that may be replaced.
const TITLE: &str = "<title>bitrix24-crm-mcp</title>";

/// A call of a tool that writes.
pub(super) struct Call {
    /// What it is meant to do.
    pub(super) title: String,
    /// Which tool.
    pub(super) tool: String,
    /// What the assistant has sent.
    pub(super) arguments: Value,
    /// What it has got.
    pub(super) result: Value,
}

/// Writes the calls to a file, and returns its whole path.
///
/// # Errors
///
/// What the system says; also when there is a file of that name that is no such page.
pub(super) fn write(file: &Path, language: Language, calls: &[Call]) -> io::Result<PathBuf> {
    match fs::read_to_string(file) {
        Ok(there) if there.contains(TITLE) => {}
        Ok(_) => return Err(io::Error::other("another file has that name")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    whole_file::replace(file, &page(language, calls), Access::Private)?;
    fs::canonicalize(file)
}

fn page(language: Language, calls: &[Call]) -> String {
    let told = json!({
        "language": language.text("en", "ru"),
        "title": language.text(
            "Changes as people see them in the chat",
            "Изменения, как их видят в чате",
        ),
        "about": language.text(
            "The calls of the demonstration, each on its change card. Where a chat program lets cards call \
             tools, they also have the buttons Apply and Undo.",
            "Вызовы показа, каждый на своей карточке изменения. Там, где чат-программа разрешает карточкам \
             вызывать инструменты, есть и кнопки «Применить» и «Отменить изменение».",
        ),
        "card": card::page("", &[]),
        "calls": calls.iter().map(|call| json!({
            "title": call.title, "tool": call.tool, "arguments": call.arguments, "result": call.result,
        })).collect::<Vec<_>>(),
    });
    // No text can end the script that it stands in.
    let told = told.to_string().replace('<', "\\u003c");
    PAGE.replacen(TOLD, &format!(">{told}</script>"), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script() {
        let call = Call {
            title: "</script><script>alert(1)</script>".to_owned(),
            tool: "update_crm_item".to_owned(),
            arguments: json!({"fields": {"title": "<!--<script>"}}),
            result: json!({"content": [{"type": "text", "text": "</script>"}]}),
        };
        let page = page(Language::English, &[call]);
        assert_eq!(page.matches("<script").count(), PAGE.matches("<script").count());
        assert_eq!(page.matches("</script>").count(), PAGE.matches("</script>").count());
        assert!(page.contains(TITLE));
        let (_, told) = page.split_once("id=\"told\">").unwrap();
        let told: Value = serde_json::from_str(told.split_once("</script>").unwrap().0).unwrap();
        assert_eq!(told["calls"][0]["title"], "</script><script>alert(1)</script>");
        assert_eq!(told["card"], card::page("", &[]));
    }
}
