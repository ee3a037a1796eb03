//! A change of a text as people read it, without the secrets of other servers. Pure.

use serde_json::Value;
use similar::TextDiff;

use crate::portal::{MASK, Scrubber};

/// The lines that change, marked, with those around them.
pub(super) fn of(before: &str, after: &str, secrets: &Scrubber) -> String {
    let diff = TextDiff::from_lines(before, after);
    let shown = diff.unified_diff().context_radius(2).missing_newline_hint(false).to_string();
    let lines = shown.lines().map(|line| {
        let line = without_addresses(&secrets.text(line.trim_end_matches('\r')));
        // What a file holds must not steer the terminal.
        line.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The line without the secrets of webhooks, also of those in comments: what follows `/rest/{user}/`.
fn without_addresses(line: &str) -> String {
    let mut parts = line.split("/rest/");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("/rest/");
        let secret =
            part.split_once('/').filter(|(user, _)| user.chars().all(|c| c.is_ascii_digit()));
        match secret {
            Some((user, secret)) => {
                let rest = secret.trim_start_matches(|c: char| {
                    c.is_ascii_alphanumeric() || c == '-' || c == '_'
                });
                let mask = if rest.len() == secret.len() { "" } else { MASK };
                shown.extend([user, "/", mask, rest]);
            }
            None => shown.push_str(part),
        }
    }
    shown
}

/// The texts of a client's file that are probably secret: what other servers get in variables and headers,
/// and what stands under a name or behind a flag of a secret.
pub(super) fn probable_secrets(file: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    collect(file, false, &mut found);
    found
}

fn collect<'a>(value: &'a Value, is_secret: bool, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if is_secret => found.push(text),
        Value::String(text) => match text.split_once(['=', ' ']) {
            // As in `--token=…` and `Authorization: Bearer …`.
            Some((name, value)) if names_secret(name) => found.push(value),
            _ if text.contains("/rest/") => found.push(text),
            _ => {}
        },
        Value::Array(values) => {
            let mut is_after_flag = false;
            for value in values {
                collect(value, is_secret || is_after_flag, found);
                is_after_flag =
                    value.as_str().is_some_and(|text| text.starts_with('-') && names_secret(text));
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                let holds_secrets = ["env", "headers"].contains(&name.as_str());
                collect(value, is_secret || holds_secrets || names_secret(name), found);
            }
        }
        _ => {}
    }
}

fn names_secret(name: &str) -> bool {
    const PARTS: [&str; 7] =
        ["token", "key", "secret", "password", "auth", "webhook", "credential"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::portal::Secret;

    #[test]
    fn the_secrets_of_other_servers_are_not_shown() {
        let file = json!({
            "theme": "plain", "apiKey": "s1", "servers": {
                "a": {"command": "plain", "env": {"A": "s2"}, "args": ["plain", "--token", "s3", "plain"]},
                "b": {"url": "https://a.example/rest/1/s4/", "headers": {"X": ["s5"]}, "args": ["--key=s6"]},
                "c": {"args": ["Authorization: s7"]},
            },
        });
        let found = probable_secrets(&file);
        let expected = ["s1", "s2", "s3", "https://a.example/rest/1/s4/", "s5", "s6", "s7"];
        assert_eq!(found.iter().filter(|it| !expected.contains(it)).count(), 0, "{found:?}");
        assert_eq!(found.len(), expected.len(), "{found:?}");

        assert_eq!(
            without_addresses("# https://a.example/rest/1/0ld/ and /rest/x/y and /rest/12/n3w\""),
            "# https://a.example/rest/1/***/ and /rest/x/y and /rest/12/***\""
        );
        let before = "{\n  \"a\": \"s3cret\",\r\n  \"b\": 1\n}\n";
        let secrets = Scrubber::new([Secret::new("s3cret")]);
        assert_eq!(
            of(before, &before.replace('1', "2"), &secrets),
            "@@ -1,4 +1,4 @@\n {\n   \"a\": \"***\",\n-  \"b\": 1\n+  \"b\": 2\n }"
        );
    }
}
