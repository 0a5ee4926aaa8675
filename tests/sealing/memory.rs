//! Who takes over the writer, all of its files and all of its memory, opens no finished segment.
//!
//! Every 32 bytes of memory and files are tried as the key of what is in a segment, every 16 as the key of its file,
//! and the identity of the segment, which only the test can know, is looked for as bytes and as text. So that the
//! search is not blind, the key of the segment that is still being written must be found.

#[path = "../forget/memory.rs"]
mod pieces;

use std::{
    fs,
    io::Write as _,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};

use aho_corasick::AhoCorasick;
use sha2::{Digest as _, Sha256};

use crate::{
    desk::{ALL, Desk, open_torn, secret},
    program::{Dice, TAMIS},
};

/// The first 16 bytes of a key stream of ChaCha20 (RFC 8439) for the first piece of an age file that has more.
fn key_stream(key: &[u8]) -> [u8; 16] {
    let mut state = [0_u32; 16];
    state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    for (word, bytes) in state[4..12].iter_mut().zip(key.chunks_exact(4)) {
        *word = u32::from_le_bytes(bytes.try_into().expect("four bytes"));
    }
    state[12] = 1;
    let mut work = state;
    let mut quarter = |a: usize, b: usize, c: usize, d: usize| {
        for (x, y, z, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            work[x] = work[x].wrapping_add(work[y]);
            work[z] = (work[z] ^ work[x]).rotate_left(bits);
        }
    };
    for _ in 0..10 {
        for column in 0..4 {
            quarter(column, 4 + column, 8 + column, 12 + column);
        }
        for column in 0..4 {
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4);
        }
    }
    let mut stream = [0; 16];
    for (bytes, (word, start)) in stream.chunks_exact_mut(4).zip(work.iter().zip(state)) {
        bytes.copy_from_slice(&word.wrapping_add(start).to_le_bytes());
    }
    stream
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |byte: u8| block.map(|key| key ^ byte);
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    Sha256::new_with_prefix(pad(0x5c)).chain_update(inner.finalize()).finalize().into()
}

/// A segment under attack.
struct Target {
    /// Of HKDF, by which the key of a file becomes that of its content.
    salt: [u8; 16],
    /// The first bytes of the key stream, as who may open knows them.
    stream: [u8; 16],
    /// The identity, as text and as bytes.
    identity: Vec<Vec<u8>>,
}

impl Target {
    fn new(desk: &Desk, id: &str, sealed: &[u8]) -> Self {
        let identity = desk.identity(id);
        let opened = open_torn(&identity, sealed);
        let text = |found: &[u8]| sealed.windows(found.len()).position(|bytes| bytes == found);
        let last = text(b"\n--- ").expect("a header") + 1;
        let nonce =
            last + sealed[last..].iter().position(|byte| *byte == b'\n').expect("it ends") + 1;
        let content = &sealed[nonce + 16..];
        let mut stream = [0; 16];
        for (byte, (cipher, plain)) in stream.iter_mut().zip(content.iter().zip(&opened)) {
            *byte = cipher ^ plain;
        }
        assert!(opened.len() >= 65_536, "the first piece is a whole one");
        let text = secret(&identity);
        let identity = vec![bytes_of(&text), text.into_bytes()];
        Self { salt: sealed[nonce..nonce + 16].try_into().expect("16 bytes"), stream, identity }
    }

    /// Whether something in `bytes` opens it. Zeros are most of a memory, and no key.
    fn is_opened_by(&self, bytes: &[u8]) -> bool {
        let mut keys = bytes.windows(32).filter(|key| key[..8] != [0; 8]);
        // Keys of files are drawn into memory of their own, so they begin at even places.
        let mut files = bytes.windows(16).step_by(4).filter(|key| key[..8] != [0; 8]);
        let content = |file: &[u8]| hmac(&hmac(&self.salt, &[file]), &[b"payload", &[1]]);
        let names = AhoCorasick::new(&self.identity).expect("two texts");
        names.is_match(bytes)
            || keys.any(|key| key_stream(key) == self.stream)
            || files.any(|file| key_stream(&content(file)) == self.stream)
    }

    /// The same for many pieces, on two threads.
    fn is_opened_by_any(&self, pieces: &[pieces::Piece]) -> bool {
        let parts: Vec<&[u8]> = pieces
            .iter()
            .flat_map(|piece| {
                let bytes = &piece.bytes[..];
                // With as much of the next part as a key may reach over into it.
                let end = |at: usize| (at + (1 << 18) + 160).min(bytes.len());
                (0..bytes.len()).step_by(1 << 18).map(move |at| &bytes[at..end(at)])
            })
            .filter(|part| part.iter().any(|byte| *byte != 0))
            .collect();
        let (left, right) = parts.split_at(parts.len() / 2);
        thread::scope(|scope| {
            let is_opened = |parts: &[&[u8]]| parts.iter().any(|part| self.is_opened_by(part));
            let other = scope.spawn(move || is_opened(right));
            is_opened(left) | other.join().expect("it looks")
        })
    }
}

/// What the text of an identity stands for, which is bech32.
fn bytes_of(identity: &str) -> Vec<u8> {
    let digits = identity.rsplit_once('1').expect("a separator").1;
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in digits.to_lowercase().bytes() {
        let value = "qpzry9x8gf2tvdw0s3jn54khce6mua7l".find(char::from(digit)).expect("a digit");
        bits = (bits << 5 | value as u32) & 0xFFF;
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes.truncate(32);
    bytes
}

/// The program, sealing all of what it is given.
struct Run {
    child: Child,
    input: Option<ChildStdin>,
}

impl Run {
    fn new(desk: &Desk) -> Self {
        let mut command = Command::new(TAMIS);
        command
            .args(["--policy", "all.toml", "--threads", "2", "--quarantine", "quarantine"])
            .current_dir(desk.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let input = child.stdin.take();
        Self { child, input }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}

#[test]
fn the_attack_knows_how_age_makes_keys() {
    // From RFC 8439, A.1, vector 2: a key of zeros and the block of number 1.
    let expect = [
        0x9f, 0x07, 0xe7, 0xbe, 0x55, 0x51, 0x38, 0x7a, 0x98, 0xba, 0x97, 0x7c, 0x73, 0x2d, 0x08,
        0x0d,
    ];
    assert_eq!(key_stream(&[0; 32]), expect);
}

#[test]
fn nothing_that_the_writer_has_opens_a_finished_segment() {
    let desk = Desk::new();
    desk.write("all.toml", ALL);
    let mut run = Run::new(&desk);
    let mut dice = Dice(5);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut feed = |lines: usize| {
        let text: String = (0..lines)
            .map(|_| {
                let path = dice.text(letters, 900);
                format!("203.0.113.9 - - [22/Nov/2026:14:05:37 +0000] \"GET /{path} HTTP/1.1\" 200 512\n")
            })
            .collect();
        run.input.as_mut().expect("open").write_all(text.as_bytes()).expect("it reads");
    };
    // The letters carry three quarters of their size, and a segment is finished at 8 MiB.
    for _ in 0..14 {
        feed(1_000);
    }
    let part = loop {
        feed(100);
        thread::sleep(Duration::from_millis(50));
        let day = fs::read_dir(desk.root().join("segments")).expect("ours").next();
        let day = day.map(|day| day.expect("ours").path());
        let part = day.map(|day| (day.join("000001.age"), day.join("000002.age.part")));
        if let Some((whole, part)) = part
            && whole.exists()
            && fs::metadata(&part).is_ok_and(|file| file.len() > 140_000)
            && !desk.told("segment").is_empty()
        {
            break part;
        }
    };
    let id = desk.told("segment")[0]["segment"].as_str().expect("a name").to_owned();
    let open_id = format!("{}2", &id[..id.len() - 1]);
    let body = fs::read(desk.root().join(format!("segments/{id}.age"))).expect("it is whole");
    let finished = Target::new(&desk, &id, &body);
    let open = Target::new(&desk, &open_id, &fs::read(part).expect("it is there"));
    let memory = match pieces::of_process(&run.child.id().to_string()) {
        Ok(memory) => memory,
        Err(error) => {
            crate::desk::say_loudly(&format!(
                "SKIPPED: the memory of the program cannot be read ({error}); try it as root"
            ));
            return;
        }
    };
    let mut files = Vec::new();
    for name in ["", "keys", "segments", "index"] {
        let mut folder = desk.root().join(name);
        if !name.is_empty() {
            folder.push(id.split_once('/').expect("a day").0);
        }
        files.extend(pieces::of_folder(&folder));
    }
    assert!(open.is_opened_by_any(&memory), "the search is blind");
    assert!(!finished.is_opened_by_any(&memory), "in memory");
    // Sealed bytes look random and take long; what is no segment is tried as a whole.
    files.retain(|piece| piece.bytes.len() < 1 << 20);
    assert!(!finished.is_opened_by_any(&files) && !open.is_opened_by_any(&files), "in files");
}
