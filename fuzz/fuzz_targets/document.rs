//! Any text as the number of any document, a name, a telephone: an answer, never a panic, and the number comes back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::document::{DocumentType, check};
use swabmesh_protocol::name::{last_four, mask_name};
use swabmesh_protocol::telephone;
use time::Date;

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let Ok(today) = Date::from_calendar_date(2022, time::Month::April, 9) else { return };
    if let Ok(document) = DocumentType::try_from(kind % 10) {
        let _ = check(document, &text, today);
    }
    let _ = telephone::check(&text);
    let masked = mask_name(&text);
    assert!(text.trim().is_empty() || !masked.is_empty());
    assert!(last_four(&text).chars().count() <= 4);
});
