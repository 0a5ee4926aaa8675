//! Any stream of syslog: in whatever pieces it comes, frames become the same lines, and nothing grows.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tamis::privacy::RawBlock;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let (mut whole, mut pieces) = (RawBlock::with_capacity(8192), RawBlock::with_capacity(8192));
    let bytes = &bytes[..bytes.len().min(8192)];
    let _ = whole.read_from(&mut &bytes[..]);
    let end = whole.cut_frames(0);
    let mut from = 0;
    for part in bytes.chunks(usize::from(piece).max(1)) {
        let _ = pieces.read_from(&mut &part[..]);
        from = pieces.cut_frames(from);
    }
    assert_eq!((end, whole.len()), (from, pieces.len()));
});
