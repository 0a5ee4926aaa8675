//! Any stream of syslog: in whatever pieces it comes, frames become the same lines, and nothing grows.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tamis::privacy::{ContentKey, RawBlock};
use tamis::transform::pseudonym::Secret;

/// Contents are compared by their names, since bytes of a block are not lent.
static KEY: LazyLock<ContentKey> =
    LazyLock::new(|| ContentKey::new(&Secret::write(|key| key.fill(7))));

fn name(block: &RawBlock) -> String {
    let mut digest = KEY.digest();
    block.add_to(&mut digest, 0);
    digest.whole()
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let (mut whole, mut pieces) = (RawBlock::with_capacity(8192), RawBlock::with_capacity(8192));
    let bytes = &bytes[..bytes.len().min(8192)];
    let _ = whole.read_from(&mut &bytes[..]);
    let end = whole.cut_frames(0);
    assert!(end <= whole.len() && whole.len() <= bytes.len());
    let mut from = 0;
    for part in bytes.chunks(usize::from(piece).max(1)) {
        let _ = pieces.read_from(&mut &part[..]);
        from = pieces.cut_frames(from);
    }
    assert_eq!((end, whole.len()), (from, pieces.len()));
    assert_eq!(name(&whole), name(&pieces));
});
