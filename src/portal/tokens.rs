//! OAuth tokens: the one in use, its renewal, and the file that several processes share.
//!
//! Refresh tokens rotate: each renewal brings a new one and ends the old one (fact sheet §6), so
//! one renewal serves all calls, and a file that several processes use is locked around it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Client, Url};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as AsyncMutex;

use super::{
    Budget, PortalError, Secret,
    auth::{AddressError, checked_url},
};

/// Where tokens of cloud portals outside Russia are renewed.
pub const STANDARD_OAUTH_URL: &str = "https://oauth.bitrix.info/oauth/token/";

/// The access token, and what renews it.
#[derive(Debug)]
pub struct Tokens {
    held: Mutex<Held>,
    renewal: Option<Renewal>,
    /// One renewal at a time.
    gate: AsyncMutex<()>,
}

#[derive(Debug)]
struct Held {
    access: Secret,
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

impl Tokens {
    /// A token that cannot be renewed.
    pub fn fixed(access: Secret) -> Self {
        let held = Held { access: access.clone(), refresh: None, seen: vec![access] };
        Self { held: Mutex::new(held), renewal: None, gate: AsyncMutex::default() }
    }

    /// A token that is renewed when the portal says that it has expired. The file's tokens win over
    /// the given ones as long as they descend from the given refresh token.
    pub fn renewable(access: Option<Secret>, renewal: Renewal) -> Self {
        let given = renewal.refresh_token.clone();
        let seen = vec![given.clone(), renewal.client_secret.clone()];
        let access = access.unwrap_or_else(|| Secret::new(""));
        let tokens = Self {
            held: Mutex::new(Held { access: access.clone(), refresh: Some(given), seen }),
            renewal: Some(renewal),
            gate: AsyncMutex::default(),
        };
        tokens.hold(access, None);
        if let Some(kept) = tokens.read_file() {
            tokens.hold(Secret::new(kept.access), Some(Secret::new(kept.refresh)));
        }
        tokens
    }

    /// The token for the next request.
    pub(super) fn access(&self) -> Secret {
        self.lock().access.clone()
    }

    /// Every secret that must not be shown.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        self.lock().seen.clone()
    }

    pub(super) fn can_be_renewed(&self) -> bool {
        self.renewal.is_some()
    }

    /// Brings a newer token than the stale one: another call's, another process's, or the sign-in
    /// server's.
    pub(super) async fn renew(
        &self,
        stale: &Secret,
        http: &Client,
        budget: &Budget,
    ) -> Result<(), PortalError> {
        let Some(renewal) = &self.renewal else {
            return Ok(());
        };
        let _turn = budget.wait(self.gate.lock()).await?;
        if self.access().expose() != stale.expose() {
            return Ok(());
        }
        // Held until the new tokens are written, so that no other process renews meanwhile.
        let _lock = match &renewal.file {
            None => None,
            Some(file) => {
                Some(budget.wait(lock(file.clone())).await?.map_err(|error| not_stored(&error))?)
            }
        };
        if let Some(kept) = self.read_file()
            && kept.access != stale.expose()
        {
            self.hold(Secret::new(kept.access), Some(Secret::new(kept.refresh)));
            return Ok(());
        }
        let refresh = self.lock().refresh.clone().unwrap_or_else(|| Secret::new(""));
        let asked = ask(renewal, &refresh, http);
        // A renewal that has left is not dropped: its answer holds the only valid token.
        let kept = tokio::time::timeout_at(budget.deadline(), asked)
            .await
            .map_err(|_| not_renewed("no answer in time", None))??;
        if let Some(file) = &renewal.file {
            write_file(file, &renewal.refresh_token, &kept).map_err(|error| not_stored(&error))?;
        } else if kept.refresh != refresh.expose() {
            tracing::warn!(
                "the refresh token has been replaced and the new one lives in memory only; after a \
                 restart a person has to sign in again, unless `BITRIX24_TOKEN_FILE` names a file"
            );
        }
        self.hold(Secret::new(kept.access), Some(Secret::new(kept.refresh)));
        Ok(())
    }

    fn hold(&self, access: Secret, refresh: Option<Secret>) {
        let mut held = self.lock();
        held.seen.extend([Some(&access), refresh.as_ref()].into_iter().flatten().cloned());
        held.access = access;
        held.refresh = refresh.or(held.refresh.take());
    }

    /// The file's tokens, if they descend from the refresh token of the settings.
    fn read_file(&self) -> Option<Kept> {
        let renewal = self.renewal.as_ref()?;
        let file = renewal.file.as_ref()?;
        let text = fs::read_to_string(file).ok()?;
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
        .map_err(|error| not_renewed(&super::client::innermost(&error.without_url()), None))?;
    let status = response.status().as_u16();
    let body = super::client::read_bounded(response)
        .await
        .map_err(|error| not_renewed(&error.to_string(), None))?;
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| answer.get(key)?.as_str().map(str::to_owned);
    if let Some(code) = text("error") {
        let description = text("error_description").unwrap_or_default();
        let refusal = super::Refusal { http_status: status, code, description };
        return Err(not_renewed("the sign-in server refused", Some(refusal)));
    }
    match (text("access_token"), text("refresh_token")) {
        (Some(access), Some(refresh)) => Ok(Kept { access, refresh }),
        _ => Err(not_renewed("the sign-in server's answer holds no tokens", None)),
    }
}

fn not_renewed(reason: &str, refusal: Option<super::Refusal>) -> PortalError {
    PortalError::NotRenewed { reason: reason.to_owned(), refusal: refusal.map(Box::new) }
}

fn not_stored(error: &io::Error) -> PortalError {
    not_renewed(&format!("the token file cannot be used: {}", error.kind()), None)
}

/// Waits for the lock beside the token file on a thread of its own: another process may hold it.
async fn lock(file: PathBuf) -> io::Result<File> {
    let lock = move || {
        let mut name = file.into_os_string();
        name.push(".lock");
        let lock = private_file(Path::new(&name))?;
        lock.lock()?;
        Ok(lock)
    };
    tokio::task::spawn_blocking(lock).await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
}

/// Replaces the file in one step, so that no reader sees half of it.
fn write_file(file: &Path, given: &Secret, kept: &Kept) -> io::Result<()> {
    let content = json!({
        "descends_from": fingerprint(given),
        "access_token": kept.access,
        "refresh_token": kept.refresh,
    });
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    // What an interrupted process left behind is in the way.
    let _ = fs::remove_file(new);
    let mut written = private_file(new)?;
    written.write_all(content.to_string().as_bytes())?;
    written.sync_all()?;
    fs::rename(new, file)
}

/// Opens a file for writing that only its owner can read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn fingerprint(secret: &Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(secret.expose().as_bytes()))
}
