//! What clients send: read without a panic, and what is shown of it reads back as itself.
#![no_main]

use bitrix24_crm_mcp::{json, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let _ = json::id_of(line);
    if let Ok(parsed) = json::parse(line) {
        let text = parsed.value.to_string();
        assert_eq!(json::parse(text.as_bytes()).expect("our own JSON").value, parsed.value);
    }
    let text = String::from_utf8_lossy(line);
    assert_eq!(text::read_back(&text::visible(&text)), text);
});
