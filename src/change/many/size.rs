//! How many items are written together: five at first, then as many as take twelve seconds by the
//! times seen. Pure.
//!
//! A portal carries the commands of a batch out one after the other, 0.05 to 3 seconds each, and cuts
//! a request after a minute (docs/bitrix24.md, "Batch" and "Limits").

use std::time::Duration;

use crate::portal::batch::MAX_COMMANDS;

/// Without a time seen.
const FIRST: usize = 5;
/// How long one batch should take.
const AIM: Duration = Duration::from_secs(12);
/// For reading the items before they are written.
const FOR_READING: Duration = Duration::from_secs(1);
/// An item takes about so long where nothing is known of the portal (docs/bitrix24.md, "Limits").
pub(super) const USUAL_TIME: Duration = Duration::from_millis(500);
/// An item takes at most so long where nothing is known of the portal: what the vendor's own sample took.
const SLOWEST: Duration = Duration::from_millis(3_200);

/// The size of the next chunk.
#[derive(Debug, Clone)]
pub(super) struct ChunkSize {
    /// By earlier calls; it bounds the first chunk and does not enlarge it.
    known: Option<Duration>,
    seen: Option<Duration>,
    /// The longest of the times seen.
    slowest: Option<Duration>,
    was_one_lost: bool,
}

impl ChunkSize {
    /// The first chunk, and how long an item took in earlier calls.
    pub(super) const fn new(known: Option<Duration>) -> Self {
        Self { known, seen: None, slowest: None, was_one_lost: false }
    }

    /// Takes note that so many items were written in that time.
    pub(super) fn took(&mut self, time: Duration, items: usize) {
        let Ok(count @ 1..) = u32::try_from(items) else { return };
        let each = time / count;
        self.slowest = self.slowest.max(Some(each));
        self.seen = Some(self.seen.map_or(each, |before| (before + each) / 2));
    }

    /// Takes note that an answer was lost: from now on a quarter is sent.
    pub(super) const fn lost(&mut self) {
        self.was_one_lost = true;
    }

    /// How long an item takes, as far as is known.
    pub(super) fn per_item(&self) -> Option<Duration> {
        self.seen.or(self.known)
    }

    /// How many items may be written in the time that is left; 0 when not even one.
    pub(super) fn next(&self, left: Duration) -> usize {
        let most = self.seen.map_or(FIRST, |each| fitting(AIM, each).clamp(1, MAX_COMMANDS));
        let most = if self.was_one_lost { (most / 4).max(1) } else { most };
        // The next items may take longer than the last ones did.
        let time = left.saturating_sub(FOR_READING) * 3 / 4;
        let fitting = fitting(time, self.slowest.or(self.known).unwrap_or(SLOWEST));
        // A call that has done nothing yet does one item, or repeating it would never come further.
        let is_first = self.seen.is_none() && !self.was_one_lost && left > FOR_READING;
        most.min(fitting.max(usize::from(is_first)))
    }
}

fn fitting(time: Duration, each: Duration) -> usize {
    let count = time.as_millis() / each.as_millis().max(1);
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECONDS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_chunk_takes_twelve_seconds_and_fits_into_the_time_left() {
        // How long an item took, how much time is left, how many are next.
        let cases = [
            (20, 40_000, 50),
            (200, 40_000, 50),
            (500, 40_000, 24),
            (500, 10_000, 13),
            (1_000, 40_000, 12),
            (3_200, 40_000, 3),
            (3_200, 5_000, 0),
            (30_000, 42_000, 1),
            (30_000, 20_000, 0),
            (0, 40_000, 50),
            (500, 900, 0),
        ];
        for (each, left, next) in cases {
            let mut size = ChunkSize::new(None);
            size.took(MILLISECONDS(each), 1);
            assert_eq!(size.next(MILLISECONDS(left)), next, "{each} ms, {left} ms left");
        }
    }

    #[test]
    fn the_first_chunk_is_small_and_a_lost_answer_makes_them_smaller() {
        let mut size = ChunkSize::new(None);
        assert_eq!(size.next(MILLISECONDS(40_000)), 5);
        size.took(MILLISECONDS(1_000), 5);
        assert_eq!(size.next(MILLISECONDS(40_000)), 50);
        size.took(MILLISECONDS(50 * 1_800), 50);
        assert_eq!(size.per_item(), Some(MILLISECONDS(1_000)));
        assert_eq!(size.next(MILLISECONDS(40_000)), 12);
        size.lost();
        assert_eq!(size.next(MILLISECONDS(40_000)), 3);
        // What earlier calls saw bounds the first chunk only.
        assert_eq!(ChunkSize::new(Some(MILLISECONDS(20))).next(MILLISECONDS(40_000)), 5);
        assert_eq!(ChunkSize::new(Some(MILLISECONDS(3_000))).next(MILLISECONDS(9_000)), 2);
        // Of a portal of which nothing is known the worst is assumed.
        assert_eq!(ChunkSize::new(None).next(MILLISECONDS(10_000)), 2);
        assert_eq!(ChunkSize::new(None).next(MILLISECONDS(3_000)), 1);
        assert_eq!(ChunkSize::new(None).next(MILLISECONDS(900)), 0);
    }
}
