//! What the settings mean: texts from flags and the environment become checked values.
//!
//! Every problem is found, not just the first, and no message repeats a value that may be secret.

pub mod hints;
mod sign_in;
mod values;
pub mod variables;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::{
    error::{Code, Failure, Problem, Retry},
    journal,
    policy::{Mistake, WritePolicy},
    portal::{Connection, Rate, SignIn, Timeouts},
    tools::{Group, ToolSelection},
    uploads::Policy,
};
use values::{
    appended_file, certificates, count, entity_types, folders, journal_values, log_filter,
    megabytes, seconds, tool_groups, yes_or_no,
};
use variables::{
    CA_FILE, CALL_TIMEOUT, CONNECT_TIMEOUT, ENTITY_TYPES, FILES_DIR, JOURNAL, JOURNAL_VALUES, LOG,
    MAX_FILE_MB, MAX_FILES, MAX_FILES_MB, POLICY, RATE, READ_ONLY, REQUEST_TIMEOUT, SANDBOX,
    SECRETS, TOKEN_FILE, TOOLS, WEBHOOK_URL,
};

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    /// Which portal to use.
    pub portal: PortalChoice,
    /// Which tools there are, and for which entity types.
    pub selection: ToolSelection,
    /// The portal's request limit.
    pub rate: Rate,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Certificates to trust besides the system's, as a PEM file's content.
    pub extra_roots: Option<Vec<u8>>,
    /// Which files may be uploaded.
    pub files: Policy,
    /// What is recorded of changes, and where.
    pub journal: journal::Settings,
    /// What may be written, where a file says it.
    pub policy: Option<PolicyFile>,
    /// What is logged.
    pub log: Targets,
}

/// A policy file and what it says.
#[derive(Debug)]
pub struct PolicyFile {
    /// Where it is.
    pub path: String,
    /// What may be written, or everything that is wrong with the file.
    pub policy: Result<WritePolicy, Vec<String>>,
}

/// Which portal to use.
#[derive(Debug)]
pub enum PortalChoice {
    /// None is set.
    Missing,
    /// The embedded one.
    Sandbox,
    /// A real one.
    Real(SignIn),
}

/// Settings that cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// What is wrong, by the name of the variable.
    pub problems: Vec<Problem>,
    /// The part that decides what is shown before a call, as far as it can be read.
    pub selection: ToolSelection,
    /// What is logged, as far as it can be read.
    pub log: Targets,
}

impl Settings {
    /// Reads the settings; `value_of` gives the text of a variable, from a flag or the environment.
    ///
    /// # Errors
    ///
    /// Every malformed or contradictory setting.
    pub fn read(value_of: impl Fn(&str) -> Option<String>) -> Result<Self, Unusable> {
        // Clients pass unset variables on as empty ones, and hosts of bundles as their placeholders.
        let given = |name: &str| value_of(name).filter(|text| !text.trim().is_empty());
        let text = |name: &str| given(name).filter(|text| unset_option(text).is_none());
        let mut problems = Vec::new();
        let mut note = |name: &str, message: String| problems.push(Problem::new(name, message));

        let groups = parsed(TOOLS, &text, tool_groups, &mut note);
        let selection = ToolSelection {
            read_only: parsed(READ_ONLY, &text, yes_or_no, &mut note).unwrap_or(false),
            groups: groups.unwrap_or_else(|| Group::ALL.to_vec()),
            types: parsed(ENTITY_TYPES, &text, entity_types, &mut note).unwrap_or_default(),
        };
        let rate = parsed(RATE, &text, Rate::from_str, &mut note).unwrap_or(Rate::STANDARD);
        let standard = Timeouts::STANDARD;
        let timeouts = Timeouts {
            connect: parsed(CONNECT_TIMEOUT, &text, seconds, &mut note).unwrap_or(standard.connect),
            request: parsed(REQUEST_TIMEOUT, &text, seconds, &mut note).unwrap_or(standard.request),
            call: parsed(CALL_TIMEOUT, &text, seconds, &mut note).unwrap_or(standard.call),
        };
        let files = Policy {
            folders: parsed(FILES_DIR, &text, folders, &mut note).unwrap_or_default(),
            secrets: files_with_secrets(&text),
            max_bytes: parsed(MAX_FILE_MB, &text, megabytes, &mut note)
                .unwrap_or(Policy::STANDARD.max_bytes),
            max_files: parsed(MAX_FILES, &text, count, &mut note)
                .unwrap_or(Policy::STANDARD.max_files),
            max_total_bytes: parsed(MAX_FILES_MB, &text, megabytes, &mut note)
                .unwrap_or(Policy::STANDARD.max_total_bytes),
        };
        let journal = journal::Settings {
            file: parsed(JOURNAL, &text, appended_file, &mut note),
            values: parsed(JOURNAL_VALUES, &text, journal_values, &mut note).unwrap_or_default(),
        };
        let log = parsed(LOG, &text, log_filter, &mut note).unwrap_or_else(quiet);
        let extra_roots = parsed(CA_FILE, &text, certificates, &mut note);
        let portal = sign_in::read(&text, &mut problems);
        if matches!(portal, PortalChoice::Missing) && problems.is_empty() {
            problems.extend(sign_in::unset_options(&given));
        }
        let policy = text(POLICY).map(|path| policy_file(path.trim()));
        if problems.is_empty() {
            Ok(Self { portal, selection, rate, timeouts, extra_roots, files, journal, policy, log })
        } else {
            Err(Unusable { problems, selection, log })
        }
    }
}

impl Settings {
    /// How the portal is to be treated.
    pub fn connection(&self) -> Connection {
        let Self { timeouts, rate, extra_roots, .. } = self;
        Connection { timeouts: *timeouts, rate: *rate, extra_roots: extra_roots.clone() }
    }
}

impl Settings {
    /// What may be written, by all settings together. Of a file that cannot be used nothing is allowed.
    pub fn write_policy(&self) -> WritePolicy {
        let policy = match &self.policy {
            None => WritePolicy::default(),
            Some(PolicyFile { policy: Ok(policy), .. }) => policy.clone(),
            Some(PolicyFile { policy: Err(_), .. }) => WritePolicy::unusable(),
        };
        policy.limited_to(self.selection.types.clone(), self.selection.read_only)
    }
}

impl Unusable {
    /// The failure that calls answer.
    pub fn failure(&self) -> Failure {
        let message = match self.problems.as_slice() {
            [one] => format!("the setting `{}` {}", one.path, one.message),
            several => format!("{} settings cannot be used", several.len()),
        };
        let hint = "a person has to correct the settings in the MCP client's configuration and \
                    start the server again";
        let problems = self.problems.clone();
        Failure { problems, ..Failure::new(Code::Configuration, Retry::No, message, hint) }
    }
}

/// The failure that calls answer when no portal is set.
pub fn no_portal() -> Failure {
    Failure::new(
        Code::Configuration,
        Retry::No,
        "no Bitrix24 portal is set",
        format!(
            "a person has to set `{WEBHOOK_URL}` in the MCP client's configuration to the address of \
             an inbound webhook with the scope `crm`, such as \
             `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, and start the server again; \
             with `{SANDBOX}=1` it works on an embedded demo portal"
        ),
    )
}

/// The name of the option of a bundle or extension that a value stands for, when its host has none and
/// passes on `${user_config.…}` itself.
fn unset_option(text: &str) -> Option<&str> {
    let option = text.trim().strip_prefix("${user_config.")?.strip_suffix('}')?;
    (!option.contains(['$', '{', '}'])).then_some(option)
}

fn parsed<T>(
    name: &str,
    text: &impl Fn(&str) -> Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
    note: &mut impl FnMut(&str, String),
) -> Option<T> {
    match parse(text(name)?.trim()) {
        Ok(value) => Some(value),
        Err(message) => {
            note(name, message);
            None
        }
    }
}

/// Reads a policy file. One that cannot be used stops writing and nothing else, so it is no wrong setting.
fn policy_file(path: &str) -> PolicyFile {
    let policy = if Path::new(path).is_absolute() {
        std::fs::read_to_string(path)
            .map_err(|error| vec![format!("cannot be read: {}", error.kind())])
            .and_then(|text| {
                let told =
                    |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect();
                WritePolicy::read(&text).map_err(told)
            })
    } else {
        Err(vec!["is not given by an absolute path".to_owned()])
    };
    PolicyFile { path: path.to_owned(), policy }
}

/// The files of the settings: none of them is ever uploaded.
fn files_with_secrets(text: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let in_files = SECRETS.into_iter().filter_map(|name| text(&format!("{name}_FILE")));
    let others = [TOKEN_FILE, CA_FILE, JOURNAL, POLICY].into_iter().filter_map(text);
    in_files.chain(others).map(|path| PathBuf::from(path.trim())).collect()
}

fn quiet() -> Targets {
    Targets::new().with_default(LevelFilter::WARN)
}

#[cfg(test)]
mod tests;
