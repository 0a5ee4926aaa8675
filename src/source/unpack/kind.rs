//! What a file is, told from its first bytes and never from its name.
//!
//! A compression or an archive begins with bytes that no line of a log begins with; the one exception, an archive
//! of tar, has its mark further in, and a checksum that is checked too.

/// How many bytes are looked at: a header of tar.
pub(in crate::source) const HEAD_BYTES: usize = 512;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Lines, or something that nobody knows.
    Plain,
    /// gzip, also several members in a row, as bgzip and log rotation write them.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// bzip2.
    Bzip2,
    /// LZ4, in frames.
    Lz4,
    /// LZ4 as it was before it had frames.
    Lz4Legacy,
    /// A tar archive.
    Tar,
    /// A zip archive.
    Zip,
    /// Something compressed that is not read, by its name.
    Foreign(&'static str),
}

/// How files begin.
const BEGINNINGS: [(&[u8], Kind); 13] = [
    (&[0x1f, 0x8b, 0x08], Kind::Gzip),
    (&[0x28, 0xb5, 0x2f, 0xfd], Kind::Zstd),
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], Kind::Xz),
    (&[0x04, 0x22, 0x4d, 0x18], Kind::Lz4),
    (&[0x02, 0x21, 0x4c, 0x18], Kind::Lz4Legacy),
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (&[0x1f, 0x9d], Kind::Foreign("compress (.Z)")),
    (b"7z\xbc\xaf\x27\x1c", Kind::Foreign("7z")),
    (b"Rar!\x1a\x07", Kind::Foreign("rar")),
    (b"LZIP", Kind::Foreign("lzip")),
    (&[0x89, b'L', b'Z', b'O', 0], Kind::Foreign("lzop")),
    (&[0xff, 0x06, 0, 0, b's', b'N', b'a'], Kind::Foreign("snappy")),
];

/// Of bzip2, after `BZh` and the size of blocks: the first block, or the end of a stream without one.
const BZIP2_BLOCKS: [&[u8]; 2] =
    [&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], &[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

impl Kind {
    /// What begins with `head`; nothing while more bytes are needed to tell, which `is_whole` rules out.
    #[must_use]
    pub fn of(head: &[u8], is_whole: bool) -> Option<Self> {
        let is_whole = is_whole || head.len() >= HEAD_BYTES;
        if let Some((_, kind)) = BEGINNINGS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Some(*kind);
        }
        if is_skippable_zstd(head) {
            return Some(Self::Zstd);
        }
        if is_bzip2(head) {
            return Some(Self::Bzip2);
        }
        if head.len() >= HEAD_BYTES && is_tar(&head[..HEAD_BYTES]) {
            return Some(Self::Tar);
        }
        // The name in a header of tar has no line end, and a line that is to go on at once has one.
        (is_whole || head.contains(&b'\n')).then_some(Self::Plain)
    }

    /// Its name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Lz4 | Self::Lz4Legacy => "lz4",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Foreign(name) => name,
        }
    }
}

fn is_skippable_zstd(head: &[u8]) -> bool {
    head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18]
}

fn is_bzip2(head: &[u8]) -> bool {
    head.len() >= 10
        && head.starts_with(b"BZh")
        && head[3].is_ascii_digit()
        && BZIP2_BLOCKS.contains(&&head[4..10])
}

/// Whether the checksum of a header of tar is right, which also old archives have, whose headers have no mark.
fn is_tar(head: &[u8]) -> bool {
    let digits = head[148..156].iter().skip_while(|byte| **byte == b' ');
    let digits = digits.take_while(|byte| matches!(byte, b'0'..=b'7'));
    let said = digits.fold(0, |sum, digit| sum * 8 + u32::from(digit - b'0'));
    let bytes = head[..148].iter().chain(&[b' '; 8]).chain(&head[156..]);
    // What describes the first file may have no name itself; then it has a mark.
    let has_name = head[0] != 0 || head[257..].starts_with(b"ustar");
    has_name && said > 0 && bytes.map(|byte| u32::from(*byte)).sum::<u32>() == said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings() {
        for (head, expect) in [
            (&b"\x1f\x8b\x08\0"[..], Some(Kind::Gzip)),
            (b"\x1f\x8b", None),
            (b"\x28\xb5\x2f\xfd\0", Some(Kind::Zstd)),
            (b"\x5e\x2a\x4d\x18\0", Some(Kind::Zstd)),
            (b"BZh91AY&SY", Some(Kind::Bzip2)),
            (b"BZh9 is a client\n", Some(Kind::Plain)),
            (b"PK\x03\x04", Some(Kind::Zip)),
            (b"192.0.2.7 - -", None),
            (b"192.0.2.7 - -\n", Some(Kind::Plain)),
            (b"\n", Some(Kind::Plain)),
            (b"", None),
            (b"\x1f\x9d\x90", Some(Kind::Foreign("compress (.Z)"))),
        ] {
            assert_eq!(Kind::of(head, false), expect, "{head:?}");
            assert_eq!(Kind::of(head, true), Some(expect.unwrap_or(Kind::Plain)), "{head:?}");
        }
    }

    #[test]
    fn a_header_of_tar_is_told_by_its_checksum() {
        let mut header = tar::Header::new_old();
        header.set_path("access.log").expect("a short name");
        header.set_size(5);
        header.set_cksum();
        assert_eq!(Kind::of(header.as_bytes(), false), Some(Kind::Tar));
        let mut other = *header.as_bytes();
        other[0] ^= 1;
        assert_eq!(Kind::of(&other, false), Some(Kind::Plain));
        assert_eq!(Kind::of(&[0; HEAD_BYTES], false), Some(Kind::Plain));
        assert_eq!(Kind::of(&[b'7'; HEAD_BYTES], false), Some(Kind::Plain));
    }
}
