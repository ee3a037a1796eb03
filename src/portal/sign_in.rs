//! Where a portal is and how calls sign in: a webhook, or an address and an access token.
//!
//! Messages about malformed addresses never repeat them, because they hold secrets.

use std::{fmt, sync::Arc};

use reqwest::Url;

use super::{
    Tokens,
    address::{Address, AddressError, checked_url, joined, path_segments},
    secret::{MASK, Secret},
};

/// How calls reach the portal and sign in.
#[derive(Clone)]
pub enum SignIn {
    /// An inbound webhook: the secret is part of the path.
    Webhook {
        /// The portal.
        address: Address,
        /// Whose rights the webhook has.
        user: String,
        /// The secret part of the path.
        secret: Secret,
    },
    /// An OAuth access token, sent as the `auth` parameter of the body.
    Token {
        /// The portal.
        address: Address,
        /// The token, and what renews it.
        tokens: Arc<Tokens>,
    },
}

impl SignIn {
    /// Reads `https://{host}[:port][/prefix]/rest/{user}/{secret}[/]`.
    ///
    /// # Errors
    ///
    /// What is wrong with the text, without repeating it.
    pub fn webhook(text: &str) -> Result<Self, AddressError> {
        let url = checked_url(text)?;
        let segments = path_segments(&url);
        let [prefix @ .., rest, user, secret] = segments.as_slice() else {
            return Err(AddressError::NotAWebhook);
        };
        let is_user = !user.is_empty() && user.chars().all(|c| c.is_ascii_digit());
        let is_secret = secret.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if *rest != "rest" || !is_user || !is_secret {
            return Err(AddressError::NotAWebhook);
        }
        let (user, secret) = ((*user).to_owned(), Secret::new(*secret));
        let prefix = joined(prefix);
        Ok(Self::Webhook { address: Address::new(url, &prefix), user, secret })
    }

    /// Reads `https://{host}[:port][/prefix][/rest][/]` and pairs it with the token.
    ///
    /// # Errors
    ///
    /// What is wrong with the address, without repeating it.
    pub fn token(text: &str, tokens: Tokens) -> Result<Self, AddressError> {
        let url = checked_url(text)?;
        let segments = path_segments(&url);
        let prefix = match segments.as_slice() {
            [prefix @ .., "rest"] => prefix,
            prefix => prefix,
        };
        if prefix.contains(&"rest") {
            return Err(AddressError::NotAPortal);
        }
        let prefix = joined(prefix);
        Ok(Self::Token { address: Address::new(url, &prefix), tokens: Arc::new(tokens) })
    }

    /// The portal's address, without any secret.
    pub const fn address(&self) -> &Address {
        match self {
            Self::Webhook { address, .. } | Self::Token { address, .. } => address,
        }
    }

    /// Every secret that must never be shown.
    pub fn secrets(&self) -> Vec<Secret> {
        match self {
            Self::Webhook { secret, .. } => vec![secret.clone()],
            Self::Token { tokens, .. } => tokens.secrets(),
        }
    }

    /// Whether the portal is on this machine.
    pub fn is_on_this_machine(&self) -> bool {
        self.address().is_on_this_machine()
    }

    /// The address of a method. It holds the secret: for the request alone.
    pub(super) fn method_url(&self, method: &str) -> Url {
        self.address().url(&match self {
            Self::Webhook { user, secret, .. } => {
                format!("/rest/{user}/{}/{method}", secret.expose())
            }
            Self::Token { .. } => format!("/rest/{method}"),
        })
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { address, user, .. } => write!(f, "{address}/rest/{user}/{MASK}/"),
            Self::Token { address, .. } => write!(f, "{address} with a token"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_are_read_and_called_under_their_address() {
        let cases = [
            (
                "https://acme.bitrix24.com/rest/1/s3cret/",
                "https://acme.bitrix24.com/rest/1/s3cret/m",
            ),
            (
                "https://acme.bitrix24.com/rest/1/s3cret",
                "https://acme.bitrix24.com/rest/1/s3cret/m",
            ),
            (
                " https://b.example:8443/crm/rest/12/s3cret/ ",
                "https://b.example:8443/crm/rest/12/s3cret/m",
            ),
            ("http://127.0.0.1:8080/rest/1/s3cret/", "http://127.0.0.1:8080/rest/1/s3cret/m"),
            ("http://[::1]:8080/rest/1/s3cret/", "http://[::1]:8080/rest/1/s3cret/m"),
            ("https://портал.рф/rest/1/s3cret/", "https://xn--80awhdgm.xn--p1ai/rest/1/s3cret/m"),
        ];
        for (text, called) in cases {
            let sign_in = SignIn::webhook(text).unwrap();
            assert_eq!(sign_in.method_url("m").as_str(), called);
            assert!(!format!("{sign_in:?}").contains("s3cret"));
        }
    }

    #[test]
    fn malformed_webhooks_are_named_without_being_repeated() {
        let cases = [
            ("acme.bitrix24.com/rest/1/s3cret/", AddressError::NotAUrl),
            ("ftp://acme.bitrix24.com/rest/1/s3cret/", AddressError::NotAUrl),
            ("${BITRIX24_WEBHOOK_URL}", AddressError::Placeholder),
            ("http://acme.bitrix24.com/rest/1/s3cret/", AddressError::NotHttps),
            ("http://127.0.0.1.example.com/rest/1/s3cret/", AddressError::NotHttps),
            ("https://evil.example\\@acme.bitrix24.com/rest/1/s3cret/", AddressError::OddCharacter),
            ("https://acme.bitrix24.com\\.evil.example/rest/1/s3cret/", AddressError::OddCharacter),
            ("https://acme.bitrix24.com/rest/1/s3\tcret/", AddressError::OddCharacter),
            ("https://acme.bitrix24.com@evil.example/rest/1/s3cret/", AddressError::Extra),
            ("https://me:s3cret@acme.bitrix24.com/rest/1/s3cret/", AddressError::Extra),
            ("https://acme.bitrix24.com/rest/1/s3cret/?auth=1", AddressError::Extra),
            ("https://acme.bitrix24.com/", AddressError::NotAWebhook),
            ("https://acme.bitrix24.com/rest/s3cret/", AddressError::NotAWebhook),
            ("https://acme.bitrix24.com/rest/one/s3cret/", AddressError::NotAWebhook),
            ("https://acme.bitrix24.com/rest/1/s3cret/profile.json", AddressError::NotAWebhook),
        ];
        for (text, error) in cases {
            let found = SignIn::webhook(text).unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn portal_addresses_may_name_the_rest_path() {
        for text in [
            "https://acme.bitrix24.com",
            "https://acme.bitrix24.com/rest/",
            "https://acme.bitrix24.com/rest",
        ] {
            let sign_in = SignIn::token(text, Tokens::fixed(Secret::new("t0ken"))).unwrap();
            assert_eq!(sign_in.method_url("m").as_str(), "https://acme.bitrix24.com/rest/m");
        }
        let webhook = SignIn::token(
            "https://acme.bitrix24.com/rest/1/x/",
            Tokens::fixed(Secret::new("t0ken")),
        );
        assert_eq!(webhook.unwrap_err(), AddressError::NotAPortal);
    }
}
