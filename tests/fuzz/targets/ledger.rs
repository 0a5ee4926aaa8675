//! Any text as a ledger of releases: it is refused, or tells of each period once and goes on after its last line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::counts::publish::Ledger;

fuzz_target!(|text: &[u8]| {
    let folder = std::env::temp_dir().join(format!("tamis-ledger-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder takes folders");
    std::fs::write(folder.join(".tamis-releases.jsonl"), text).expect("the folder is ours");
    if let Ok(mut ledger) = Ledger::open(&folder) {
        let known = ledger.entries().to_vec();
        let Some(entry) = known.first().cloned() else { return };
        ledger.append(entry).expect("the folder is ours");
        drop(ledger);
        let again = Ledger::open(&folder).expect("what was appended is read");
        assert!(again.entries().starts_with(&known) && again.entries().len() == known.len() + 1);
    }
});
