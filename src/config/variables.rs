//! The names of the environment variables. The only place that spells them: messages that tell a
//! person which one to set take its name from here.

/// The secrets. Each may come from the file that its name with `_FILE` names.
pub const SECRETS: [&str; 5] = [WEBHOOK_URL, ACCESS_TOKEN, REFRESH_TOKEN, CLIENT_ID, CLIENT_SECRET];

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
/// The file that a record of every change is appended to.
pub const JOURNAL: &str = "BITRIX24_JOURNAL";
/// Whether that file gets values or names of fields alone.
pub const JOURNAL_VALUES: &str = "BITRIX24_JOURNAL_VALUES";
/// The file that says what may be written.
pub const POLICY: &str = "BITRIX24_POLICY";
/// What is logged to standard error.
pub const LOG: &str = "BITRIX24_LOG";
