//! Operating time: how long the calls of a method took within ten minutes (docs/bitrix24.md,
//! "Limits").

use std::{collections::BTreeMap, time::Duration};

const MINUTES: i64 = 10;
const MINUTE: i64 = 60;

/// What takes no longer is not counted.
const NEGLIGIBLE: Duration = Duration::from_millis(100);

/// Whose calls of which method. Batched calls of all webhooks are counted together, and apart from
/// single calls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Meter {
    pub(super) webhook: Option<u32>,
    pub(super) method: String,
}

/// All meters of a portal. Moments are Unix seconds.
#[derive(Debug, Default)]
pub(super) struct Meters(BTreeMap<Meter, Vec<Minute>>);

#[derive(Debug)]
struct Minute {
    number: i64,
    leaves_at: i64,
    taken: Duration,
}

/// What the commands of one request took, until the meters get it when the request ends.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<Meter, OneMethod>);

#[derive(Debug)]
struct OneMethod {
    since: i64,
    total: Duration,
    /// The total of those commands that alone took long enough to be counted.
    counted: Duration,
}

impl Taken {
    pub(super) fn add(&mut self, meter: Meter, started: i64, time: Duration) {
        let none = OneMethod { since: started, total: Duration::ZERO, counted: Duration::ZERO };
        let method = self.0.entry(meter).or_insert(none);
        method.total += time;
        if time > NEGLIGIBLE {
            method.counted += time;
        }
    }
}

impl Meters {
    /// The sum of the last ten minutes, with what the present request has taken.
    pub(super) fn operating(&self, meter: &Meter, taken: &Taken, now: i64) -> Duration {
        let before: Duration = self.minutes(meter, now).map(|minute| minute.taken).sum();
        before + taken.0.get(meter).map_or(Duration::ZERO, |method| method.counted)
    }

    /// When the oldest minute leaves the sum.
    pub(super) fn reset_at(&self, meter: &Meter, taken: &Taken, now: i64) -> i64 {
        let oldest = self.minutes(meter, now).next().map(|minute| minute.leaves_at);
        let since = taken.0.get(meter).map_or(now, |method| method.since);
        oldest.unwrap_or(since + MINUTES * MINUTE)
    }

    /// Takes over what a request took.
    pub(super) fn store(&mut self, taken: Taken, now: i64) {
        for (meter, OneMethod { since, total, .. }) in taken.0 {
            if total <= NEGLIGIBLE {
                continue;
            }
            let minutes = self.0.entry(meter).or_default();
            minutes.retain(|minute| minute.leaves_at > now);
            let number = now / MINUTE;
            if let Some(minute) = minutes.iter_mut().find(|minute| minute.number == number) {
                minute.taken += total;
            } else {
                let leaves_at = since + MINUTES * MINUTE;
                minutes.push(Minute { number, leaves_at, taken: total });
            }
        }
    }

    fn minutes(&self, meter: &Meter, now: i64) -> impl Iterator<Item = &Minute> {
        let is_in = move |minute: &&Minute| {
            minute.leaves_at > now && minute.number > now / MINUTE - MINUTES
        };
        self.0.get(meter).into_iter().flatten().filter(is_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updates() -> Meter {
        Meter { webhook: None, method: "crm.item.update".to_owned() }
    }

    /// A request with so many updates of so many milliseconds.
    fn request(started: i64, count: u32, millis: u64) -> Taken {
        let mut taken = Taken::default();
        for _ in 0..count {
            taken.add(updates(), started, Duration::from_millis(millis));
        }
        taken
    }

    #[test]
    fn ten_minutes_are_added_up() {
        let mut meters = Meters::default();
        // When a request ended, its updates and the milliseconds of each; then the sum in
        // milliseconds, and when it becomes less.
        let cases = [
            (6_000, 1, 100, 0, 6_600),
            (6_000, 1, 500, 500, 6_600),
            // Cheap ones are counted together.
            (6_010, 50, 50, 3_000, 6_600),
            (6_500, 1, 1_000, 4_000, 6_600),
            (6_605, 1, 200, 1_200, 7_100),
            (7_300, 1, 300, 300, 7_900),
        ];
        for (now, count, millis, sum, reset_at) in cases {
            meters.store(request(now, count, millis), now);
            let none = Taken::default();
            let operating = meters.operating(&updates(), &none, now);
            assert_eq!(operating, Duration::from_millis(sum), "at {now}");
            assert_eq!(meters.reset_at(&updates(), &none, now), reset_at, "at {now}");
        }
    }

    #[test]
    fn a_request_sees_its_own_commands_unless_they_are_cheap() {
        let meters = Meters::default();
        for (count, millis, sum) in [(3, 200, 600), (3, 100, 0), (0, 0, 0)] {
            let taken = request(6_000, count, millis);
            let operating = meters.operating(&updates(), &taken, 6_020);
            assert_eq!(operating, Duration::from_millis(sum), "{count} × {millis}");
        }
        assert_eq!(meters.reset_at(&updates(), &request(6_000, 1, 200), 6_020), 6_600);
        let single = Meter { webhook: Some(1), ..updates() };
        let taken = request(6_000, 3, 200);
        assert_eq!(meters.operating(&single, &taken, 6_000), Duration::ZERO);
    }
}
