//! Days and moments: what is read is written in the documented form, and reads as itself.
#![no_main]

use bitrix24_crm_mcp::crm::{
    dates::{self, Reading},
    decimal::Decimal,
    markup,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Reading::Exact(day) | Reading::Repaired(day) = dates::read_date(text) {
        assert_eq!(dates::read_date(&day.to_string()), Reading::Exact(day));
    }
    if let Reading::Exact(moment) | Reading::Repaired(moment) = dates::read_moment(text) {
        let again = dates::read_moment(&moment.wire());
        assert!(matches!(again, Reading::Exact(it) if it.same(moment)), "{text}");
    }
    let _ = dates::portal_day(text);
    let _ = Decimal::read(text).map(|number| assert!(number.same(number)));
    let _ = markup::pieces(text);
});
