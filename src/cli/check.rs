//! `check`: for a person whose set-up does not work, and for CI. A line for each thing that has to
//! be right, with the remedy where it is not. It writes nothing.

pub(super) mod russian;

use std::{process::ExitCode, sync::Arc};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{embedded_portal, language::Language, print};
use crate::{
    config::{PolicyFile, PortalChoice, Settings, Unusable, variables::WEBHOOK_URL},
    crm::{EntityType, Family},
    error::{Failure, Problem, Purpose},
    journal::{self, Values},
    metadata::Metadata,
    portal::{Deadline, Endpoint, ErrorKind, Portal, PortalError, error::readable},
    text::on_one_line,
};

/// Runs the checks and says how to go on.
pub(super) async fn run(settings: Result<Settings, Unusable>, language: Language) -> ExitCode {
    if !passes(settings, language).await {
        return ExitCode::FAILURE;
    }
    print(language.text(
        "\nEverything is right. Next: add the server to your MCP client with the same settings, start \
         a new\nsession there, and ask it to find a deal.",
        "\nВсё в порядке. Дальше: добавьте сервер в MCP-клиент с теми же настройками, начните там новый \
         сеанс\nи попросите найти какую-нибудь сделку.",
    ));
    ExitCode::SUCCESS
}

/// Runs the checks until one fails that the others depend on; whether everything is right.
pub(super) async fn passes(settings: Result<Settings, Unusable>, language: Language) -> bool {
    let settings = match settings {
        Ok(settings) => settings,
        Err(unusable) => {
            for Problem { path, message, .. } in &unusable.problems {
                let (what, remedy) = language.text(
                    (format!("`{path}` {message}"), "correct the setting"),
                    (format!("`{path}`: {}", russian::of_setting(message)), "исправьте настройку"),
                );
                failed(&what, remedy);
            }
            return false;
        }
    };
    let (sign_in, _sandbox) = match &settings.portal {
        PortalChoice::Missing => {
            let remedy = language.text(
                format!(
                    "set `{WEBHOOK_URL}` to the address of an inbound webhook with the permission CRM (crm), such \
                     as `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, or try the embedded portal: \
                     `--sandbox`"
                ),
                format!(
                    "укажите в `{WEBHOOK_URL}` адрес входящего вебхука с правом «CRM (crm)», например \
                     `https://example.bitrix24.ru/rest/1/abcdefgh12345678/`, или попробуйте встроенный \
                     портал: `--sandbox`"
                ),
            );
            failed(language.text("no portal is set", "портал не задан"), &remedy);
            return false;
        }
        PortalChoice::Real(sign_in) => (sign_in.clone(), None),
        PortalChoice::Sandbox => match embedded_portal().await {
            Ok((sandbox, sign_in)) => (sign_in, Some(sandbox)),
            Err(failure) => {
                failed(&failure.message, &failure.hint);
                return false;
            }
        },
    };
    let endpoint = Arc::new(Endpoint::new(settings.connection()));
    let portal = Arc::new(Portal::new(endpoint, sign_in));
    let address = portal.address();
    passed(&language.text(
        format!("the settings are well formed: {address}"),
        format!("настройки заданы верно: {address}"),
    ));
    let is_recorded = check_journal(&settings.journal, language);
    let is_ruled = check_policy(settings.policy.as_ref(), language);
    let check = Check { deadline: portal.deadline(CancellationToken::new()), portal, language };
    check.everything().await && is_recorded && is_ruled
}

/// Whether the policy file can be used.
fn check_policy(file: Option<&PolicyFile>, language: Language) -> bool {
    let Some(PolicyFile { path, policy }) = file else {
        return true;
    };
    match policy {
        Ok(_) => {
            passed(&language.text(
                format!("changes are limited by the policy `{path}`"),
                format!("изменения ограничены политикой `{path}`"),
            ));
            true
        }
        Err(mistakes) => {
            for mistake in mistakes {
                let (what, remedy) = language.text(
                    (
                        format!("the policy `{path}`: {mistake}"),
                        "correct the file; until then nothing is written",
                    ),
                    (
                        format!("политика `{path}`: {mistake}"),
                        "исправьте файл; до этого ничего не записывается",
                    ),
                );
                failed(&what, remedy);
            }
            false
        }
    }
}

/// Whether changes can be recorded where the settings say.
fn check_journal(settings: &journal::Settings, language: Language) -> bool {
    let Some(file) = &settings.file else {
        return true;
    };
    let shown = file.display();
    match journal::can_be_written(file) {
        Ok(()) => {
            let what = match settings.values {
                Values::All => {
                    language.text("changes are recorded in", "изменения записываются в журнал")
                }
                Values::Names => language.text(
                    "changes are recorded, without values, in",
                    "изменения записываются, без значений, в журнал",
                ),
            };
            passed(&format!("{what} `{shown}`"));
            true
        }
        Err(unavailable) => {
            let (what, remedy) = language.text(
                (format!("the journal's file `{shown}` {unavailable}"), unavailable.hint()),
                (
                    format!("файл журнала `{shown}`: {unavailable}"),
                    "разрешите программе запись в этот файл и проверьте место на диске",
                ),
            );
            failed(&what, remedy);
            false
        }
    }
}

struct Check {
    portal: Arc<Portal>,
    deadline: Deadline,
    language: Language,
}

impl Check {
    async fn everything(&self) -> bool {
        self.reached_and_signed_in().await
            && self.has_scope().await
            && self.has_method().await
            && self.can_read().await
    }

    /// `profile` needs no scope, so it tells the connection and the sign-in from everything else.
    async fn reached_and_signed_in(&self) -> bool {
        let profile = match self.call("profile", json!({})).await {
            Ok(profile) => profile,
            Err(error) => {
                let is_answer = matches!(error, PortalError::Refused(_));
                if is_answer {
                    passed(self.language.text("the portal was reached", "портал отвечает"));
                }
                self.explain(&error);
                return false;
            }
        };
        let language = self.language;
        passed(language.text(
            "the portal was reached and has accepted the sign-in",
            "портал отвечает, вход принят",
        ));
        let text = |key: &str| profile.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let name = format!("{} {}", text("NAME"), text("LAST_NAME"));
        let id = profile.get("ID").map(|id| id.to_string().replace('"', "")).unwrap_or_default();
        let is_admin = profile.get("ADMIN").and_then(Value::as_bool) == Some(true);
        let rank = if is_admin {
            language.text(", an administrator", ", администратор")
        } else {
            ""
        };
        let name = readable(name.trim());
        passed(&language.text(
            format!("calls have the rights of user {id} ({name}{rank})"),
            format!("запросы выполняются с правами пользователя {id} ({name}{rank})"),
        ));
        true
    }

    async fn has_scope(&self) -> bool {
        let scopes = match self.call("scope", json!({})).await {
            Ok(scopes) => scopes,
            Err(error) => {
                self.explain(&error);
                return false;
            }
        };
        let has = |scope: &str| scopes.as_array().is_some_and(|it| it.contains(&json!(scope)));
        let has_crm = has("crm");
        // Any of these three scopes allows reading users.
        let has_people = ["user", "user_basic", "user_brief"].into_iter().any(has);
        let language = self.language;
        match (has_crm, has_people) {
            (true, true) => passed(language.text(
                "the scope `crm` is granted, and people can be found by name",
                "право `crm` есть, и сотрудников можно находить по имени",
            )),
            (true, false) => passed(language.text(
                "the scope `crm` is granted; to find people by name, add `user_basic`",
                "право `crm` есть; чтобы находить сотрудников по имени, добавьте `user_basic`",
            )),
            (false, _) => failed(
                language.text("the scope `crm` is missing", "нет права `crm`"),
                language.text(
                    "edit the webhook or application in the portal and add the permission CRM",
                    "измените вебхук или приложение в портале и добавьте право «CRM (crm)»",
                ),
            ),
        }
        has_crm
    }

    async fn has_method(&self) -> bool {
        let name = "crm.item.update";
        match self.call("method.get", json!({"name": name})).await {
            Ok(method) if method.get("isAvailable").and_then(Value::as_bool) == Some(true) => {
                passed(&self.language.text(
                    format!("the method `{name}` is available"),
                    format!("метод `{name}` доступен"),
                ));
                true
            }
            Ok(method) => {
                let exists = method.get("isExisting").and_then(Value::as_bool) == Some(true);
                let remedy = if exists {
                    self.language.text(
                        "the portal's plan or the webhook's scope does not include it",
                        "тариф портала или права вебхука его не включают",
                    )
                } else {
                    self.language.text(
                        "this portal's CRM is too old; update it",
                        "CRM этого портала слишком старая; обновите её",
                    )
                };
                let what = self.language.text(
                    format!("the method `{name}` is not available"),
                    format!("метод `{name}` недоступен"),
                );
                failed(&what, remedy);
                false
            }
            Err(error) => {
                self.explain(&error);
                false
            }
        }
    }

    /// The items of each entity type, smart processes included.
    async fn can_read(&self) -> bool {
        let language = self.language;
        let standard = Family::ALL.into_iter().filter_map(|family| {
            Some((EntityType::new(family.entity_type_id()?), self.items(family)))
        });
        let mut types: Vec<(EntityType, String)> = standard.collect();
        let metadata = Metadata::new(Arc::clone(&self.portal));
        match metadata.smart_processes(&self.deadline).await {
            Ok(smart) => types.extend(smart.iter().map(|it| {
                let (id, title) = (it.entity.id(), readable(&it.title));
                let items = language.text(
                    format!("items of the smart process {id} ({title})"),
                    format!("элементы смарт-процесса {id} ({title})"),
                );
                (it.entity, items)
            })),
            Err(error) => {
                let (why, _) = self.told(&error);
                let (what, remedy) = language.text(
                    (
                        format!("the smart processes cannot be listed: {why}"),
                        "only an administrator may list them; items can be changed all the same",
                    ),
                    (
                        format!("список смарт-процессов не читается: {why}"),
                        "его видит только администратор; элементы менять всё равно можно",
                    ),
                );
                failed(&what, remedy);
            }
        }
        let mut can_read_all = true;
        for (entity, items) in types {
            let parameters = json!({"entityTypeId": entity.id(), "select": ["id"], "start": -1});
            match self.call("crm.item.list", parameters).await {
                Ok(_) => passed(
                    &language
                        .text(format!("{items} can be read"), format!("{items}: чтение разрешено")),
                ),
                Err(error) => {
                    can_read_all = false;
                    let (why, remedy) = self.told(&error);
                    let what = language.text(
                        format!("{items} cannot be read: {why}"),
                        format!("{items}: прочитать нельзя: {why}"),
                    );
                    failed(&what, &remedy);
                }
            }
        }
        can_read_all
    }

    /// What people call the items of a family.
    fn items(&self, family: Family) -> String {
        let english = match family {
            Family::Company => "companies".to_owned(),
            family => format!("{}s", family.name()),
        };
        let russian = match family {
            Family::Lead => "лиды",
            Family::Deal => "сделки",
            Family::Contact => "контакты",
            Family::Company => "компании",
            Family::Quote => "предложения",
            Family::Invoice => "счета",
            Family::SmartProcess => "элементы смарт-процессов",
        };
        self.language.text(english, russian.to_owned())
    }

    /// What happened, and the remedy.
    fn told(&self, error: &PortalError) -> (String, String) {
        let failure = Failure::from_portal(error, Purpose::Reading);
        self.language.text((failure.message, failure.hint), russian::of_failure(error))
    }

    async fn call(&self, method: &str, parameters: Value) -> Result<Value, PortalError> {
        let parameters = match parameters {
            Value::Object(parameters) => parameters,
            _ => Map::new(),
        };
        self.portal.call(method, &parameters, &self.deadline).await
    }

    fn explain(&self, error: &PortalError) {
        let (told, hint) = self.told(error);
        let message = match error {
            PortalError::Refused(refusal) => format!("{told} (`{}`)", readable(&refusal.code)),
            _ => told,
        };
        let is_not_json = matches!(error, PortalError::NoUsableAnswer { http_status: Some(_), .. });
        let remedy = match error {
            _ if self.language == Language::Russian => &hint,
            _ if is_not_json => {
                "the server at this address is not a Bitrix24 portal, or a proxy answers \
                 instead; check the address"
            }
            PortalError::Refused(refusal) if refusal.kind() == ErrorKind::SignInFailed => {
                "make a new webhook in the portal and put its address into the settings"
            }
            _ => &hint,
        };
        let scrubber = self.portal.scrubber();
        failed(&scrubber.text(&message), remedy);
    }
}

fn passed(what: &str) {
    print(&format!("✓ {}", on_one_line(what)));
}

fn failed(what: &str, remedy: &str) {
    print(&format!("✗ {}\n  → {}", on_one_line(what), on_one_line(remedy)));
}
