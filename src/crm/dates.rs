//! Dates and times: reading what assistants write, and the day that a portal means.
//!
//! The portal parses slashes as month/day/year and drops silently what it cannot parse
//! (docs/bitrix24.md, "Dates and times"), so everything is turned into the documented forms here,
//! or refused.

use jiff::{SignedDuration, Timestamp, civil, tz::Offset};

/// What a written date turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading<T> {
    /// In the documented form already.
    Exact(T),
    /// In another form that has one meaning only.
    Repaired(T),
    /// Several meanings, for instance `05/03/2026`, or a year of two digits.
    Ambiguous(Vec<T>),
    /// No date at all, or one that the calendar lacks.
    Impossible,
}

/// Forms with one meaning, besides the documented `YYYY-MM-DD`.
const UNAMBIGUOUS: [&str; 9] = [
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d %B %Y",
    "%d %b %Y",
    "%B %d, %Y",
    "%b %d, %Y",
    "%d-%b-%Y",
];

/// Forms that differ in which number is the day.
const DAY_OR_MONTH_FIRST: [(&str, &str); 2] = [("%d/%m/%Y", "%m/%d/%Y"), ("%d-%m-%Y", "%m-%d-%Y")];

/// Forms of a year without its century.
const SHORT_YEAR: [&str; 11] = [
    "%d.%m.%y",
    "%y.%m.%d",
    "%d/%m/%y",
    "%m/%d/%y",
    "%y/%m/%d",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y-%m-%d",
    "%d %b %y",
    "%b %d, %y",
    "%d-%b-%y",
];

/// Reads a calendar day.
pub fn read_date(text: &str) -> Reading<civil::Date> {
    let text = text.trim();
    if let Some(date) = iso_date(text) {
        return Reading::Exact(date);
    }
    match iso_moment(text) {
        Some(Moment::PortalClock(clock)) => return Reading::Repaired(clock.date()),
        Some(Moment::Instant(instant, offset)) => return day_with_offset(instant, offset),
        None => {}
    }
    let by = |form: &str| date_by(form, text);
    if !has_year(text) {
        return without_century(text);
    }
    if let Some(date) = UNAMBIGUOUS.into_iter().find_map(by) {
        return Reading::Repaired(date);
    }
    for (day_first, month_first) in DAY_OR_MONTH_FIRST {
        match (by(day_first), by(month_first)) {
            (Some(one), Some(other)) if one != other => {
                return Reading::Ambiguous(vec![one, other]);
            }
            (Some(date), _) | (None, Some(date)) => return Reading::Repaired(date),
            (None, None) => {}
        }
    }
    Reading::Impossible
}

/// Whether one of the numbers is a year: it has four digits and no number has more.
fn has_year(text: &str) -> bool {
    let numbers = || text.split(|c: char| !c.is_ascii_digit());
    let is_year = |number: &str| number.len() == 4 && !number.starts_with('0');
    numbers().any(is_year) && numbers().all(|number| number.len() <= 2 || is_year(number))
}

/// The days that a date without its century can mean, in this one and in the last.
fn without_century(text: &str) -> Reading<civil::Date> {
    // A year of one digit is read as if it had its zero.
    let padded: String = text
        .split_inclusive(|c: char| !c.is_ascii_digit())
        .map(|part| {
            let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit()).len();
            if digits == 1 { format!("0{part}") } else { part.to_owned() }
        })
        .collect();
    let mut days: Vec<civil::Date> = Vec::new();
    for form in SHORT_YEAR {
        let long = form.replace("%b", "%B");
        let forms = [form, long.as_str()];
        let found = forms.into_iter().find_map(|form| civil::Date::strptime(form, &padded).ok());
        for century in [2000, 1900] {
            let day = found.and_then(|day| {
                civil::Date::new(century + day.year().rem_euclid(100), day.month(), day.day()).ok()
            });
            days.extend(day.filter(|day| !days.contains(day)));
        }
    }
    if days.is_empty() { Reading::Impossible } else { Reading::Ambiguous(days) }
}

/// The day of a moment that was written where a day belongs.
///
/// The written day counts where it is also the day in UTC, because portals read days there. A
/// midnight and the form in which portals answer days are that day. Everything else names two days.
fn day_with_offset(instant: Timestamp, offset: Offset) -> Reading<civil::Date> {
    let clock = offset.to_datetime(instant);
    let written = clock.date();
    let in_utc = Offset::UTC.to_datetime(instant).date();
    let (meant, distance) = nearest_midnight(instant);
    let is_midnight = clock.time() == civil::Time::midnight();
    let is_answer = is_answer_at(instant);
    let day = if written == in_utc {
        (meant == written || !is_answer).then_some(written)
    } else if meant == written {
        (is_midnight || is_answer).then_some(written)
    } else {
        distance.is_zero().then_some(meant)
    };
    if let Some(day) = day {
        return Reading::Repaired(day);
    }
    let other = if written == in_utc { meant } else { in_utc };
    Reading::Ambiguous(vec![written, other])
}

/// How far from midnight in UTC a portal answers a day: by as much as its zone's offset of that day
/// differs from today's.
const ANSWERS_DRIFT: SignedDuration = SignedDuration::from_hours(2);

/// Whether a moment may be a portal's answer for a day.
pub fn is_answer(text: &str) -> bool {
    match iso_moment(text.trim()) {
        Some(Moment::Instant(instant, _)) => is_answer_at(instant),
        _ => false,
    }
}

fn is_answer_at(instant: Timestamp) -> bool {
    let (_, distance) = nearest_midnight(instant);
    distance.abs() <= ANSWERS_DRIFT && instant.as_second() % 1800 == 0
}

/// The day that begins at the midnight in UTC nearest to the instant, and how far that is.
fn nearest_midnight(instant: Timestamp) -> (civil::Date, SignedDuration) {
    let clock = Offset::UTC.to_datetime(instant);
    let since = clock.time().duration_since(civil::Time::midnight());
    if since < SignedDuration::from_hours(12) {
        (clock.date(), since)
    } else {
        let tomorrow = clock.date().tomorrow().unwrap_or(civil::Date::MAX);
        (tomorrow, since - SignedDuration::from_hours(24))
    }
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
        Reading::Ambiguous(days) => {
            let at_midnight =
                |day: civil::Date| Moment::PortalClock(day.to_datetime(civil::Time::midnight()));
            return Reading::Ambiguous(days.into_iter().map(at_midnight).collect());
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
        Reading::Ambiguous(days) => Reading::Ambiguous(days.into_iter().map(at).collect()),
        Reading::Impossible => Reading::Impossible,
    }
}

/// The calendar day that a portal means by a date field's value.
///
/// A portal answers a day as its local midnight plus today's offset (docs/bitrix24.md, "Dates and
/// times"), so that the instant is a midnight in UTC, or off it by as much as the zone's offset has
/// changed since that day: the nearest one is meant. Midnight on the written clock is that day too.
pub fn portal_day(text: &str) -> Option<civil::Date> {
    if let Some(date) = iso_date(text) {
        return Some(date);
    }
    match iso_moment(text)? {
        Moment::PortalClock(clock) => Some(clock.date()),
        Moment::Instant(instant, offset) => {
            let clock = offset.to_datetime(instant);
            let is_midnight = clock.time() == civil::Time::midnight();
            Some(if is_midnight { clock.date() } else { nearest_midnight(instant).0 })
        }
    }
}

fn iso_date(text: &str) -> Option<civil::Date> {
    let is_iso = text.len() == 10 && has_year(text);
    is_iso.then(|| date_by("%Y-%m-%d", text))?
}

/// The date that a text is in a form. A sign before a year is read by the form, and meant by nobody.
fn date_by(form: &str, text: &str) -> Option<civil::Date> {
    civil::Date::strptime(form, text).ok().filter(|date| date.year() >= 1000)
}

fn iso_moment(text: &str) -> Option<Moment> {
    // Longer than a date, or jiff would read a bare day as midnight.
    if text.len() <= 10 || !has_year(text.get(..10)?) {
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
mod tests;
