//! The portal that clients get: asked for, tried, stored.

use std::io::{self, IsTerminal, stderr, stdin};

use secrecy::{ExposeSecret, SecretString};

use super::{Setup, told::without_a_terminal, webhook};
use crate::{
    cli::{check, person::Person, print},
    config::{
        Settings,
        variables::{SANDBOX, WEBHOOK_URL},
    },
    portal::SignIn,
};

/// The portal that clients get.
pub(super) enum Portal {
    Sandbox,
    Webhook(SecretString),
}

impl Portal {
    pub(super) fn secret(&self) -> Option<&str> {
        match self {
            Self::Sandbox => None,
            Self::Webhook(address) => Some(address.expose_secret()),
        }
    }
}

impl Setup<'_> {
    /// Which portal: what was typed, sent or stored.
    pub(super) fn portal(&mut self) -> Result<Portal, String> {
        let language = self.language;
        if self.flags.typed().iter().any(|(variable, _)| variable == SANDBOX) {
            return match &self.arguments.webhook_file {
                None => Ok(Portal::Sandbox),
                Some(_) => Err(language
                    .text(
                        "error: `--sandbox` and `--webhook-file` cannot be combined: they are two portals",
                        "ошибка: `--sandbox` и `--webhook-file` нельзя указать вместе: это два разных портала",
                    )
                    .to_owned()),
            };
        }
        let unreadable = |error: io::Error| {
            let (english, russian) = match error.kind() {
                io::ErrorKind::NotFound => {
                    ("there is no such file".to_owned(), "такого файла нет".to_owned())
                }
                io::ErrorKind::InvalidData => {
                    ("it is not UTF-8 text".to_owned(), "это не текст в кодировке UTF-8".to_owned())
                }
                kind => (kind.to_string(), kind.to_string()),
            };
            language.text(
                format!("error: the webhook cannot be read: {english}"),
                format!("ошибка: не удалось прочитать вебхук: {russian}"),
            )
        };
        let stored = self.store.address();
        let address = if let Some(file) = &self.arguments.webhook_file {
            webhook::from_file(file).map_err(unreadable)?
        } else if stdin().is_terminal() && stderr().is_terminal() {
            return self.typed(stored.as_ref());
        } else if stdin().is_terminal() {
            SecretString::default()
        } else {
            webhook::from_standard_input().map_err(unreadable)?
        };
        match (address.expose_secret(), stored) {
            ("", Some(stored)) if self.arguments.webhook_file.is_none() => {
                Ok(Portal::Webhook(stored))
            }
            ("", _) if self.arguments.webhook_file.is_none() => Err(without_a_terminal(language)),
            (text, _) => match SignIn::webhook(text) {
                Ok(_) => Ok(Portal::Webhook(address)),
                Err(error) => Err(language.text(
                    format!("error: the webhook's address {error}"),
                    format!("ошибка: адрес вебхука {}", check::russian::of_address(&error)),
                )),
            },
        }
    }

    /// The address that a person types; a wrong one can be corrected.
    fn typed(&self, stored: Option<&SecretString>) -> Result<Portal, String> {
        let language = self.language;
        print(language.text(
            "Make an inbound webhook in your portal: Applications → Developer resources → Other → Inbound \
             webhook,\nwith the permission CRM (crm), and Users, basic (user_basic) if people are to be found \
             by name.",
            "Создайте в своём портале входящий вебхук: Приложения → Разработчикам → Готовые сценарии → Другое →\n\
             Входящий вебхук. Отметьте право «CRM (crm)» и, если сотрудников надо находить по имени,\n\
             «Пользователи (базовый) (user_basic)».",
        ));
        let question = match stored {
            None => language.text(
                "Paste its address (it is not shown): ",
                "Вставьте его адрес (он не отображается): ",
            ),
            Some(_) => language.text(
                "Paste its address (it is not shown), or press Enter to keep the stored one: ",
                "Вставьте его адрес (он не отображается) или нажмите Enter, чтобы оставить сохранённый: ",
            ),
        };
        for _ in 0..3 {
            let address = webhook::from_keyboard(question).map_err(|error| error.to_string())?;
            match (address.expose_secret(), stored) {
                ("", Some(stored)) => return Ok(Portal::Webhook(stored.clone())),
                ("", None) => Person::tell(language.text(
                    "Nothing was pasted; Ctrl-C ends this.\n",
                    "Ничего не вставлено; прервать можно клавишами Ctrl-C.\n",
                )),
                (text, _) => match SignIn::webhook(text) {
                    Ok(_) => return Ok(Portal::Webhook(address)),
                    Err(error) => Person::tell(&language.text(
                        format!("The address {error}.\n"),
                        format!("Адрес {}.\n", check::russian::of_address(&error)),
                    )),
                },
            }
        }
        Err(language
            .text("error: there was no webhook's address", "ошибка: адрес вебхука не получен")
            .to_owned())
    }

    /// Whether the portal works with what clients will set, or a person goes on all the same.
    pub(super) async fn works(&self, portal: &Portal) -> bool {
        let typed = self.flags.typed();
        let settings = Settings::read(|variable| match portal.secret() {
            Some(address) if variable == WEBHOOK_URL => Some(address.to_owned()),
            _ => typed.iter().find(|(name, _)| name == variable).map(|(_, value)| value.clone()),
        });
        // Such settings would keep every call from working.
        let is_usable = settings.is_ok();
        let works = check::passes(settings, self.language).await;
        if !works {
            let language = self.language;
            if self.arguments.force && is_usable {
                print(
                    language
                        .text("Continuing because of `--force`.", "Продолжаю: указан `--force`."),
                );
                return true;
            }
            let way_on = language.text(
                " Correct this first, or use `--force` to continue anyway.",
                " Сначала исправьте это или укажите `--force`, чтобы всё равно продолжить.",
            );
            let way_on = if is_usable { way_on } else { "" };
            print(&format!("\n{}{way_on}", self.nothing_written()));
            return false;
        }
        true
    }

    /// Stores the address, unless it is stored already.
    pub(super) fn kept(&self, address: &SecretString) -> Result<(), String> {
        let is_same = |it: SecretString| it.expose_secret() == address.expose_secret();
        let is_stored = self.store.is_private() && self.store.address().is_some_and(is_same);
        let file = self.store.file().display();
        if !is_stored {
            self.store.keep(address).map_err(|error| {
                self.language.text(
                    format!("error: the webhook cannot be stored in `{file}`: {}", error.kind()),
                    format!("ошибка: вебхук не сохраняется в `{file}`: {}", error.kind()),
                )
            })?;
        }
        print(&self.language.text(
            format!("✓ the webhook is stored in `{file}`, readable by you alone"),
            format!("✓ вебхук хранится в `{file}`, читать его можете только вы"),
        ));
        Ok(())
    }
}
