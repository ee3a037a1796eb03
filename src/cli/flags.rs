//! Settings on the command line: one table of flags, one for each environment variable.
//! Secrets have none, because other users of a machine can read a process's arguments.

use std::{collections::HashMap, env, ffi::OsString};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::Error};

use crate::config::variables::{
    CA_FILE, CALL_TIMEOUT, CONNECT_TIMEOUT, ENTITY_TYPES, FILES_DIR, JOURNAL, JOURNAL_VALUES, LOG,
    MAX_FILE_MB, MAX_FILES, MAX_FILES_MB, OAUTH_URL, POLICY, PORTAL_URL, RATE, READ_ONLY,
    REQUEST_TIMEOUT, SANDBOX, TOKEN_FILE, TOOLS,
};

/// Variable, flag, the placeholder of its value (empty for a switch), and help.
#[rustfmt::skip] // a table: one flag, one line
const FLAGS: [(&str, &str, &str, &str); 20] = [
    (SANDBOX, "sandbox", "", "Use the embedded demo portal"),
    (READ_ONLY, "read-only", "", "Hide and refuse every tool that writes"),
    (TOOLS, "tools", "GROUPS", "Which groups of tools to offer, by default `update,lookup`"),
    (ENTITY_TYPES, "entity-types", "TYPES", "Entity types to work on, such as `deal,contact,1268`, by default all"),
    (PORTAL_URL, "portal-url", "URL", "Address of the portal, when calls sign in with an access token"),
    (OAUTH_URL, "oauth-url", "URL", "Where tokens are renewed, by default https://oauth.bitrix.info/oauth/token/"),
    (TOKEN_FILE, "token-file", "FILE", "Where the newest tokens are kept"),
    (CA_FILE, "ca-file", "FILE", "PEM file with certificates to trust besides the system's"),
    (RATE, "rate", "RATE", "Request limit: `standard`, `enterprise` or `BURST/PER_SECOND`"),
    (CONNECT_TIMEOUT, "connect-timeout", "SECONDS", "Seconds to wait for a connection, by default 5"),
    (REQUEST_TIMEOUT, "request-timeout", "SECONDS", "Seconds to wait for one request, by default 30"),
    (CALL_TIMEOUT, "call-timeout", "SECONDS", "Seconds that a whole call may take, by default 45"),
    (FILES_DIR, "files-dir", "DIRS", "Folders below which files may be uploaded from, split as `PATH` is"),
    (MAX_FILE_MB, "max-file-mb", "MB", "The largest file to upload in MB, by default 20"),
    (MAX_FILES, "max-files", "COUNT", "The most files of one call, by default 20"),
    (MAX_FILES_MB, "max-files-mb", "MB", "The largest size of all files of one call in MB, by default 50"),
    (JOURNAL, "journal", "FILE", "File that a record of every change is appended to; without it they are in memory only"),
    (JOURNAL_VALUES, "journal-values", "WHAT", "What that file gets: `all`, the default, or `names` of fields without their values"),
    (POLICY, "policy", "FILE", "TOML file that says which fields, stages and how many items may be written"),
    (LOG, "log", "FILTER", "What to log to standard error, by default `warn`; a library's `trace`, when named, logs customers' data"),
];

/// The flags that were typed, by their variables.
#[derive(Debug, Clone, Default)]
pub(super) struct Flags(HashMap<&'static str, String>);

impl Flags {
    /// The text of a setting: what was typed wins over the environment.
    pub(super) fn value_of(&self, variable: &str) -> Option<String> {
        let from_environment = || Some(env::var_os(variable)?.to_string_lossy().into_owned());
        self.0.get(variable).cloned().or_else(from_environment)
    }

    /// What was typed, as the variables that say the same, in the order of the table.
    #[cfg(feature = "setup")]
    pub(super) fn typed(&self) -> Vec<(String, String)> {
        let typed = FLAGS.into_iter().filter_map(|(variable, ..)| {
            Some((variable.to_owned(), self.0.get(variable)?.clone()))
        });
        typed.collect()
    }
}

/// Arguments without the flags of some variables, and without their values.
#[cfg(feature = "setup")]
pub(super) fn without<'a>(arguments: &'a [&'a str], variables: &[&str]) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let (name, value) =
            argument.split_once('=').map_or((*argument, None), |(a, b)| (a, Some(b)));
        let row = FLAGS.iter().find(|(_, flag, ..)| name.strip_prefix("--") == Some(flag));
        match row {
            Some((variable, _, placeholder, _)) if variables.contains(variable) => {
                if !placeholder.is_empty() && value.is_none() {
                    arguments.next();
                }
            }
            _ => kept.push(*argument),
        }
    }
    kept
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let command = command.next_help_heading("Settings");
        FLAGS.into_iter().fold(command, |command, (variable, flag, value, help)| {
            let help = format!("{help} [env: {variable}]");
            let arg = Arg::new(variable).long(flag).global(true).help(help);
            command.arg(match value {
                "" => arg.action(ArgAction::SetTrue),
                value => arg.value_name(value).value_parser(clap::value_parser!(OsString)),
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = FLAGS.into_iter().filter_map(|(variable, _, value, _)| {
            let text = match value {
                "" => matches.get_flag(variable).then(|| "1".to_owned())?,
                _ => matches.get_one::<OsString>(variable)?.to_string_lossy().into_owned(),
            };
            Some((variable, text))
        });
        Ok(Self(typed.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
