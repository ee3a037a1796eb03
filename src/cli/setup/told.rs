//! What people are told when a client's file is left alone, or when there is nobody to ask.

use super::{change::Refusal, clients::Client, document::Unusable, file::FileProblem};
use crate::cli::language::Language;

impl Refusal {
    /// Why, and what to do.
    pub(super) fn told(&self, language: Language, name: &str) -> String {
        let is_left = language.text("; it was left as it is", "; файл оставлен как есть");
        let why = match self {
            Self::Command(said, None) => return said.clone(),
            Self::Command(said, Some(kept)) => {
                return language.text(
                    format!("{said}; the previous file is kept as `{}`", kept.display()),
                    format!("{said}; прежний файл сохранён как `{}`", kept.display()),
                );
            }
            Self::Foreign => language.text(
                format!("has an entry `{name}` of another server; take another name with `--name`"),
                format!("запись `{name}` запускает другой сервер; задайте другое имя: `--name`"),
            ),
            Self::Unusable(Unusable::DoesNotParse) => language.text(
                "does not parse; correct the file first".to_owned(),
                "не удаётся разобрать; сначала исправьте файл".to_owned(),
            ),
            Self::Unusable(Unusable::NoServers) => language.text(
                "holds something else where the servers are listed; correct the file first"
                    .to_owned(),
                "вместо списка серверов содержит что-то другое; сначала исправьте файл".to_owned(),
            ),
            Self::Unusable(Unusable::MixedLines) => language.text(
                "has lines that end in two ways; save it with one of them first".to_owned(),
                "строки заканчиваются по-разному; сначала сохраните файл с одним видом концов строк"
                    .to_owned(),
            ),
            Self::Unusable(Unusable::Repeated) => language.text(
                "has a key twice; take one of them out first".to_owned(),
                "содержит один ключ дважды; сначала уберите лишний".to_owned(),
            ),
            Self::File(problem) => problem.told(language),
        };
        why + is_left
    }
}

impl FileProblem {
    fn told(&self, language: Language) -> String {
        let text = |english: &str, russian: &str| language.text(english, russian).to_owned();
        match self {
            Self::BrokenLink => {
                text("is a link that leads to no file", "ссылка, которая никуда не ведёт")
            }
            Self::NoFile => text("is not a regular file", "это не обычный файл"),
            Self::ReadOnly => text(
                "is read-only; allow writing it, or make the change by hand",
                "доступен только для чтения; разрешите запись или внесите изменение вручную",
            ),
            Self::Changed => text(
                "was changed by another program meanwhile; run the command again",
                "тем временем изменён другой программой; запустите команду ещё раз",
            ),
            Self::NoText => text("is not UTF-8 text", "это не текст в кодировке UTF-8"),
            Self::System(error) => language.text(
                format!("cannot be read or written: {}", error.kind()),
                format!("не читается или не записывается: {}", error.kind()),
            ),
        }
    }
}

/// The flags that answer the questions.
pub(super) fn without_a_terminal(language: Language) -> String {
    let names: Vec<String> = Client::ALL.into_iter().map(Client::name).collect();
    let names = names.join(", ");
    language.text(
        format!(
            "error: there is no terminal to ask questions at: add `--yes`, or `--dry-run` to look first.\n\
             \x20 --webhook-file FILE  the file with the webhook's address, or send it to standard input\n\
             \x20 --sandbox            connect the embedded demo portal; needs no webhook\n\
             \x20 --yes                write without asking\n\
             \x20 --dry-run            show what would be changed, and write nothing\n\
             \x20 --remove             take the entry out again\n\
             \x20 --client NAME        only this client: {names}\n\
             For instance: bitrix24-crm-mcp setup --webhook-file FILE --yes"
        ),
        format!(
            "ошибка: нет терминала, чтобы задать вопросы: добавьте `--yes`, а чтобы сначала посмотреть — `--dry-run`.\n\
             \x20 --webhook-file FILE  файл с адресом вебхука; адрес можно подать и на стандартный ввод\n\
             \x20 --sandbox            подключить встроенный демонстрационный портал, без вебхука\n\
             \x20 --yes                записывать без вопросов\n\
             \x20 --dry-run            показать изменения и ничего не записывать\n\
             \x20 --remove             убрать запись\n\
             \x20 --client NAME        только этот клиент: {names}\n\
             Например: bitrix24-crm-mcp setup --webhook-file FILE --yes"
        ),
    )
}
