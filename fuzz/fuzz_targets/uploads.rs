//! Files that are sent as base64 text.
#![no_main]

use bitrix24_crm_mcp::uploads::{Policy, Upload};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: (&str, &str)| {
    let (name, text) = file;
    let mut notes = Vec::new();
    if let Ok(upload) = Upload::text(name, text, &Policy::STANDARD, &mut notes) {
        let shown = upload.shown();
        assert!(shown["size"].as_u64().is_some_and(|size| size > 0));
    }
});
