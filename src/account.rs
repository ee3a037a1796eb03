//! One signed-in user at one portal, and one call of theirs. Nothing here or below is shared
//! between two accounts but the endpoint of the portal's address: no knowledge, no items, no
//! secrets.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    crm::{EntityTypes, Item, ItemRef, Naming},
    error::{Code, Failure, Purpose},
    items::Items,
    metadata::Metadata,
    portal::{Deadline, Endpoint, Portal, PortalError, Scrubber, SignIn, address::Address},
    uploads::Policy,
};

/// One signed-in user at one portal.
#[derive(Debug)]
pub struct Account {
    portal: Arc<Portal>,
    /// What is known of the portal.
    pub metadata: Metadata,
    /// The items that the user can reach.
    pub items: Items,
    /// Which files of this machine may be uploaded.
    pub files: Policy,
}

impl Account {
    /// A user who signs in at an endpoint; nothing is sent.
    pub fn new(endpoint: Arc<Endpoint>, sign_in: SignIn, files: Policy) -> Self {
        let portal = Arc::new(Portal::new(endpoint, sign_in));
        Self {
            metadata: Metadata::new(Arc::clone(&portal)),
            items: Items::new(Arc::clone(&portal)),
            portal,
            files,
        }
    }

    /// The portal's address, without any secret.
    pub fn address(&self) -> &Address {
        self.portal.address()
    }

    /// Whose rights its calls have, in words.
    pub fn user(&self) -> String {
        self.portal.user()
    }

    /// The filter for everything that leaves the program.
    pub fn scrubber(&self) -> Scrubber {
        self.portal.scrubber()
    }

    /// Opens the connection to the portal, so that the first call need not wait for it. Nothing is
    /// requested.
    pub async fn open_connection(&self) {
        self.portal.open_connection().await;
    }

    /// A tool call of this user that begins now, for these entity types.
    pub fn call<'a>(&'a self, types: &'a EntityTypes, client: Client) -> Call<'a> {
        let Client { cancellation, progress } = client;
        Call {
            account: self,
            types,
            deadline: self.portal.deadline(cancellation),
            notes: Mutex::default(),
            progress,
        }
    }
}

/// One tool call: whose it is, until when it may go on, and what there is to say of it.
#[derive(Debug)]
pub struct Call<'a> {
    /// Whose call it is.
    pub account: &'a Account,
    /// The entity types that it may read and change.
    pub types: &'a EntityTypes,
    /// When it has to end.
    pub deadline: Deadline,
    notes: Mutex<Vec<String>>,
    progress: Option<watch::Sender<Progress>>,
}

/// What a client has to do with a running call: it can cancel it, and it may be told how far it has
/// come.
#[derive(Debug, Default)]
pub struct Client {
    /// Cancels the call.
    pub cancellation: CancellationToken,
    /// Takes what the call tells of its progress.
    pub progress: Option<watch::Sender<Progress>>,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many items are done.
    pub done: u32,
    /// Of how many; 0 when nothing is known yet.
    pub of: u32,
}

impl Call<'_> {
    /// The same for a call that changes many items: its requests leave the request limit to others.
    #[must_use]
    pub fn beside_others(self) -> Self {
        Self { deadline: self.deadline.beside_others(), ..self }
    }

    /// Adds a remark to the answer.
    pub fn note(&self, note: impl Into<String>) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note.into());
    }

    /// Tells the client how far the call has come: so many of so many items.
    pub fn progress(&self, done: usize, of: usize) {
        if let Some(listener) = &self.progress {
            let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
            listener.send_replace(Progress { done: number(done), of: number(of) });
        }
    }

    /// Takes the remarks so far, in order.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads an item.
    ///
    /// # Errors
    ///
    /// Whatever kept the portal from answering it.
    pub async fn read(&self, item: ItemRef, naming: Naming) -> Result<Item, PortalError> {
        self.account.items.get(item, naming, &self.deadline).await
    }

    /// Reads an item after a write: also in the reserve of time, and when the call was cancelled.
    ///
    /// # Errors
    ///
    /// Whatever kept the portal from answering it.
    pub async fn read_finally(&self, item: ItemRef, naming: Naming) -> Result<Item, PortalError> {
        self.account.items.get(item, naming, &self.deadline.for_final_read()).await
    }

    /// What a failed request means, with how long to wait where the portal has said so.
    pub fn failure(&self, method: &str, error: &PortalError, purpose: Purpose) -> Failure {
        let failure = Failure::from_portal(error, purpose);
        let told = match failure.code {
            Code::OperationTimeLimit => self.account.portal.seconds_until_reset(method),
            _ => None,
        };
        Failure { retry_after_seconds: told.or(failure.retry_after_seconds), ..failure }
    }
}
