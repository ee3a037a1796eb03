//! What a person has to do about a setting: the sentences that name environment variables.

/// How the settings are given.
pub const ABOUT: &str = "An MCP server that lets AI assistants change items of a Bitrix24 CRM.\n\n\
    Without a command it serves MCP on standard input and output, which is how MCP clients start it. \
    The portal's webhook is read from the variable `BITRIX24_WEBHOOK_URL`; try `--sandbox` or the \
    command `demo` without one.";

/// The portal's address is wrong.
pub const ADDRESS: &str = "a person has to correct the portal's address in the settings \
    (`BITRIX24_WEBHOOK_URL` or `BITRIX24_PORTAL_URL`)";

/// The portal has another address now.
pub const NEW_ADDRESS: &str = "a person has to put the portal's new address into the settings \
    (`BITRIX24_WEBHOOK_URL` or `BITRIX24_PORTAL_URL`); redirects are not followed, because they would \
    send the secret to another address";

/// The portal's certificate is not trusted.
pub const CERTIFICATE: &str = "a person has to check the address; for a self-signed certificate, \
    set `BITRIX24_CA_FILE` to a PEM file to trust";

/// An access token has expired, and nothing renews it.
pub const TOKEN: &str = "a person has to set a new access token, or `BITRIX24_REFRESH_TOKEN` \
    to renew it";

/// An access token could not be renewed, for a reason that may pass.
pub const RENEWAL: &str = "repeat the call later; if it keeps failing, a person has to check \
    `BITRIX24_OAUTH_URL`, `BITRIX24_TOKEN_FILE` and the network";

/// The journal's file cannot be used.
pub const JOURNAL: &str = "a person has to make the file of `BITRIX24_JOURNAL` writable for this \
    program and check that its disk has space; without this setting changes are recorded in memory only";

/// The policy file cannot be used.
pub const POLICY: &str = "a person has to correct the file of `BITRIX24_POLICY`, whose mistakes \
    `bitrix24-crm-mcp check` names with their lines, and start the server again";

/// The server may not write.
pub const READ_ONLY: &str =
    "a person has to unset `BITRIX24_READ_ONLY` in the settings to allow changes";

/// Another program holds the journal's file.
pub const JOURNAL_LOCKED: &str = "repeat the call; if it keeps failing, a person has to find the program \
    that holds the lock of the file of `BITRIX24_JOURNAL`";
