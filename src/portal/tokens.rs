//! OAuth tokens: the one in use, its renewal, and the file that several processes share.
//!
//! Refresh tokens rotate: each renewal brings a new one and ends the old one (docs/bitrix24.md,
//! "Sign-in"). So one renewal serves all calls and outlives each of them, what it brings is held
//! before anything else can go wrong, and a file that several processes use is locked around it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Client, Url};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    Deadline, PortalError, Secret,
    address::{AddressError, checked_url, is_loopback},
    deadline::Expired,
    token_file,
};
use crate::config::variables::TOKEN_FILE;

/// Where tokens of cloud portals outside Russia are renewed.
pub const STANDARD_OAUTH_URL: &str = "https://oauth.bitrix.info/oauth/token/";

/// How long a sign-in server may take. Long, because a renewal that is broken off may have ended
/// the only valid refresh token.
const MAX_RENEWAL: Duration = Duration::from_secs(60);

/// The access token, and what renews it.
#[derive(Debug)]
pub struct Tokens {
    held: Mutex<Held>,
    renewal: Option<Renewal>,
    under_way: Mutex<Option<watch::Receiver<Renewed>>>,
}

/// How a renewal ended; `None` before that.
type Renewed = Option<Result<(), PortalError>>;

#[derive(Debug)]
struct Held {
    /// Missing when the settings give what renews it alone.
    access: Option<Secret>,
    refresh: Option<Secret>,
    /// Every token that was ever held: portals may echo old ones, too.
    seen: Vec<Secret>,
}

/// What a renewal needs besides the refresh token.
#[derive(Debug)]
pub struct Renewal {
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: Secret,
    /// The refresh token that the settings give.
    pub refresh_token: Secret,
    /// Where to renew.
    pub url: OAuthUrl,
    /// Where the newest tokens are kept for later starts and other processes.
    pub file: Option<PathBuf>,
}

/// The checked address of a sign-in server.
#[derive(Debug, Clone)]
pub struct OAuthUrl(Url);

impl OAuthUrl {
    /// Whether the sign-in server is on this machine.
    pub(super) fn is_on_this_machine(&self) -> bool {
        self.0.host_str().is_some_and(is_loopback)
    }

    /// Reads an address: https, or http on this machine.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, AddressError> {
        checked_url(text).map(Self)
    }
}

/// The tokens that a file keeps.
struct Kept {
    access: String,
    refresh: String,
}

impl Kept {
    fn as_json(&self, given: &Secret) -> String {
        json!({
            "descends_from": fingerprint(given),
            "access_token": self.access,
            "refresh_token": self.refresh,
        })
        .to_string()
    }
}

impl Tokens {
    /// A token that cannot be renewed.
    pub fn fixed(access: Secret) -> Self {
        let held = Held { seen: vec![access.clone()], access: Some(access), refresh: None };
        Self { held: Mutex::new(held), renewal: None, under_way: Mutex::default() }
    }

    /// A token that is renewed when the portal says that it has expired, or at once when there is
    /// none. The file's tokens win over the given ones as long as they descend from the given
    /// refresh token.
    pub fn renewable(access: Option<Secret>, renewal: Renewal) -> Self {
        let refresh = renewal.refresh_token.clone();
        let mut seen = vec![refresh.clone(), renewal.client_secret.clone()];
        seen.extend(access.clone());
        let tokens = Self {
            held: Mutex::new(Held { access, refresh: Some(refresh), seen }),
            renewal: Some(renewal),
            under_way: Mutex::default(),
        };
        if let Some(kept) = tokens.read_file() {
            tokens.hold(&kept);
        }
        tokens
    }

    /// The token for the next request; `None` when there is none before a renewal.
    pub(super) fn access(&self) -> Option<Secret> {
        self.lock().access.clone()
    }

    /// Every secret that must not be shown.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.lock().seen.clone()
    }

    /// Whether the sign-in server that renews them is on this machine.
    pub(super) fn are_renewed_on_this_machine(&self) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| renewal.url.is_on_this_machine())
    }

    pub(super) fn can_be_renewed(&self) -> bool {
        self.renewal.is_some()
    }

    /// Brings a newer token than the stale one: another call's, another process's, or the sign-in
    /// server's. A renewal continues when its caller no longer waits.
    pub(super) async fn renew(
        self: &Arc<Self>,
        stale: Option<&Secret>,
        http: &Client,
        deadline: &Deadline,
    ) -> Result<(), PortalError> {
        let mut outcome = {
            let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
            if self.access().as_ref().map(Secret::expose) != stale.map(Secret::expose) {
                return Ok(());
            }
            let running = under_way.as_ref().filter(|outcome| {
                let is_alive = outcome.has_changed().is_ok();
                is_alive && outcome.borrow().is_none()
            });
            match running {
                Some(outcome) => outcome.clone(),
                None => under_way.insert(self.start_renewal(http.clone())).clone(),
            }
        };
        let ended =
            deadline.wait(outcome.wait_for(Option::is_some)).await.map_err(
                |spent| match spent {
                    Expired::Time => not_renewed("no answer in time", None),
                    Expired::Cancelled => PortalError::Cancelled,
                },
            )?;
        match ended.as_deref() {
            Ok(Some(result)) => result.clone(),
            _ => Err(not_renewed("the renewal was interrupted", None)),
        }
    }

    fn start_renewal(self: &Arc<Self>, http: Client) -> watch::Receiver<Renewed> {
        let (tell, outcome) = watch::channel(None);
        let tokens = Arc::clone(self);
        tokio::spawn(async move {
            let result = tokens.renew_now(&http).await;
            tell.send_replace(Some(result));
        });
        outcome
    }

    async fn renew_now(&self, http: &Client) -> Result<(), PortalError> {
        let Some(renewal) = &self.renewal else {
            return Ok(());
        };
        // Held until the new tokens are written, so that no other process renews meanwhile.
        let _lock = match &renewal.file {
            None => None,
            Some(file) => match token_file::lock(file.clone()).await {
                Ok(lock) => Some(lock),
                Err(error) => {
                    let reason = error.kind();
                    tracing::warn!(%reason, "the token file cannot be locked against other processes");
                    None
                }
            },
        };
        // A file that could not be written holds outdated tokens.
        if let Some(kept) = self.read_file()
            && !self.lock().seen.iter().any(|seen| seen.expose() == kept.access)
        {
            self.hold(&kept);
            return Ok(());
        }
        let refresh = self.lock().refresh.clone().unwrap_or_else(|| Secret::new(""));
        let kept = tokio::time::timeout(MAX_RENEWAL, ask(renewal, &refresh, http))
            .await
            .map_err(|_| not_renewed("no answer in time", None))??;
        self.hold(&kept);
        match &renewal.file {
            Some(file) => {
                if let Err(error) = token_file::replace(file, &kept.as_json(&renewal.refresh_token))
                {
                    let reason = error.kind();
                    tracing::warn!(
                        %reason,
                        "the token file cannot be written and the new tokens are in memory only; \
                         after a restart a person has to sign in again"
                    );
                }
            }
            None if kept.refresh != refresh.expose() => tracing::warn!(
                "the refresh token has been replaced and the new one is in memory only; after a \
                 restart a person has to sign in again, unless `{TOKEN_FILE}` names a file"
            ),
            None => {}
        }
        Ok(())
    }

    fn hold(&self, kept: &Kept) {
        let (access, refresh) = (Secret::new(&kept.access), Secret::new(&kept.refresh));
        let mut held = self.lock();
        held.seen.extend([access.clone(), refresh.clone()]);
        held.access = Some(access);
        held.refresh = Some(refresh);
    }

    /// The file's tokens, if they descend from the refresh token of the settings.
    fn read_file(&self) -> Option<Kept> {
        let renewal = self.renewal.as_ref()?;
        let file = renewal.file.as_ref()?;
        let text = token_file::read(file).ok()?;
        let Ok(kept) = serde_json::from_str::<Value>(&text) else {
            tracing::warn!("the token file is not JSON and is not used");
            return None;
        };
        let text = |key: &str| kept.get(key)?.as_str().map(str::to_owned);
        let is_descendant = text("descends_from")? == fingerprint(&renewal.refresh_token);
        let kept = Kept { access: text("access_token")?, refresh: text("refresh_token")? };
        is_descendant.then_some(kept)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the sign-in server. The secrets go into the body, because addresses end up in logs.
async fn ask(renewal: &Renewal, refresh: &Secret, http: &Client) -> Result<Kept, PortalError> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", &renewal.client_id),
        ("client_secret", renewal.client_secret.expose()),
        ("refresh_token", refresh.expose()),
    ];
    let response = http
        .post(renewal.url.0.clone())
        .form(&form)
        .send()
        .await
        .map_err(|error| not_renewed(&super::answer::innermost(&error.without_url()), None))?;
    let status = response.status().as_u16();
    let body = super::answer::read_bounded(response)
        .await
        .map_err(|error| not_renewed(&error.to_string(), None))?;
    let answer: Value = serde_json::from_slice(&body.bytes).unwrap_or_default();
    let text = |key: &str| answer.get(key)?.as_str().map(str::to_owned);
    if let Some(code) = text("error") {
        let description = text("error_description").unwrap_or_default();
        let refusal = super::ApiError { http_status: status, code, description };
        return Err(not_renewed("the sign-in server refused", Some(refusal)));
    }
    match (text("access_token"), text("refresh_token")) {
        (Some(access), Some(refresh)) => Ok(Kept { access, refresh }),
        _ => Err(not_renewed("the sign-in server's answer has no tokens", None)),
    }
}

fn not_renewed(reason: &str, refusal: Option<super::ApiError>) -> PortalError {
    PortalError::NotRenewed { reason: reason.to_owned(), refusal: refusal.map(Box::new) }
}

fn fingerprint(secret: &Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.expose().as_bytes()))
}
