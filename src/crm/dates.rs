//! Dates and moments: reading what assistants write, and the day that a portal means.
//!
//! The portal parses slashes as month/day/year and drops what it cannot parse without a word
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
    let by = |form: &str| civil::Date::strptime(form, text).ok();
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
    is_iso.then(|| civil::Date::strptime("%Y-%m-%d", text).ok())?
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
mod tests {
    use super::*;
    use jiff::{civil::date, tz::TimeZone};

    #[test]
    fn dates_have_one_meaning_or_are_refused() {
        let july = date(2026, 7, 31);
        let two = |one, other| Reading::Ambiguous(vec![one, other]);
        let cases = [
            ("2026-07-31", Reading::Exact(july)),
            (" 2026-07-31 ", Reading::Exact(july)),
            ("31.07.2026", Reading::Repaired(july)),
            ("31.7.2026", Reading::Repaired(july)),
            ("2026-7-31", Reading::Repaired(july)),
            ("2026/07/31", Reading::Repaired(july)),
            ("31/07/2026", Reading::Repaired(july)),
            ("07/31/2026", Reading::Repaired(july)),
            ("31 July 2026", Reading::Repaired(july)),
            ("31 Jul 2026", Reading::Repaired(july)),
            ("July 31, 2026", Reading::Repaired(july)),
            ("2026-07-31 10:30", Reading::Repaired(july)),
            ("05/03/2026", two(date(2026, 3, 5), date(2026, 5, 3))),
            ("05-03-2026", two(date(2026, 3, 5), date(2026, 5, 3))),
            ("05/05/2026", Reading::Repaired(date(2026, 5, 5))),
            ("2026-02-30", Reading::Impossible),
            ("30.02.2026", Reading::Impossible),
            ("0026-07-31", Reading::Impossible),
            ("12026-07-31", Reading::Impossible),
            ("tomorrow", Reading::Impossible),
            ("1785456000", Reading::Impossible),
            ("20260731", Reading::Impossible),
            ("2026-7", Reading::Impossible),
            ("", Reading::Impossible),
        ];
        for (text, reading) in cases {
            assert_eq!(read_date(text), reading, "{text}");
        }
    }

    #[test]
    fn a_year_without_its_century_is_never_guessed() {
        let cases = [
            ("31.07.26", date(2026, 7, 31)),
            ("31.07.26", date(1926, 7, 31)),
            ("31.07.26", date(2031, 7, 26)),
            ("31-07-26", date(2026, 7, 31)),
            ("07/31/26", date(2026, 7, 31)),
            ("31 July 26", date(2026, 7, 31)),
            ("31 Jul 26", date(1926, 7, 31)),
            ("July 31, 26", date(2026, 7, 31)),
            ("20.07.85", date(1985, 7, 20)),
            ("20.07.85", date(2085, 7, 20)),
            ("26-07-31", date(2026, 7, 31)),
            ("1.1.1", date(2001, 1, 1)),
        ];
        for (text, day) in cases {
            let Reading::Ambiguous(days) = read_date(text) else { panic!("{text} was read") };
            assert!(days.contains(&day), "{text}: {days:?}");
        }
    }

    #[test]
    fn a_day_with_a_clock_and_an_offset_is_one_day_or_refused() {
        let (july, august) = (date(2026, 7, 31), date(2026, 8, 1));
        let two = |one, other| Reading::Ambiguous(vec![one, other]);
        let cases = [
            ("2026-07-31T18:00:00Z", Reading::Repaired(july)),
            ("2026-07-31T23:59:59Z", Reading::Repaired(july)),
            ("2026-07-31T12:00:00-05:00", Reading::Repaired(july)),
            ("2026-07-31T23:59:59+03:00", Reading::Repaired(july)),
            // As portals answer a day.
            ("2026-07-31T02:00:00+02:00", Reading::Repaired(july)),
            ("2026-07-31T03:00:00+04:00", Reading::Repaired(july)),
            ("2026-07-30T19:00:00-05:00", Reading::Repaired(july)),
            // Its midnight somewhere.
            ("2026-07-31T00:00:00+02:00", Reading::Repaired(july)),
            ("2026-07-31T00:00:00+05:30", Reading::Repaired(july)),
            ("2026-07-31T00:00:00-05:00", Reading::Repaired(july)),
            ("2026-07-31T23:59:59-05:00", two(july, august)),
            ("2026-07-31T22:00:00-04:00", two(july, august)),
            ("2026-08-01T00:30:00+03:00", two(august, july)),
            ("2026-07-31T00:00:00+13:00", two(july, date(2026, 7, 30))),
            ("2026-07-31T19:00:00-04:00", two(july, august)),
        ];
        for (text, reading) in cases {
            assert_eq!(read_date(text), reading, "{text}");
        }
    }

    /// The server's formula: `date('c', MakeTimeStamp(day) + date('Z'))`.
    fn answered(day: civil::Date, zone: &TimeZone, now: civil::Date) -> String {
        let at = |day: civil::Date| day.to_datetime(civil::Time::midnight());
        let seconds_now = zone.to_offset(zone.to_timestamp(at(now)).unwrap()).seconds();
        let midnight = zone.to_timestamp(at(day)).unwrap();
        let instant = midnight + SignedDuration::from_secs(i64::from(seconds_now));
        Moment::Instant(instant, zone.to_offset(instant)).wire()
    }

    #[test]
    fn the_day_is_understood_as_portals_answer_it_all_over_the_world() {
        let zones = [
            "Europe/Moscow",
            "Europe/Berlin",
            "Europe/Kyiv",
            "Europe/London",
            "America/New_York",
            "America/Sao_Paulo",
            "Asia/Almaty",
            "Asia/Kolkata",
            "Asia/Kathmandu",
            "Pacific/Apia",
            "Pacific/Auckland",
            "UTC",
        ];
        let days = [
            date(1985, 7, 20),
            date(1985, 1, 20),
            date(2012, 3, 1),
            date(2024, 2, 28),
            date(2024, 3, 2),
            date(2026, 1, 31),
            date(2026, 7, 31),
        ];
        for name in zones {
            let zone = TimeZone::get(name).unwrap();
            for day in days {
                // Samoa crossed the date line in 2011: what was written before is a day off.
                if name == "Pacific/Apia" && day.year() < 2012 {
                    continue;
                }
                for now in [date(2026, 1, 15), date(2026, 7, 15)] {
                    let text = answered(day, &zone, now);
                    assert_eq!(portal_day(&text), Some(day), "{name} {day} {now} {text}");
                }
            }
        }
        let moscow = TimeZone::get("Europe/Moscow").unwrap();
        let birthday = answered(date(1985, 7, 20), &moscow, date(2026, 1, 15));
        assert_eq!(birthday, "1985-07-20T03:00:00+04:00");
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
            ("31.07.26 10:00", None),
            ("0026-07-31T10:00:00Z", None),
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
