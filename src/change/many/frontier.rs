//! What is known of a batch whose answer was lost: pure rules over what looking at its items shows.
//!
//! A portal goes on with the commands after the client has gone, one after the other, so what stands is
//! a prefix of what was sent, apart from items that it refused. One look therefore decides nothing
//! about what lies behind the last item that stands: see docs/bitrix24.md, "Lost answers".

use std::time::Duration;

use crate::items::MAY_RUN_FOR;

/// The items of a lost batch, in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Frontier {
    stands: Vec<bool>,
    /// How long one item takes.
    per_item: Duration,
    /// When the last of those that stand was seen to move, since sending.
    moved_at: Duration,
}

/// What follows a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing runs any more: what does not stand was not written.
    Settled,
    /// Look again after a pause.
    LookAgain(Duration),
}

impl Frontier {
    /// Nothing was seen yet.
    pub(super) fn new(items: usize, per_item: Duration) -> Self {
        Self { stands: vec![false; items], per_item, moved_at: Duration::ZERO }
    }

    /// Takes note of which items stand, so long after sending. `has_stopped` says that the portal
    /// itself has told that the batch ended. Before a portal ends a request, a standstill proves
    /// nothing.
    pub(super) fn seen(&mut self, stands: Vec<bool>, since: Duration, has_stopped: bool) -> Next {
        let reached = self.reached();
        self.stands = stands;
        if self.reached() > reached {
            self.moved_at = since;
        }
        let standstill = since.saturating_sub(self.moved_at);
        let is_still = standstill >= self.standstill();
        if has_stopped || self.reached() == self.stands.len() || (is_still && since >= MAY_RUN_FOR)
        {
            return Next::Settled;
        }
        Next::LookAgain((self.per_item * 2).max(Duration::from_secs(2)))
    }

    /// How long nothing must move before the portal has come to its end.
    pub(super) fn standstill(&self) -> Duration {
        (self.per_item * 5).max(Duration::from_secs(10))
    }

    /// When the last of those that stand was seen to move, since sending.
    pub(super) const fn moved_at(&self) -> Duration {
        self.moved_at
    }

    /// How many items were carried out: up to the last that stands. One before it that does not stand
    /// was refused or ignored.
    pub(super) fn reached(&self) -> usize {
        self.stands.iter().rposition(|stands| *stands).map_or(0, |last| last + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks so many seconds after sending, each with the items that stand then.
    fn after(looks: &[(u64, &str)], has_stopped: bool) -> (Next, usize) {
        let mut frontier = Frontier::new(5, Duration::from_millis(500));
        let mut next = Next::Settled;
        for (since, stands) in looks {
            let stands = stands.chars().map(|item| item == 'x').collect();
            next = frontier.seen(stands, Duration::from_secs(*since), has_stopped);
        }
        (next, frontier.reached())
    }

    /// Seconds since sending, and which items stand.
    type Looks<'a> = &'a [(u64, &'a str)];

    #[test]
    fn only_a_standstill_and_a_minute_prove_that_the_rest_was_not_written() {
        let again = Next::LookAgain(Duration::from_secs(2));
        let cases: &[(Looks<'_>, bool, Next, usize)] = &[
            (&[(1, "xxxxx")], false, Next::Settled, 5),
            (&[(1, "xx...")], false, again, 2),
            // An item that was refused does not end the prefix.
            (&[(1, "x.x..")], false, again, 3),
            (&[(1, "x.xx."), (2, "x.xx.")], false, again, 4),
            // When the last one stands, all were carried out.
            (&[(1, "x.xxx")], false, Next::Settled, 5),
            // A minute alone is not enough: it moved a moment ago.
            (&[(1, "x...."), (59, "xx..."), (61, "xx...")], false, again, 2),
            (&[(1, "x...."), (59, "xx..."), (70, "xx...")], false, Next::Settled, 2),
            // A standstill alone is not enough either.
            (&[(1, "x...."), (30, "x....")], false, again, 1),
            (&[(1, "....."), (60, ".....")], false, Next::Settled, 0),
            // The portal itself has said that it ended.
            (&[(1, "xx...")], true, Next::Settled, 2),
        ];
        for (looks, has_stopped, next, reached) in cases {
            assert_eq!(after(looks, *has_stopped), (*next, *reached), "{looks:?}");
        }
    }

    #[test]
    fn slow_items_are_looked_at_less_often() {
        let mut frontier = Frontier::new(1, Duration::from_secs(3));
        let next = frontier.seen(vec![false], Duration::from_secs(1), false);
        assert_eq!(next, Next::LookAgain(Duration::from_secs(6)));
    }
}
