//! One signed-in user at one portal, and one call of theirs. Nothing here or below is shared
//! between two accounts but the endpoint of the portal's address: no knowledge, no items, no
//! secrets.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    crm::{EntityTypes, Item, ItemRef, Naming},
    error::{Code, Failure, Purpose},
    items::Items,
    journal::{self, Begin, ChangeId, ClientName, Entry, Journal, NewChange, Unavailable, Whose},
    metadata::Metadata,
    policy::WritePolicy,
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
    /// What may be written.
    pub policy: WritePolicy,
    /// The record of what was changed.
    pub journal: Arc<Journal>,
}

impl Account {
    /// A user who signs in at an endpoint; nothing is sent. What is changed is recorded in memory.
    pub fn new(endpoint: Arc<Endpoint>, sign_in: SignIn, files: Policy) -> Self {
        let portal = Arc::new(Portal::new(endpoint, sign_in));
        Self {
            metadata: Metadata::new(Arc::clone(&portal)),
            items: Items::new(Arc::clone(&portal)),
            journal: journal_of(&portal, journal::Settings::default()),
            policy: WritePolicy::default(),
            portal,
            files,
        }
    }

    /// The same where not everything may be written.
    #[must_use]
    pub fn with_policy(self, policy: WritePolicy) -> Self {
        Self { policy, ..self }
    }

    /// The same with a journal of these settings.
    #[must_use]
    pub fn with_journal(self, settings: journal::Settings) -> Self {
        Self { journal: journal_of(&self.portal, settings), ..self }
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

    /// A call of a tool by this user that begins now, for these entity types.
    pub fn call<'a>(
        &'a self,
        tool: &'static str,
        types: &'a EntityTypes,
        client: Client,
    ) -> Call<'a> {
        let Client { name, cancellation, progress, card } = client;
        Call {
            account: self,
            types,
            deadline: self.portal.deadline(cancellation),
            notes: Mutex::default(),
            progress,
            card,
            tool,
            client: name,
            change: OnceLock::new(),
        }
    }
}

fn journal_of(portal: &Arc<Portal>, settings: journal::Settings) -> Arc<Journal> {
    let user = portal.user_id().map(str::to_owned);
    let whose = Whose { portal: portal.address().host(), user };
    let portal = Arc::clone(portal);
    // Tokens are renewed, so that the secrets are other ones later.
    Arc::new(Journal::new(settings, whose, move |value| portal.scrubber().value(value)))
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
    card: Option<Arc<OnceLock<Value>>>,
    tool: &'static str,
    client: Option<ClientName>,
    /// The change that it has recorded.
    change: OnceLock<NewChange>,
}

/// What a client has to do with a running call: it can cancel it, and it may be told how far it has
/// come.
#[derive(Debug, Default)]
pub struct Client {
    /// What the client calls itself.
    pub name: Option<ClientName>,
    /// Cancels the call.
    pub cancellation: CancellationToken,
    /// Takes what the call tells of its progress.
    pub progress: Option<watch::Sender<Progress>>,
    /// Takes what a card shows beside the answer, where the client renders one.
    pub card: Option<Arc<OnceLock<Value>>>,
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

    /// Records that something is about to be written. All that a call writes is one change.
    ///
    /// # Errors
    ///
    /// When the journal cannot be written, or nothing may be written: then nothing may be sent.
    pub fn begin(&self, begin: Begin) -> Result<Entry<'_>, Failure> {
        // Every write passes here.
        self.account.policy.allows_writing(begin.entity)?;
        let journal = &self.account.journal;
        let change = match self.change.get() {
            Some(change) => change.clone(),
            None => journal.new_change(self.tool, self.client.clone()),
        };
        let entry = journal.begin(&change, begin)?;
        self.change.get_or_init(|| change);
        Ok(entry)
    }

    /// Goes on with a change that an earlier call has begun.
    pub fn go_on_with(&self, change: ChangeId) {
        let new = self.account.journal.new_change(self.tool, self.client.clone());
        self.change.get_or_init(|| NewChange { id: change, ..new });
    }

    /// Looks something up in the journal, whose file may be long.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub async fn in_journal<T: Default + Send + 'static>(
        &self,
        look_up: impl FnOnce(&Journal) -> Result<T, Unavailable> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let journal = Arc::clone(&self.account.journal);
        // A panic there finds nothing.
        tokio::task::spawn_blocking(move || look_up(&journal)).await.unwrap_or(Ok(T::default()))
    }

    /// The id of the change that the call has recorded.
    pub fn change(&self) -> Option<&ChangeId> {
        self.change.get().map(|change| &change.id)
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

    /// Whether the client renders a card beside the answer. What only a card shows is not gathered
    /// otherwise.
    pub const fn renders_card(&self) -> bool {
        self.card.is_some()
    }

    /// Gives the client what its card shows.
    pub fn show_on_card(&self, data: Value) {
        if let Some(card) = &self.card {
            card.get_or_init(|| data);
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
