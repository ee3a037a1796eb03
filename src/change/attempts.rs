//! Decides what follows a failed write and what is known of it in the end: pure rules over the
//! requests of one change. Other modules send and read.
//!
//! A request that got no answer may run late and undo what came after it, so it is only sent again
//! when its connection was cut, it sets fixed values alone, and reading the item over a while shows
//! nothing.

use std::time::Duration;

use crate::{error::Written, portal::Disposition};

/// What reading the item shows after a write that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing has changed.
    Nothing,
    /// Something else, or it could not be read: in words.
    Other(String),
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Send the write again after a pause.
    SendAgain(Duration),
    /// Read the item again after a pause.
    ReadAgain(Duration),
    /// Say what is known.
    Stop,
}

/// The requests of one change so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts {
    can_be_repeated: bool,
    repeats: u32,
    /// Whether a request's connection was cut before its answer.
    is_one_cut: bool,
    /// Whether a request got no answer in time, or a gateway's: the portal may still process it.
    may_one_run: bool,
    last: Disposition,
}

/// How often a write that had no effect is sent again.
const MAX_REPEATS: u32 = 2;
/// The pause after a failure before a write is sent again.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);
/// How long the item must stay unchanged before a write whose connection was cut is sent again.
const AFTER_A_CUT: Duration = Duration::from_secs(3);
/// The pause between reads meanwhile.
const BETWEEN_READS_AFTER_A_CUT: Duration = Duration::from_millis(1_500);
/// The pause between reads while a write may still be applied late.
const BETWEEN_READS: Duration = Duration::from_secs(2);

impl Attempts {
    /// No request yet; `can_be_repeated` says whether sending the change twice does the same as
    /// sending it once.
    pub(super) const fn new(can_be_repeated: bool) -> Self {
        Self {
            can_be_repeated,
            repeats: 0,
            is_one_cut: false,
            may_one_run: false,
            last: Disposition::Final,
        }
    }

    /// Takes note of a request that did not succeed.
    pub(super) fn failed(&mut self, disposition: Disposition) {
        self.last = disposition;
        self.is_one_cut |= disposition == Disposition::Cut;
        self.may_one_run |= disposition == Disposition::MayRun;
    }

    /// Takes note that the write is sent again.
    pub(super) fn sent_again(&mut self) {
        self.repeats += 1;
    }

    /// Whether a request of this change got no answer.
    pub(super) const fn is_open(self) -> bool {
        self.is_one_cut || self.may_one_run
    }

    /// Whether reading the item can tell more.
    pub(super) fn needs_a_read(self) -> bool {
        self.is_open() || self.last == Disposition::FailedInside
    }

    /// What follows a read, so long after the last request has failed.
    pub(super) fn next(self, seen: &Seen, since: Duration) -> Step {
        let may_send = self.can_be_repeated
            && self.repeats < MAX_REPEATS
            && !self.may_one_run
            && matches!(self.last, Disposition::Cut | Disposition::FailedInside)
            && *seen == Seen::Nothing;
        match (may_send, self.is_open()) {
            (true, false) => Step::SendAgain(AFTER_A_FAILURE.saturating_sub(since)),
            (true, true) if since >= AFTER_A_CUT => Step::SendAgain(Duration::ZERO),
            (true, true) => Step::ReadAgain(BETWEEN_READS_AFTER_A_CUT),
            (false, true) => Step::ReadAgain(BETWEEN_READS),
            (false, false) => Step::Stop,
        }
    }

    /// What is known of the change when nothing more is done; `seen` is what the last read showed,
    /// if there was one.
    pub(super) fn written(self, seen: Option<&Seen>) -> Written {
        match seen {
            _ if self.is_open() => Written::Unknown,
            Some(Seen::Other(_)) => Written::Unknown,
            Some(Seen::Nothing) => Written::No,
            None if self.last == Disposition::FailedInside => Written::Unknown,
            None => Written::No,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(can_be_repeated: bool, dispositions: &[Disposition]) -> Attempts {
        let mut attempts = Attempts::new(can_be_repeated);
        for (at, disposition) in dispositions.iter().enumerate() {
            if at > 0 {
                attempts.sent_again();
            }
            attempts.failed(*disposition);
        }
        attempts
    }

    #[test]
    fn every_way_from_a_failed_write() {
        use Disposition::{Cut, FailedInside, Final, MayRun, NotExecuted};
        let other = Seen::Other("something else".to_owned());
        let seconds = Duration::from_secs;
        let read = Step::ReadAgain(BETWEEN_READS);
        let read_soon = Step::ReadAgain(BETWEEN_READS_AFTER_A_CUT);
        let again = Step::SendAgain(Duration::ZERO);
        let cases: &[(&str, Attempts, &Seen, u64, Step, Written)] = &[
            // What the portal itself answered as failed may be repeated, twice.
            ("failed", after(true, &[FailedInside]), &Seen::Nothing, 1, again, Written::No),
            (
                "failed, other",
                after(true, &[FailedInside]),
                &other,
                1,
                Step::Stop,
                Written::Unknown,
            ),
            (
                "failed, adds",
                after(false, &[FailedInside]),
                &Seen::Nothing,
                1,
                Step::Stop,
                Written::No,
            ),
            (
                "failed three times",
                after(true, &[FailedInside; 3]),
                &Seen::Nothing,
                1,
                Step::Stop,
                Written::No,
            ),
            // A cut connection: only after a while of reads, and only fixed values.
            ("cut", after(true, &[Cut]), &Seen::Nothing, 0, read_soon, Written::Unknown),
            ("cut, later", after(true, &[Cut]), &Seen::Nothing, 3, again, Written::Unknown),
            ("cut, other", after(true, &[Cut]), &other, 3, read, Written::Unknown),
            ("cut, adds", after(false, &[Cut]), &Seen::Nothing, 9, read, Written::Unknown),
            ("cut three times", after(true, &[Cut; 3]), &Seen::Nothing, 9, read, Written::Unknown),
            // A write that may still run is never sent again.
            ("no answer", after(true, &[MayRun]), &Seen::Nothing, 30, read, Written::Unknown),
            ("no answer, other", after(true, &[MayRun]), &other, 30, read, Written::Unknown),
            (
                "cut, then none",
                after(true, &[Cut, MayRun]),
                &Seen::Nothing,
                9,
                read,
                Written::Unknown,
            ),
            (
                "cut, then failed",
                after(true, &[Cut, FailedInside]),
                &Seen::Nothing,
                1,
                read_soon,
                Written::Unknown,
            ),
            (
                "no answer, and whatever came after it",
                after(true, &[MayRun, Cut]),
                &Seen::Nothing,
                9,
                read,
                Written::Unknown,
            ),
            // A refusal of the second says nothing about the first.
            (
                "cut, then refused",
                after(true, &[Cut, Final]),
                &Seen::Nothing,
                9,
                read,
                Written::Unknown,
            ),
            (
                "cut, then out of time",
                after(true, &[Cut, NotExecuted]),
                &Seen::Nothing,
                9,
                read,
                Written::Unknown,
            ),
            (
                "failed, then refused",
                after(true, &[FailedInside, Final]),
                &Seen::Nothing,
                1,
                Step::Stop,
                Written::No,
            ),
        ];
        for (name, attempts, seen, since, step, written) in cases {
            assert_eq!(attempts.next(seen, seconds(*since)), *step, "{name}");
            assert_eq!(attempts.written(Some(seen)), *written, "{name}");
        }
    }

    #[test]
    fn a_refusal_of_the_only_request_needs_no_read() {
        for disposition in [Disposition::Final, Disposition::NotExecuted] {
            let attempts = after(true, &[disposition]);
            assert!(!attempts.needs_a_read());
            assert_eq!(attempts.written(None), Written::No);
        }
        for disposition in [Disposition::Cut, Disposition::MayRun, Disposition::FailedInside] {
            let attempts = after(true, &[disposition]);
            assert!(attempts.needs_a_read());
            assert_eq!(attempts.written(None), Written::Unknown);
        }
    }
}
