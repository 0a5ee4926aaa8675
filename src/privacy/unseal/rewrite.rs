//! A segment written anew without somebody's lines.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    io::{Read, Write},
};

use age::{Encryptor, x25519::Recipient};
use serde_json::json;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Index, OpenedLine, Run, SegmentKey, UnsealError, Unsealer};
use crate::privacy::selector::{Facts, Selector};

/// How hard zstd tries: segments are rewritten seldom, and kept long.
const LEVEL: i32 = 3;

/// What became of a segment, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Lines that are in the new one.
    pub kept: u64,
    /// Lines that are not.
    pub removed: u64,
    /// For which reasons how many lines are in the new one.
    pub why: BTreeMap<String, u64>,
}

/// What is left in a segment, to make its index of.
struct Left {
    addresses: BTreeSet<String>,
    /// Which of the old index's paths a line that is left has.
    paths: Vec<bool>,
}

impl fmt::Debug for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Left")
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        while let Some(mut address) = self.addresses.pop_first() {
            address.zeroize();
        }
    }
}

/// Writes the lines of a segment that do not meet `selector` to `body`, and what is in it then to `index`, both
/// sealed to the key whose public half is `to`. A segment that a crash cut short has no index, and what is whole of it
/// is written.
///
/// # Errors
///
/// The segment cannot be read to its end, or what is written is not taken. Then what was written is of no use.
pub fn rewrite_segment(
    (sealed, sealed_index): (impl Read, Option<&[u8]>),
    key: &SegmentKey,
    (selector, facts): (&Selector, &mut Facts),
    to: &str,
    (body, index): (impl Write, impl Write),
) -> Result<Rewritten, UnsealError> {
    let recipient: Recipient = to.parse().map_err(|_| UnsealError::Key)?;
    let is_torn = sealed_index.is_none();
    let mut old = match sealed_index {
        Some(sealed) => Index::open(sealed, key)?,
        None => Index::default(),
    };
    let mut left = Left { addresses: BTreeSet::new(), paths: vec![false; old.paths.len()] };
    let mut unsealer = Unsealer::new(sealed, key)?;
    let sealed = encryptor(&recipient).wrap_output(body)?;
    let mut writer = RunWriter::new(zstd::Encoder::new(sealed, LEVEL)?);
    let mut done = Rewritten::default();
    loop {
        let line = match unsealer.next() {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(UnsealError::Torn | UnsealError::Damaged) if is_torn => break,
            Err(error) => return Err(error),
        };
        let known = facts.of(line.show_bytes());
        if selector.meets(known.client, known.target, known.unix) {
            done.removed += 1;
            for why in line.why().iter().filter(|_| !is_torn) {
                forget(&mut old, why);
            }
            writer.skip();
            continue;
        }
        done.kept += 1;
        if is_torn {
            for why in line.why() {
                *old.why.entry(why.clone()).or_default() += 1;
            }
        }
        if let Some(ip) = known.client {
            left.addresses.insert(ip.to_string());
        }
        if let Some(target) = known.target {
            left.see(&old.paths, target);
        }
        writer.write(&line)?;
    }
    writer.finish()?.finish()?.finish()?.flush()?;
    // What the writer had of addresses, as far as it is still true, and not more than that.
    if is_torn {
        old.addresses = left.addresses.iter().cloned().collect();
    } else {
        old.addresses.retain(|address| left.addresses.contains(address));
    }
    let mut seen = left.paths.iter();
    old.paths.retain(|_| seen.next().copied().unwrap_or(false));
    old.lines = done.kept;
    done.why.clone_from(&old.why);
    let mut sealed = encryptor(&recipient).wrap_output(index)?;
    sealed.write_all(&old.to_text())?;
    sealed.finish()?.flush()?;
    Ok(done)
}

impl Left {
    fn see(&mut self, paths: &[String], target: &[u8]) {
        let path = target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        for (seen, beginning) in self.paths.iter_mut().zip(paths) {
            *seen |= path.starts_with(beginning.as_bytes());
        }
    }
}

fn encryptor(recipient: &Recipient) -> Encryptor {
    let recipients = std::iter::once(recipient as &dyn age::Recipient);
    Encryptor::with_recipients(recipients).expect("there is a recipient")
}

/// One line less was sealed for this reason.
fn forget(index: &mut Index, why: &str) {
    let fewer = |counts: &mut BTreeMap<String, u64>, name: &str| {
        if let Some(lines) = counts.get_mut(name) {
            *lines = lines.saturating_sub(1);
        }
        counts.retain(|_, lines| *lines > 0);
    };
    fewer(&mut index.why, why);
    if let Some((kind, detail)) = why.split_once(':') {
        // Classes are counted under their word or its plural.
        fewer(&mut index.why, kind);
        fewer(&mut index.why, &format!("{kind}s"));
        fewer(&mut index.rules, detail);
    }
}

/// Writes lines in runs, and begins another one where lines were left out.
struct RunWriter<W: Write> {
    out: W,
    /// The run that is written, and the number of the line that would continue it.
    open: Option<(Run, u64)>,
}

impl<W: Write> RunWriter<W> {
    const fn new(out: W) -> Self {
        Self { out, open: None }
    }

    fn skip(&mut self) {
        self.open = None;
    }

    fn write(&mut self, line: &OpenedLine<'_>) -> Result<(), UnsealError> {
        let run = line.run;
        let continues = self.open.as_ref().is_some_and(|(open, next)| {
            let is_same = open.source == run.source && open.at == run.at && open.why == run.why;
            is_same && open.masked == run.masked && *next == line.ordinal
        });
        if !continues {
            self.out.write_all(&header(line))?;
        }
        let bytes = line.show_bytes();
        match bytes.strip_prefix(b"#@") {
            Some(rest) => {
                self.out.write_all(b"#@@")?;
                self.out.write_all(rest)?;
            }
            None => self.out.write_all(bytes)?,
        }
        self.out.write_all(b"\n")?;
        match &mut self.open {
            Some((_, next)) if continues => *next = line.ordinal + 1,
            open => *open = Some((run.clone(), line.ordinal + 1)),
        }
        Ok(())
    }

    fn finish(self) -> Result<W, UnsealError> {
        Ok(self.out)
    }
}

/// The line before a run.
fn header(line: &OpenedLine<'_>) -> Zeroizing<Vec<u8>> {
    let run = line.run;
    // Where it begins is known, or which line of its old run it was.
    let (at, first) = match line.offset {
        Some(offset) => (Some(offset), 0),
        None => (run.at, line.ordinal),
    };
    let mut says = json!({ "source": run.source, "at": at, "why": run.why });
    if run.masked {
        says["masked"] = json!(true);
    }
    if first > 0 {
        says["first"] = json!(first);
    }
    Zeroizing::new(format!("#@ {says}\n").into_bytes())
}

/// A body with one line of our own, sealed to the key whose public half is `to`, by which it can be tried whether
/// what is sealed opens.
///
/// # Errors
///
/// It is no public half of a key.
pub fn test_body(to: &str, line: &str) -> Result<Vec<u8>, UnsealError> {
    let recipient: Recipient = to.parse().map_err(|_| UnsealError::Key)?;
    let text =
        format!("#@ {}\n{line}\n", json!({ "source": "drill", "at": null, "why": ["drill"] }));
    let mut sealed = encryptor(&recipient).wrap_output(Vec::new())?;
    sealed.write_all(&zstd::encode_all(text.as_bytes(), LEVEL)?)?;
    Ok(sealed.finish()?)
}
