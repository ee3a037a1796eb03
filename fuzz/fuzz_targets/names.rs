//! Names of fields in both spellings, words of queries, stages and links.
#![no_main]

use bitrix24_crm_mcp::crm::{EntityType, entity_type, likeness, names, stage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = names::to_camel(&names::to_upper(text));
    let _ = names::to_upper(&names::to_camel(text));
    let _ = names::nearest(text, ["title", "stageId", text]);
    let words = likeness::words(text);
    let _ = likeness::likeness(&words, &[text]);
    let _ = likeness::beginnings(text);
    let _ = entity_type::linked_item(text);
    for id in [1, 2, 7, 31, 128] {
        let entity = EntityType::new(id);
        let _ = stage::pipeline(entity, text);
        let _ = entity.item_in(text);
    }
});
