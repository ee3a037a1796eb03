//! What the settings mean: texts from flags and the environment become checked values.
//!
//! Every problem is found, not just the first, and no message repeats a value that may be secret.

mod sign_in;

use std::{
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::{
    crm::{EntityType, EntityTypes},
    error::{Code, Failure, Problem, Retry},
    portal::{Connection, Rate, SignIn, Timeouts},
    tools::ToolSelection,
    uploads::{MEGABYTE, Policy},
};

/// The address of an inbound webhook.
pub const WEBHOOK_URL: &str = "BITRIX24_WEBHOOK_URL";
/// The address of a portal, for calls with a token.
pub const PORTAL_URL: &str = "BITRIX24_PORTAL_URL";
/// The OAuth access token for those calls.
pub const ACCESS_TOKEN: &str = "BITRIX24_ACCESS_TOKEN";
/// The OAuth refresh token that renews the access token.
pub const REFRESH_TOKEN: &str = "BITRIX24_REFRESH_TOKEN";
/// The id of the application that the tokens were given to.
pub const CLIENT_ID: &str = "BITRIX24_CLIENT_ID";
/// The secret of that application.
pub const CLIENT_SECRET: &str = "BITRIX24_CLIENT_SECRET";
/// Where tokens are renewed.
pub const OAUTH_URL: &str = "BITRIX24_OAUTH_URL";
/// Where the newest tokens are kept.
pub const TOKEN_FILE: &str = "BITRIX24_TOKEN_FILE";
/// Certificates to trust besides the system's.
pub const CA_FILE: &str = "BITRIX24_CA_FILE";
/// Whether to use the embedded portal.
pub const SANDBOX: &str = "BITRIX24_SANDBOX";
/// Whether tools that write are hidden and refused.
pub const READ_ONLY: &str = "BITRIX24_READ_ONLY";
/// Which tools there are.
pub const TOOLS: &str = "BITRIX24_TOOLS";
/// Which entity types the server works on.
pub const ENTITY_TYPES: &str = "BITRIX24_ENTITY_TYPES";
/// How many requests may go out.
pub const RATE: &str = "BITRIX24_RATE";
/// Seconds to wait for a connection.
pub const CONNECT_TIMEOUT: &str = "BITRIX24_CONNECT_TIMEOUT";
/// Seconds to wait for one request.
pub const REQUEST_TIMEOUT: &str = "BITRIX24_REQUEST_TIMEOUT";
/// Seconds that a whole call may take.
pub const CALL_TIMEOUT: &str = "BITRIX24_CALL_TIMEOUT";
/// Folders below which files may be uploaded from, split as `PATH` is.
pub const FILES_DIR: &str = "BITRIX24_FILES_DIR";
/// The largest file that may be uploaded, in MB.
pub const MAX_FILE_MB: &str = "BITRIX24_MAX_FILE_MB";
/// The most files of one call.
pub const MAX_FILES: &str = "BITRIX24_MAX_FILES";
/// The most megabytes of all files of one call together.
pub const MAX_FILES_MB: &str = "BITRIX24_MAX_FILES_MB";
/// What is logged to standard error.
pub const LOG: &str = "BITRIX24_LOG";

/// Checked settings.
#[derive(Debug)]
pub struct Settings {
    /// Which portal to use.
    pub portal: PortalChoice,
    /// Which tools there are, and for which entity types.
    pub selection: ToolSelection,
    /// The portal's pace.
    pub rate: Rate,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Certificates to trust besides the system's, as a PEM file's content.
    pub extra_roots: Option<Vec<u8>>,
    /// Which files may be uploaded.
    pub files: Policy,
    /// What is logged.
    pub log: Targets,
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
        // Clients pass unset variables on as empty ones.
        let text = |name: &str| value_of(name).filter(|text| !text.trim().is_empty());
        let mut problems = Vec::new();
        let mut note = |name: &str, message: String| problems.push(Problem::new(name, message));

        let groups = parsed(TOOLS, &text, tool_groups, &mut note).unwrap_or_default();
        let selection = ToolSelection {
            read_only: parsed(READ_ONLY, &text, yes_or_no, &mut note).unwrap_or(false),
            update: groups.is_empty() || groups.contains(&"update"),
            lookup: groups.is_empty() || groups.contains(&"lookup"),
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
        let log = parsed(LOG, &text, log_filter, &mut note).unwrap_or_else(quiet);
        let extra_roots = parsed(CA_FILE, &text, certificates, &mut note);
        let portal = sign_in::read(&text, &mut problems);
        if problems.is_empty() {
            Ok(Self { portal, selection, rate, timeouts, extra_roots, files, log })
        } else {
            Err(Unusable { problems, selection, log })
        }
    }
}

impl Settings {
    /// How the portal that was signed in to is to be treated.
    pub fn connection(&self, sign_in: SignIn) -> Connection {
        let Self { timeouts, rate, extra_roots, .. } = self;
        Connection { sign_in, timeouts: *timeouts, rate: *rate, extra_roots: extra_roots.clone() }
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
        "a person has to set `BITRIX24_WEBHOOK_URL` in the MCP client's configuration to the \
         address of an inbound webhook with the scope `crm`, such as \
         `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, and start the server again; \
         with `BITRIX24_SANDBOX=1` it works on an embedded demo portal",
    )
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

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err("must be `1` or `0`, `true` or `false`, `yes` or `no`".to_owned()),
    }
}

/// The parts of a comma list.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn tool_groups(text: &str) -> Result<Vec<&'static str>, String> {
    let known = |part: &str| {
        ["update", "lookup"].into_iter().find(|group| part.eq_ignore_ascii_case(group))
    };
    let groups: Option<Vec<&str>> = parts(text).map(known).collect();
    let groups = groups.filter(|groups| !groups.is_empty());
    groups.ok_or_else(|| "must be `update`, `lookup` or `update,lookup`".to_owned())
}

fn entity_types(text: &str) -> Result<EntityTypes, String> {
    let read = |part: &str| {
        let by_number = part.parse().ok().filter(|id| *id > 0).map(EntityType::new);
        let known = by_number.filter(|entity| entity.family().is_some());
        known.or_else(|| EntityType::named(part)).ok_or_else(|| part.to_owned())
    };
    let types: Result<Vec<EntityType>, String> = parts(text).map(read).collect();
    match types {
        Ok(types) if !types.is_empty() => Ok(EntityTypes::only(types)),
        Ok(_) => Err("must name entity types such as `deal,contact,1268`".to_owned()),
        Err(_) => {
            Err("must be a list of `lead`, `deal`, `contact`, `company`, `quote`, `invoice` \
                       and numbers of smart processes, such as `deal,contact,1268`"
                .to_owned())
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "must be a number of seconds above 0, such as `30`".to_owned())
}

/// A PEM file; what is in it is checked when it is first used.
fn certificates(text: &str) -> Result<Vec<u8>, String> {
    if !Path::new(text).is_absolute() {
        return Err("must be an absolute path".to_owned());
    }
    let content = std::fs::read(text)
        .map_err(|error| format!("names a file that cannot be read: {}", error.kind()))?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if content.windows(begin.len()).any(|part| part == begin) {
        Ok(content)
    } else {
        Err("must name a PEM file with certificates".to_owned())
    }
}

fn megabytes(text: &str) -> Result<u64, String> {
    text.parse::<u32>()
        .ok()
        .filter(|megabytes| *megabytes > 0)
        .map(|megabytes| u64::from(megabytes) * MEGABYTE)
        .ok_or_else(|| "must be a whole number of megabytes above 0, such as `20`".to_owned())
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "must be a whole number above 0, such as `20`".to_owned())
}

/// The files of the settings: none of them is ever uploaded.
fn files_with_secrets(text: &impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let secrets = [WEBHOOK_URL, ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_ID, CLIENT_SECRET];
    let in_files = secrets.into_iter().filter_map(|name| text(&format!("{name}_FILE")));
    let others = [TOKEN_FILE, CA_FILE].into_iter().filter_map(text);
    in_files.chain(others).map(|path| PathBuf::from(path.trim())).collect()
}

fn folders(text: &str) -> Result<Vec<PathBuf>, String> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(text).filter(|folder| !folder.as_os_str().is_empty()).collect();
    match folders.iter().find(|folder| !folder.is_absolute() || !folder.is_dir()) {
        None => match folders.iter().find(|folder| is_too_wide(folder)) {
            None => Ok(folders),
            Some(wide) => Err(format!(
                "must name folders made for uploads; `{}` holds everything of a machine or a person",
                wide.display()
            )),
        },
        Some(wrong) => Err(format!(
            "must name existing folders by absolute paths; `{}` is none",
            wrong.display()
        )),
    }
}

/// Whether a folder is a root, holds home folders, or is one.
fn is_too_wide(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else {
        return true;
    };
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let is_of_homes = ["/home", "/Users", "/root"].iter().any(|homes| {
        real == Path::new(homes) || (*homes != "/root" && real.parent() == Some(Path::new(homes)))
    });
    real.parent().is_none() || is_of_homes || home.is_some_and(|home| home.starts_with(&real))
}

fn log_filter(text: &str) -> Result<Targets, String> {
    // What libraries log at `trace` are whole messages with customers' data: only when they are named.
    if text.trim().eq_ignore_ascii_case("trace") {
        return Ok(Targets::new()
            .with_default(LevelFilter::DEBUG)
            .with_target("bitrix24_crm_mcp", LevelFilter::TRACE));
    }
    text.parse().map_err(|_| {
        "must be a log level such as `warn` or `debug`, or a list such as \
         `warn,bitrix24_crm_mcp=debug`"
            .to_owned()
    })
}

fn quiet() -> Targets {
    Targets::new().with_default(LevelFilter::WARN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<(String, String)>> {
        Settings::read(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
        .map_err(|unusable| {
            let problems = unusable.problems.into_iter();
            problems.map(|problem| (problem.path, problem.message)).collect()
        })
    }

    const WEBHOOK: (&str, &str) = (WEBHOOK_URL, "https://acme.example/rest/1/s3cret/");

    #[test]
    fn nothing_set_is_no_portal_and_the_standard_pace() {
        let settings = read(&[(RATE, " "), (WEBHOOK_URL, "")]).unwrap();
        assert!(matches!(settings.portal, PortalChoice::Missing));
        assert_eq!(settings.rate, Rate::STANDARD);
        assert_eq!(settings.timeouts, Timeouts::STANDARD);
        assert_eq!(settings.selection, ToolSelection::default());
    }

    #[test]
    fn values_are_read_by_their_grammar() {
        let settings = read(&[
            WEBHOOK,
            (READ_ONLY, "Yes"),
            (TOOLS, " Lookup,"),
            (ENTITY_TYPES, "deals, 1268"),
            (RATE, "250/5"),
            (CALL_TIMEOUT, "12.5"),
            (LOG, "warn,bitrix24_crm_mcp=debug"),
        ])
        .unwrap();
        assert!(matches!(settings.portal, PortalChoice::Real(_)));
        assert!(
            settings.selection.read_only && settings.selection.lookup && !settings.selection.update
        );
        let types = [EntityType::new(2), EntityType::new(1268)];
        assert_eq!(settings.selection.types, EntityTypes::only(types.to_vec()));
        assert_eq!(settings.rate, Rate::ENTERPRISE);
        assert_eq!(settings.timeouts.call, Duration::from_millis(12_500));
    }

    #[test]
    fn contradictions_are_errors() {
        let portal = (PORTAL_URL, "https://acme.example");
        let token = (ACCESS_TOKEN, "t0ken");
        let cases: [(&[(&str, &str)], &str); 8] = [
            (&[WEBHOOK, portal], PORTAL_URL),
            (&[WEBHOOK, token], ACCESS_TOKEN),
            (&[portal], ACCESS_TOKEN),
            (&[token], PORTAL_URL),
            (&[WEBHOOK, (SANDBOX, "1")], WEBHOOK_URL),
            (&[portal, token, (REFRESH_TOKEN, "r"), (CLIENT_ID, "c")], CLIENT_SECRET),
            (&[WEBHOOK, ("BITRIX24_WEBHOOK_URL_FILE", "x")], "BITRIX24_WEBHOOK_URL_FILE"),
            (&[(WEBHOOK_URL, "https://acme.example/rest/s3cret/")], WEBHOOK_URL),
        ];
        for (variables, blamed) in cases {
            let problems = read(variables).unwrap_err();
            assert_eq!(problems.len(), 1, "{variables:?}");
            assert_eq!(problems[0].0, blamed, "{variables:?}");
            assert!(!problems[0].1.contains("s3cret"));
        }
    }

    #[test]
    fn every_malformed_value_is_named() {
        let problems = read(&[
            (TOOLS, "update,delete"),
            (READ_ONLY, "maybe"),
            (ENTITY_TYPES, "deal,order"),
            (RATE, "fast"),
            (CONNECT_TIMEOUT, "0"),
            (REQUEST_TIMEOUT, "-1"),
            (CALL_TIMEOUT, "inf"),
            (LOG, "=="),
            (FILES_DIR, "relative/folder"),
            (MAX_FILE_MB, "0"),
            (SANDBOX, "2"),
        ])
        .unwrap_err();
        let blamed: Vec<&str> = problems.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            blamed,
            [
                TOOLS,
                READ_ONLY,
                ENTITY_TYPES,
                RATE,
                CONNECT_TIMEOUT,
                REQUEST_TIMEOUT,
                CALL_TIMEOUT,
                FILES_DIR,
                MAX_FILE_MB,
                LOG,
                SANDBOX
            ]
        );
    }
}
