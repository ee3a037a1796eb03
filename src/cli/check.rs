//! `check`: for a person whose set-up does not work, and for CI. A line for each thing that has to
//! be right, with the remedy where it is not. It writes nothing.

use std::{process::ExitCode, sync::Arc};

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::{embedded_portal, print};
use crate::{
    config::{self, PolicyFile, PortalChoice, Settings, Unusable},
    crm::{EntityType, Family},
    error::{Failure, Purpose},
    journal::{self, Values},
    metadata::Metadata,
    portal::{Deadline, Endpoint, ErrorKind, Portal, PortalError, error::readable},
    text::on_one_line,
};

/// Runs the checks until one fails that the others depend on.
pub(super) async fn run(settings: Result<Settings, Unusable>) -> ExitCode {
    let settings = match settings {
        Ok(settings) => settings,
        Err(unusable) => {
            for problem in &unusable.problems {
                failed(&format!("`{}` {}", problem.path, problem.message), "correct the setting");
            }
            return ExitCode::FAILURE;
        }
    };
    let (sign_in, _sandbox) = match &settings.portal {
        PortalChoice::Missing => {
            failed("no portal is set", &config::no_portal().hint);
            return ExitCode::FAILURE;
        }
        PortalChoice::Real(sign_in) => (sign_in.clone(), None),
        PortalChoice::Sandbox => match embedded_portal().await {
            Ok((sandbox, sign_in)) => (sign_in, Some(sandbox)),
            Err(failure) => {
                failed(&failure.message, &failure.hint);
                return ExitCode::FAILURE;
            }
        },
    };
    let endpoint = Arc::new(Endpoint::new(settings.connection()));
    let portal = Arc::new(Portal::new(endpoint, sign_in));
    passed(&format!("the settings are well formed: {}", portal.address()));
    let is_recorded = check_journal(&settings.journal);
    let is_ruled = check_policy(settings.policy.as_ref());
    let check = Check { deadline: portal.deadline(CancellationToken::new()), portal };
    if check.everything().await && is_recorded && is_ruled {
        print(
            "\nEverything is right. Next: add the server to your MCP client with the same settings, start \
             a new\nsession there, and ask it to find a deal.",
        );
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether the policy file can be used.
fn check_policy(file: Option<&PolicyFile>) -> bool {
    let Some(PolicyFile { path, policy }) = file else {
        return true;
    };
    match policy {
        Ok(_) => {
            passed(&format!("changes are limited by the policy `{path}`"));
            true
        }
        Err(mistakes) => {
            for mistake in mistakes {
                let remedy = "correct the file; until then nothing is written";
                failed(&format!("the policy `{path}`: {mistake}"), remedy);
            }
            false
        }
    }
}

/// Whether changes can be recorded where the settings say.
fn check_journal(settings: &journal::Settings) -> bool {
    let Some(file) = &settings.file else {
        return true;
    };
    let shown = file.display();
    match journal::can_be_written(file) {
        Ok(()) => {
            let what = match settings.values {
                Values::All => "changes are recorded in",
                Values::Names => "changes are recorded, without values, in",
            };
            passed(&format!("{what} `{shown}`"));
            true
        }
        Err(unavailable) => {
            failed(&format!("the journal's file `{shown}` {unavailable}"), unavailable.hint());
            false
        }
    }
}

struct Check {
    portal: Arc<Portal>,
    deadline: Deadline,
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
                    passed("the portal was reached");
                }
                self.explain(&error);
                return false;
            }
        };
        passed("the portal was reached and has accepted the sign-in");
        let text = |key: &str| profile.get(key).and_then(Value::as_str).unwrap_or_default().trim();
        let name = format!("{} {}", text("NAME"), text("LAST_NAME"));
        let id = profile.get("ID").map(|id| id.to_string().replace('"', "")).unwrap_or_default();
        let is_admin = profile.get("ADMIN").and_then(Value::as_bool) == Some(true);
        let rank = if is_admin { ", an administrator" } else { "" };
        let name = readable(name.trim());
        passed(&format!("calls have the rights of user {id} ({name}{rank})"));
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
        match (has_crm, has_people) {
            (true, true) => passed("the scope `crm` is granted, and people can be found by name"),
            (true, false) => {
                passed("the scope `crm` is granted; to find people by name, add `user_basic`");
            }
            (false, _) => failed(
                "the scope `crm` is missing",
                "edit the webhook or application in the portal and add the permission CRM",
            ),
        }
        has_crm
    }

    async fn has_method(&self) -> bool {
        let name = "crm.item.update";
        match self.call("method.get", json!({"name": name})).await {
            Ok(method) if method.get("isAvailable").and_then(Value::as_bool) == Some(true) => {
                passed(&format!("the method `{name}` is available"));
                true
            }
            Ok(method) => {
                let exists = method.get("isExisting").and_then(Value::as_bool) == Some(true);
                let remedy = if exists {
                    "the portal's plan or the webhook's scope does not include it"
                } else {
                    "this portal's CRM is too old; update it"
                };
                failed(&format!("the method `{name}` is not available"), remedy);
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
        let standard = Family::ALL.into_iter().filter_map(|family| {
            let plural = match family {
                Family::Company => "companies".to_owned(),
                family => format!("{}s", family.name()),
            };
            Some((EntityType::new(family.entity_type_id()?), plural))
        });
        let mut types: Vec<(EntityType, String)> = standard.collect();
        let metadata = Metadata::new(Arc::clone(&self.portal));
        match metadata.smart_processes(&self.deadline).await {
            Ok(smart) => types.extend(smart.iter().map(|it| {
                let title = readable(&it.title);
                (it.entity, format!("items of the smart process {} ({title})", it.entity.id()))
            })),
            Err(error) => {
                let failure = Failure::from_portal(&error, Purpose::Reading);
                failed(
                    &format!("the smart processes cannot be listed: {}", failure.message),
                    "only an administrator may list them; items can be changed all the same",
                );
            }
        }
        let mut can_read_all = true;
        for (entity, plural) in types {
            let parameters = json!({"entityTypeId": entity.id(), "select": ["id"], "start": -1});
            match self.call("crm.item.list", parameters).await {
                Ok(_) => passed(&format!("{plural} can be read")),
                Err(error) => {
                    can_read_all = false;
                    let failure = Failure::from_portal(&error, Purpose::Reading);
                    failed(&format!("{plural} cannot be read: {}", failure.message), &failure.hint);
                }
            }
        }
        can_read_all
    }

    async fn call(&self, method: &str, parameters: Value) -> Result<Value, PortalError> {
        let parameters = match parameters {
            Value::Object(parameters) => parameters,
            _ => Map::new(),
        };
        self.portal.call(method, &parameters, &self.deadline).await
    }

    fn explain(&self, error: &PortalError) {
        let failure = Failure::from_portal(error, Purpose::Reading);
        let message = match error {
            PortalError::Refused(refusal) => {
                format!("{} (`{}`)", failure.message, readable(&refusal.code))
            }
            _ => failure.message,
        };
        let is_not_json = matches!(error, PortalError::NoUsableAnswer { http_status: Some(_), .. });
        let remedy = match error {
            _ if is_not_json => {
                "the server at this address is not a Bitrix24 portal, or a proxy answers \
                 instead; check the address"
            }
            PortalError::Refused(refusal) if refusal.kind() == ErrorKind::SignInFailed => {
                "make a new webhook in the portal and put its address into the settings"
            }
            _ => &failure.hint,
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
