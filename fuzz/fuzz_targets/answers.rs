//! What portals answer: errors, field lists and values of every kind.
#![no_main]

use bitrix24_crm_mcp::{
    crm::{Kind, Shape, field_list::FieldList},
    json,
    portal::ApiError,
};
use libfuzzer_sys::fuzz_target;

const KINDS: [Kind; 14] = [
    Kind::Text,
    Kind::Markup,
    Kind::YesNo,
    Kind::Integer,
    Kind::Number,
    Kind::Amount,
    Kind::Users,
    Kind::Links,
    Kind::Date,
    Kind::DateTime,
    Kind::Money,
    Kind::CrmLink,
    Kind::Choice,
    Kind::Any,
];

fuzz_target!(|answer: &[u8]| {
    let Ok(parsed) = json::parse(answer) else { return };
    if let Some(refusal) = ApiError::read(400, &parsed.value) {
        let _ = refusal.kind();
    }
    let list = FieldList::read(&parsed.value);
    for (_, field) in list.iter().flat_map(FieldList::iter) {
        let _ = field.choose(&parsed.value);
    }
    for kind in KINDS {
        for is_multiple in [false, true] {
            let shape = Shape { kind, is_multiple };
            if let Ok(encoded) = shape.encode(&parsed.value) {
                assert!(shape.same(&encoded.wire, &encoded.wire), "{kind:?} {}", encoded.wire);
            }
            let _ = shape.is_rewritten(&parsed.value, &parsed.value);
        }
    }
});
