//! What days and moments are read as, as tables.

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
        ("7-7--7373", Reading::Impossible),
        ("-2026-7-11", Reading::Impossible),
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
