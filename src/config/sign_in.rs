//! Which portal the settings name, and how to sign in there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    PortalChoice, parsed, unset_option,
    values::yes_or_no,
    variables::{
        ACCESS_TOKEN, CLIENT_ID, CLIENT_SECRET, OAUTH_URL, PORTAL_URL, REFRESH_TOKEN, SANDBOX,
        SECRETS, TOKEN_FILE, WEBHOOK_URL,
    },
};
use crate::{
    error::Problem,
    portal::{
        Secret, SignIn, Tokens, token_file,
        tokens::{OAuthUrl, Renewal, STANDARD_OAUTH_URL},
    },
};

/// Reads the choice; what is wrong is added to the problems.
pub(super) fn read(
    text: &impl Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> PortalChoice {
    let mut note = |name: &str, message: String| problems.push(Problem::new(name, message));
    let sandbox = parsed(SANDBOX, text, yes_or_no, &mut note).unwrap_or(false);
    let mut secret = |name: &'static str| secret(name, text, &mut note);
    let webhook = secret(WEBHOOK_URL);
    let access = secret(ACCESS_TOKEN);
    let refresh = secret(REFRESH_TOKEN);
    let client_id = secret(CLIENT_ID);
    let client_secret = secret(CLIENT_SECRET);
    let portal = text(PORTAL_URL).map(|text| (PORTAL_URL.to_owned(), text));

    let of_token = [&portal, &access, &refresh, &client_id, &client_secret];
    let given = of_token.into_iter().chain([&webhook]).flatten().map(|(name, _)| name.clone());
    let given: Vec<String> = given.collect();
    if sandbox {
        for name in given {
            note(&name, format!("is set together with `{SANDBOX}`; unset one of them"));
        }
        return PortalChoice::Sandbox;
    }
    if let Some((name, address)) = &webhook {
        let others: Vec<String> = given.into_iter().filter(|given| given != name).collect();
        for other in &others {
            note(other, format!("is set together with `{name}`; unset one of them"));
        }
        return match SignIn::webhook(address) {
            Ok(sign_in) if others.is_empty() => PortalChoice::Real(sign_in),
            Ok(_) => PortalChoice::Missing,
            Err(error) => {
                note(name, error.to_string());
                PortalChoice::Missing
            }
        };
    }
    if given.is_empty() {
        return PortalChoice::Missing;
    }
    let Some((_, portal)) = portal else {
        note(PORTAL_URL, "is missing but required with a token".to_owned());
        return PortalChoice::Missing;
    };
    let value = |setting: Option<(String, String)>| setting.map(|(_, value)| value);
    let renewal = match (value(refresh), value(client_id), value(client_secret)) {
        (None, None, None) => None,
        (Some(refresh), Some(client_id), Some(client_secret)) => {
            if let Some(reason) =
                text(TOKEN_FILE).and_then(|file| token_file::refusal(Path::new(file.trim())))
            {
                note(TOKEN_FILE, reason);
            }
            let url = text(OAUTH_URL).unwrap_or_else(|| STANDARD_OAUTH_URL.to_owned());
            match OAuthUrl::read(&url) {
                Err(error) => {
                    note(OAUTH_URL, error.to_string());
                    None
                }
                Ok(url) => Some(Renewal {
                    client_id,
                    client_secret: Secret::new(client_secret),
                    refresh_token: Secret::new(refresh),
                    url,
                    file: text(TOKEN_FILE).map(PathBuf::from),
                }),
            }
        }
        (refresh, client_id, client_secret) => {
            let parts =
                [(REFRESH_TOKEN, refresh), (CLIENT_ID, client_id), (CLIENT_SECRET, client_secret)];
            for (name, _) in parts.into_iter().filter(|(_, value)| value.is_none()) {
                let message = "is missing: a refresh token needs the application's id and secret";
                note(name, message.to_owned());
            }
            return PortalChoice::Missing;
        }
    };
    let access = value(access).map(Secret::new);
    let tokens = match (access, renewal) {
        (access, Some(renewal)) => Tokens::renewable(access, renewal),
        (Some(access), None) => Tokens::fixed(access),
        (None, None) => {
            note(ACCESS_TOKEN, format!("is missing but required with `{PORTAL_URL}`"));
            return PortalChoice::Missing;
        }
    };
    match SignIn::token(&portal, tokens) {
        Ok(sign_in) => PortalChoice::Real(sign_in),
        Err(error) => {
            note(PORTAL_URL, error.to_string());
            PortalChoice::Missing
        }
    }
}

/// What a portal would be signed in to with, had the MCP client's options been set.
pub(super) fn unset_options(given: &impl Fn(&str) -> Option<String>) -> Vec<Problem> {
    let files = SECRETS.map(|name| format!("{name}_FILE"));
    let names = SECRETS.into_iter().chain([PORTAL_URL]).map(str::to_owned).chain(files);
    let problem = |name: String| {
        let text = given(&name)?;
        let option = unset_option(&text)?;
        let message = format!(
            "holds the placeholder `${{user_config.{option}}}`: its option is not set in the MCP client"
        );
        Some(Problem::new(&name, message))
    };
    names.filter_map(problem).collect()
}

/// A secret from its variable or from the file that `…_FILE` names, with the name that gave it.
fn secret(
    name: &'static str,
    text: &impl Fn(&str) -> Option<String>,
    note: &mut impl FnMut(&str, String),
) -> Option<(String, String)> {
    let in_file = format!("{name}_FILE");
    match (text(name), text(&in_file)) {
        (None, None) => None,
        (Some(value), None) => Some((name.to_owned(), value.trim().to_owned())),
        (Some(_), Some(_)) => {
            note(&in_file, format!("is set together with `{name}`; unset one of them"));
            None
        }
        (None, Some(file)) if !Path::new(file.trim()).is_absolute() => {
            note(&in_file, "must be an absolute path".to_owned());
            None
        }
        (None, Some(file)) => match fs::read_to_string(file.trim()) {
            Ok(content) if !content.trim().is_empty() => Some((in_file, content.trim().to_owned())),
            Ok(_) => {
                note(&in_file, "names an empty file".to_owned());
                None
            }
            Err(error) => {
                note(&in_file, format!("names a file that cannot be read: {}", error.kind()));
                None
            }
        },
    }
}
