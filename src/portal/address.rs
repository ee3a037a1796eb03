//! Where a portal is. Messages about malformed addresses never repeat them, because they hold
//! secrets.

use std::{fmt, net::IpAddr};

use reqwest::Url;

/// A portal's address: origin and, for some self-hosted portals, a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    origin: Url,
    prefix: String,
}

/// What is wrong with an address, without repeating it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL.
    #[error("is not a web address")]
    NotAUrl,
    /// A client passed its placeholder on.
    #[error("still holds a placeholder such as `${{…}}`, which the MCP client did not replace")]
    Placeholder,
    /// A backslash, space or control character.
    #[error("must hold no backslash, space or control character")]
    OddCharacter,
    /// Plain http to a host other than this machine.
    #[error("must begin with `https://`; plain `http://` is for this machine only")]
    NotHttps,
    /// A user name, a query or a fragment.
    #[error("must have no user name, query or fragment")]
    Extra,
    /// No `/rest/{user}/{secret}` at the end of the path.
    #[error(
        "must end in `/rest/{{user}}/{{secret}}/`, with the number of a user and the secret of the webhook"
    )]
    NotAWebhook,
    /// A path that holds a webhook's parts.
    #[error("must be the portal's address alone, such as `https://example.bitrix24.com`")]
    NotAPortal,
}

impl AddressError {
    /// Everything that can be wrong.
    pub const ALL: [Self; 7] = [
        Self::NotAUrl,
        Self::Placeholder,
        Self::OddCharacter,
        Self::NotHttps,
        Self::Extra,
        Self::NotAWebhook,
        Self::NotAPortal,
    ];
}

impl Address {
    /// The portal that a URL leads to, below a path prefix.
    pub(super) fn new(mut url: Url, prefix: &str) -> Self {
        url.set_path("");
        Self { origin: url, prefix: prefix.to_owned() }
    }

    /// Whether the portal is on this machine.
    pub(super) fn is_on_this_machine(&self) -> bool {
        self.origin.host_str().is_some_and(is_loopback)
    }

    /// The URL of a path below the portal's address.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.origin.clone();
        url.set_path(&format!("{}{path}", self.prefix));
        url
    }

    /// The portal's host, with the port where it is not the usual one.
    pub fn authority(&self) -> String {
        self.host().split('/').take(1).collect()
    }

    /// The same with a path prefix.
    pub fn host(&self) -> String {
        let text = self.to_string();
        text.split_once("://").map_or(text.clone(), |(_, rest)| rest.to_owned())
    }

    /// The address of a page of the portal.
    pub fn page(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin.origin().ascii_serialization(), self.prefix)
    }
}

pub(super) fn checked_url(text: &str) -> Result<Url, AddressError> {
    let text = text.trim();
    if text.contains("${") || text.contains('{') {
        return Err(AddressError::Placeholder);
    }
    // Readers of addresses disagree on what these mean: one of them sees another host.
    if text.contains(|c: char| c == '\\' || c.is_whitespace() || c.is_control()) {
        return Err(AddressError::OddCharacter);
    }
    let authority = text.split_once("://").map_or(text, |(_, rest)| rest);
    if authority.split(['/', '?', '#']).next().is_some_and(|it| it.contains('@')) {
        return Err(AddressError::Extra);
    }
    let url = Url::parse(text).map_err(|_| AddressError::NotAUrl)?;
    let host = url.host_str().ok_or(AddressError::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(host) => {}
        "http" => return Err(AddressError::NotHttps),
        _ => return Err(AddressError::NotAUrl),
    }
    let has_extra = !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some();
    if has_extra {
        return Err(AddressError::Extra);
    }
    Ok(url)
}

pub(super) fn path_segments(url: &Url) -> Vec<&str> {
    url.path().split('/').filter(|segment| !segment.is_empty()).collect()
}

pub(super) fn joined(segments: &[&str]) -> String {
    segments.iter().map(|segment| "/".to_owned() + segment).collect()
}

pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
