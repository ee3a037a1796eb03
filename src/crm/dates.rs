//! Dates and moments: reading what assistants write, and the day that a portal means.
//!
//! The portal parses slashes as month/day/year and drops what it cannot parse without a word
//! (fact sheet §1.5), so everything is turned into the documented forms here, or refused.

use jiff::{Timestamp, civil, tz::Offset};

/// What a written date turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// In the documented form already.
    Exact(T),
    /// In another form that has one meaning only.
    Repaired(T),
    /// Two meanings, for instance `05/03/2026`.
    Ambiguous(T, T),
    /// No date at all, or one that the calendar lacks.
    Impossible,
}

/// Forms with one meaning, besides the documented `YYYY-MM-DD`.
const UNAMBIGUOUS: [&str; 8] = [
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d %B %Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%d-%b-%Y",
];

/// Reads a calendar day.
pub fn read_date(text: &str) -> Reading<civil::Date> {
    let text = text.trim();
    if let Some(date) = iso_date(text) {
        return Reading::Exact(date);
    }
    if let Some(day) = portal_day(text) {
        return Reading::Repaired(day);
    }
    if let Some(date) = UNAMBIGUOUS.iter().find_map(|form| civil::Date::strptime(form, text).ok()) {
        return Reading::Repaired(date);
    }
    let by = |form: &str| civil::Date::strptime(form, text).ok();
    for (day_first, month_first) in [("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y")] {
        match (by(day_first), by(month_first)) {
            (Some(one), Some(other)) if one != other => return Reading::Ambiguous(one, other),
            (Some(date), _) | (None, Some(date)) => return Reading::Repaired(date),
            (None, None) => {}
        }
    }
    Reading::Impossible
}

/// A moment as written: with an offset it is one instant, without it is the portal's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant and the offset it was written with.
    Instant(Timestamp, Offset),
    /// A reading of the portal's own clock, whose zone this program does not know.
    PortalClock(civil::DateTime),
}

impl Moment {
    /// The documented wire form.
    pub fn wire(self) -> String {
        match self {
            Self::Instant(instant, offset) => {
                let clock = offset.to_datetime(instant);
                format!("{}{}", clock.strftime("%Y-%m-%dT%H:%M:%S"), offset_text(offset))
            }
            Self::PortalClock(clock) => clock.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        }
    }

    /// Whether two moments are the same, as far as can be told when one lacks its offset.
    pub fn same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Instant(one, _), Self::Instant(another, _)) => {
                one.as_second() == another.as_second()
            }
            _ => self.clock() == other.clock(),
        }
    }

    fn clock(self) -> civil::DateTime {
        match self {
            Self::Instant(instant, offset) => offset.to_datetime(instant),
            Self::PortalClock(clock) => clock,
        }
    }
}

/// Reads a moment; a day alone is its midnight on the portal's clock.
pub fn read_moment(text: &str) -> Reading<Moment> {
    let text = text.trim();
    if let Some(moment) = iso_moment(text) {
        return Reading::Exact(moment);
    }
    match read_date(text) {
        Reading::Exact(day) | Reading::Repaired(day) => {
            return Reading::Repaired(Moment::PortalClock(
                day.to_datetime(civil::Time::midnight()),
            ));
        }
        Reading::Ambiguous(one, other) => {
            let at_midnight =
                |day: civil::Date| Moment::PortalClock(day.to_datetime(civil::Time::midnight()));
            return Reading::Ambiguous(at_midnight(one), at_midnight(other));
        }
        Reading::Impossible => {}
    }
    // A day in any of the forms above, then a clock.
    let Some((day, clock)) = text.split_once([' ', 'T']).filter(|(_, rest)| rest.contains(':'))
    else {
        return Reading::Impossible;
    };
    let Some(time) = ["%H:%M:%S", "%H:%M"]
        .iter()
        .find_map(|form| civil::Time::strptime(form, clock.trim()).ok())
    else {
        return Reading::Impossible;
    };
    let at = |day: civil::Date| Moment::PortalClock(day.to_datetime(time));
    match read_date(day) {
        Reading::Exact(day) | Reading::Repaired(day) => Reading::Repaired(at(day)),
        Reading::Ambiguous(one, other) => Reading::Ambiguous(at(one), at(other)),
        Reading::Impossible => Reading::Impossible,
    }
}

/// The calendar day that a portal means by a date field's value.
///
/// A portal answers `2024-07-31T02:00:00+02:00` for 31 July: its clock shows the server's own
/// offset, so the day is the UTC day of that instant (fact sheet §1.5). Midnight on the written
/// clock is read as that day too.
pub fn portal_day(text: &str) -> Option<civil::Date> {
    if let Some(date) = iso_date(text) {
        return Some(date);
    }
    match iso_moment(text)? {
        Moment::PortalClock(clock) => Some(clock.date()),
        Moment::Instant(instant, offset) => {
            let clock = offset.to_datetime(instant);
            if clock.time() == civil::Time::midnight() {
                Some(clock.date())
            } else {
                Some(Offset::UTC.to_datetime(instant).date())
            }
        }
    }
}

fn iso_date(text: &str) -> Option<civil::Date> {
    (text.len() == 10).then(|| civil::Date::strptime("%Y-%m-%d", text).ok())?
}

fn iso_moment(text: &str) -> Option<Moment> {
    // Longer than a date, or jiff would read a bare day as midnight.
    if text.len() <= 10 || !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (clock, offset) = split_offset(text)?;
    let clock: civil::DateTime = clock.parse().ok()?;
    match offset {
        None => Some(Moment::PortalClock(clock)),
        Some(offset) => Some(Moment::Instant(offset.to_timestamp(clock).ok()?, offset)),
    }
}

/// Splits `…T10:00:00+02:00` into the clock and the offset, if one is written.
fn split_offset(text: &str) -> Option<(&str, Option<Offset>)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, Some(Offset::UTC)));
    }
    let (_, time) = text.split_at_checked(10)?;
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((text, None));
    };
    let (clock, offset) = text.split_at_checked(10 + at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = match digits.len() {
        2 => (digits.parse::<i32>().ok()?, 0),
        4 => (digits.get(..2)?.parse().ok()?, digits.get(2..)?.parse().ok()?),
        _ => return None,
    };
    if minutes >= 60 {
        return None;
    }
    Some((clock, Some(Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?)))
}

fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn dates_have_one_meaning_or_are_refused() {
        let july = date(2026, 7, 31);
        let cases = [
            ("2026-07-31", Reading::Exact(july)),
            (" 2026-07-31 ", Reading::Exact(july)),
            ("31.07.2026", Reading::Repaired(july)),
            ("2026/07/31", Reading::Repaired(july)),
            ("31/07/2026", Reading::Repaired(july)),
            ("07/31/2026", Reading::Repaired(july)),
            ("31 July 2026", Reading::Repaired(july)),
            ("31 Jul 2026", Reading::Repaired(july)),
            ("July 31, 2026", Reading::Repaired(july)),
            ("2026-07-31T02:00:00+02:00", Reading::Repaired(july)),
            ("2026-07-31T00:00:00+02:00", Reading::Repaired(july)),
            ("2026-07-30T19:00:00-05:00", Reading::Repaired(july)),
            ("2026-07-31 10:30", Reading::Repaired(july)),
            ("05/03/2026", Reading::Ambiguous(date(2026, 3, 5), date(2026, 5, 3))),
            ("05-03-2026", Reading::Ambiguous(date(2026, 3, 5), date(2026, 5, 3))),
            ("05/05/2026", Reading::Repaired(date(2026, 5, 5))),
            ("2026-02-30", Reading::Impossible),
            ("30.02.2026", Reading::Impossible),
            ("tomorrow", Reading::Impossible),
            ("1785456000", Reading::Impossible),
            ("2026-7", Reading::Impossible),
            ("", Reading::Impossible),
        ];
        for (text, reading) in cases {
            assert_eq!(read_date(text), reading, "{text}");
        }
    }

    #[test]
    fn moments_keep_their_offset_or_say_that_they_have_none() {
        let cases = [
            ("2026-07-31T10:00:00+02:00", Some("2026-07-31T10:00:00+02:00")),
            ("2026-07-31T10:00:00Z", Some("2026-07-31T10:00:00+00:00")),
            ("2026-07-31T10:00:00.250-0330", Some("2026-07-31T10:00:00-03:30")),
            ("2026-07-31T10:00", Some("2026-07-31T10:00:00")),
            ("2026-07-31 10:00:05", Some("2026-07-31T10:00:05")),
            ("31.07.2026 10:00", Some("2026-07-31T10:00:00")),
            ("2026-07-31", Some("2026-07-31T00:00:00")),
            ("2026-07-31T25:00:00", None),
            ("noon", None),
        ];
        for (text, wire) in cases {
            let read = match read_moment(text) {
                Reading::Exact(moment) | Reading::Repaired(moment) => Some(moment.wire()),
                Reading::Ambiguous(..) | Reading::Impossible => None,
            };
            assert_eq!(read.as_deref(), wire, "{text}");
        }
    }
}
