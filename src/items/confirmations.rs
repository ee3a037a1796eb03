//! What a first call returns and the second one repeats: a text that names how many items a change is
//! for, a keyed digest of all that was shown, and how far it has come.
//!
//! It cannot be invented, because the key is this process's own. The items are kept for a while: of a
//! change that has begun they may no longer match its filter, and a set that is known is compared
//! with fewer requests than it takes to find it. Where they are kept no longer, a change that has not
//! begun is confirmed all the same.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use ring::{
    hmac::{self, HMAC_SHA256, Key},
    rand::SystemRandom,
};
use tokio::time::Instant;

use crate::journal::ChangeId;

/// For so many minutes a confirmation can be used.
const MINUTES: u64 = 15;
/// The items of so many changes are kept.
const MAX_KEPT: usize = 20;

/// Makes and checks the confirmations of one account.
#[derive(Debug)]
pub(crate) struct Confirmations {
    key: Option<Key>,
    began: Instant,
    kept: Mutex<VecDeque<(String, Kept)>>,
}

/// The items of a confirmed change.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Those that are to be changed.
    pub(crate) to_do: Arc<[u64]>,
    /// All that it was confirmed for.
    pub(crate) all: Arc<[u64]>,
    /// Whether some of them may have been changed.
    pub(crate) has_begun: bool,
    /// The change as it is recorded, where it has begun.
    pub(crate) change: Option<ChangeId>,
    /// The change that it puts back, if it does.
    pub(crate) restores: Option<ChangeId>,
}

/// A confirmation as a call repeats it; whether it is a real one is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repeated {
    text: String,
    /// The change has been carried out up to this id.
    pub(crate) position: u64,
}

impl Repeated {
    /// Reads what a call repeats.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut parts = text.split('.');
        let (count, digest, position) = (parts.next()?, parts.next()?, parts.next()?);
        let is_one = parts.next().is_none() && count.parse::<u64>().is_ok() && !digest.is_empty();
        let position = position.parse().ok().filter(|_| is_one)?;
        Some(Self { text: text.to_owned(), position })
    }
}

impl Confirmations {
    /// With a key of its own.
    pub(crate) fn new() -> Self {
        Self {
            key: Key::generate(HMAC_SHA256, &SystemRandom::new()).ok(),
            began: Instant::now(),
            kept: Mutex::default(),
        }
    }

    /// The confirmation of a request for these items, of which those up to `position` are done;
    /// nothing without randomness.
    fn seal(&self, request: &str, ids: &[u64], position: u64) -> Option<String> {
        self.sealed_at(self.minute(), request, ids, position)
    }

    /// The confirmation of a request for the items that are still to be changed, which are kept.
    pub(crate) fn keep(&self, request: &str, kept: Kept, position: u64) -> Option<String> {
        let sealed = self.seal(request, &kept.to_do, position)?;
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // A change that has begun and decided nothing has the confirmation of its preview.
        all.retain(|(other, _)| *other != sealed);
        all.push_back((sealed.clone(), kept));
        if all.len() > MAX_KEPT {
            all.pop_front();
        }
        Some(sealed)
    }

    /// Whether what is repeated was given for this request and these items, and not too long ago.
    pub(crate) fn holds(&self, repeated: &Repeated, request: &str, ids: &[u64]) -> bool {
        let now = self.minute();
        (now.saturating_sub(MINUTES)..=now).any(|minute| {
            self.sealed_at(minute, request, ids, repeated.position).as_ref() == Some(&repeated.text)
        })
    }

    /// The items of a confirmation, if they are still kept.
    pub(crate) fn items_of(&self, repeated: &Repeated) -> Option<Kept> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(sealed, _)| *sealed == repeated.text).map(|(_, kept)| kept.clone())
    }

    fn minute(&self) -> u64 {
        self.began.elapsed().as_secs() / 60
    }

    fn sealed_at(&self, minute: u64, request: &str, ids: &[u64], position: u64) -> Option<String> {
        let key = self.key.as_ref()?;
        let mut context = hmac::Context::with_key(key);
        // Each part has its length before it, so that no two requests read alike.
        for number in [minute, position, ids.len() as u64, request.len() as u64] {
            context.update(&number.to_be_bytes());
        }
        context.update(request.as_bytes());
        for id in ids {
            context.update(&id.to_be_bytes());
        }
        let tag = context.sign();
        let digest = tag.as_ref().first_chunk::<8>()?;
        Some(format!("{}.{:016x}.{position}", ids.len(), u64::from_be_bytes(*digest)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn repeated(text: &str) -> Repeated {
        Repeated::read(text).unwrap()
    }

    #[test]
    fn what_is_no_confirmation_is_told() {
        for text in ["", "yes", "true", "340", "340.7f", "340..0", "x.7f.0", "340.7f.x", "1.2.3.4"]
        {
            assert_eq!(Repeated::read(text), None, "{text}");
        }
        assert_eq!(repeated(" 340.7f3c9a.12 ").position, 12);
    }

    #[tokio::test(start_paused = true)]
    async fn it_holds_for_what_was_shown_and_for_a_quarter_of_an_hour() {
        let confirmations = Confirmations::new();
        let sealed = repeated(&confirmations.seal("a", &[1, 2, 3], 0).unwrap());
        assert!(confirmations.holds(&sealed, "a", &[1, 2, 3]));
        assert!(!confirmations.holds(&sealed, "b", &[1, 2, 3]));
        assert!(!confirmations.holds(&sealed, "a", &[1, 2]));
        assert!(!confirmations.holds(&sealed, "a", &[1, 2, 4]));
        assert!(!Confirmations::new().holds(&sealed, "a", &[1, 2, 3]));
        // How far it has come is a part of it.
        let moved = sealed.text.replace(".0", ".2");
        assert!(!confirmations.holds(&repeated(&moved), "a", &[1, 2, 3]));
        tokio::time::advance(Duration::from_secs(14 * 60)).await;
        assert!(confirmations.holds(&sealed, "a", &[1, 2, 3]));
        tokio::time::advance(Duration::from_secs(2 * 60)).await;
        assert!(!confirmations.holds(&sealed, "a", &[1, 2, 3]));
    }

    #[test]
    fn the_items_of_a_confirmation_are_kept_for_a_while() {
        let confirmations = Confirmations::new();
        let kept = |id| Kept {
            to_do: [id, 9].into(),
            all: [5, id, 9].into(),
            has_begun: true,
            change: None,
            restores: None,
        };
        let sealed = repeated(&confirmations.keep("a", kept(7), 5).unwrap());
        assert_eq!(
            confirmations.items_of(&sealed).map(|kept| kept.to_do.to_vec()),
            Some(vec![7, 9])
        );
        let other = repeated(&confirmations.seal("a", &[7, 8], 5).unwrap());
        assert!(confirmations.items_of(&other).is_none());
        for id in 100..120 {
            confirmations.keep("a", kept(id), 5).unwrap();
        }
        assert!(confirmations.items_of(&sealed).is_none());
    }
}
