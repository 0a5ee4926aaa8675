//! `tamis audit leaks`: searches what came out for identifiers of what went in.
//!
//! What is found is told by its kind and its places, never by what it is. Where the identifiers of the raw logs do
//! not fit into memory together, all files are read several times.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{self, Read as _},
    os::unix::ffi::OsStrExt as _,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result, anyhow};
use serde_json::{Value, json};

use super::walk;
use crate::{
    cli::LeaksArgs,
    command::{FAILED, GATE, Usage, complain, formats::code_of, own, policies, print},
    counts::{
        Report,
        numbers::{count, grouped, size},
        page,
    },
    field::Table,
    policy::Overrides,
    privacy::{Found, Hunt, NeedleKind, RawPlace, Trove},
    source::{self, FormatChoice, Origin, Reader},
};

/// The longest line of a raw log that is looked at.
const RAW_LINE_BYTES_MAX: usize = 1 << 20;

/// Runs `tamis audit leaks`.
pub(super) fn run(args: &LeaksArgs) -> Result<ExitCode> {
    if args.clean.iter().chain(&args.against).any(|path| path.as_os_str() == "-") {
        let what = "cannot audit standard input, which can be read only once; name a file";
        return Err(Usage(what.to_owned()).into());
    }
    let plan = Arc::new(policies::load(&args.policy, Overrides::default())?);
    let choice = own::named(&args.format)?;
    let known = without_comments(&policies::text(&args.policy)?) + &page_words();
    let mut audit = Audit::new(args, choice);
    let mut hunt = Hunt::new(plan, &[&known]);
    loop {
        audit.gather(&mut hunt)?;
        audit.search(&mut hunt);
        if !hunt.next_pass() {
            break;
        }
    }
    audit.is_short_of_words = hunt.is_short_of_words();
    audit.places = audit.lines_of_raw(args.list);
    let text =
        if args.json { format!("{}\n", audit.json(args.list)) } else { audit.text(args.list) };
    print(text.as_bytes())?;
    let looked_for: u64 = audit.looked_for.iter().sum();
    if !audit.found.is_empty() {
        return Ok(ExitCode::from(GATE));
    }
    if looked_for == 0 {
        return Err(anyhow!(
            "cannot verify anything: the raw logs have no identifier that could be looked for; name those that went in"
        ));
    }
    Ok(audit.failed.map_or(ExitCode::SUCCESS, ExitCode::from))
}

/// The words that a policy says by itself, without what people wrote beside it.
fn without_comments(policy: &str) -> String {
    let lines = policy.lines().filter_map(|line| line.split('#').next());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The words that every page and every file of counts has.
fn page_words() -> String {
    let names: Vec<_> = Table::ALL.iter().map(|table| table.name()).collect();
    let rows = json!([{"key": "x", "requests": 1, "bytes": 1, "visitors": 1}]);
    let tables: BTreeMap<_, _> = names.iter().map(|name| (*name, rows.clone())).collect();
    let report = json!({
        "internal": true, "policy": "x", "policy_hash": "x",
        "period": {"from": "2026-11-22T00:00:00Z", "to": "2026-11-23T00:00:00Z"},
        "totals": {"requests": 1, "bytes": 1, "visitors": 1}, "tables": tables,
    });
    let report = Report::from_json(report.to_string().as_bytes());
    names.join(" ") + &report.map(|report| page::render(&report)).unwrap_or_default()
}

/// What is looked through and what came of it.
struct Audit {
    raw: Vec<PathBuf>,
    clean: Vec<PathBuf>,
    choice: FormatChoice,
    trove: Trove,
    /// How many identifiers of each kind were looked for.
    looked_for: [u64; NeedleKind::ALL.len()],
    lines: u64,
    passes: u64,
    is_short_of_words: bool,
    /// What was found, once all was looked through.
    found: Vec<Found>,
    /// The lines of places in raw logs that are told.
    places: BTreeMap<RawPlace, u64>,
    failed: Option<u8>,
}

impl Audit {
    fn new(args: &LeaksArgs, choice: FormatChoice) -> Self {
        let (raw, raw_failures) = walk::files(&args.against);
        let (clean, clean_failures) = walk::files(&args.clean);
        let mut audit = Self {
            raw,
            clean,
            choice,
            trove: Trove::default(),
            looked_for: Default::default(),
            lines: 0,
            passes: 0,
            is_short_of_words: false,
            found: Vec::new(),
            places: BTreeMap::new(),
            failed: None,
        };
        for (path, error) in raw_failures.iter().chain(&clean_failures) {
            let what = format!("cannot look at {}: {error}; name what is there", path.display());
            audit.fail(what, FAILED);
        }
        audit
    }

    fn fail(&mut self, what: impl std::fmt::Display, code: u8) {
        // What cannot be read is said in the first pass.
        if self.passes == 0 {
            complain(what);
        }
        self.failed = Some(self.failed.unwrap_or(0).max(code));
    }

    /// Takes the identifiers out of the raw logs.
    fn gather(&mut self, hunt: &mut Hunt) -> Result<()> {
        if self.raw.len() > usize::from(u16::MAX) {
            return Err(
                Usage("cannot audit against more than 65535 files; name fewer".to_owned()).into()
            );
        }
        for number in 0..self.raw.len() {
            let origin = Origin::File(self.raw[number].clone());
            let mut reader = Reader::new(vec![origin], self.choice.clone(), RAW_LINE_BYTES_MAX)
                .context("cannot make a pipe")?
                .with_beginnings(true);
            let mut block = reader.new_block();
            while let Some(given) = reader.next(&mut block) {
                hunt.take(&block, number as u16, &given.format, given.is_detected);
                block.wipe();
            }
            for failure in reader.failures() {
                self.fail(failure, code_of(failure));
            }
        }
        for (sum, number) in self.looked_for.iter_mut().zip(hunt.counts()) {
            *sum += number;
        }
        self.lines = hunt.lines();
        Ok(())
    }

    /// Looks for them.
    fn search(&mut self, hunt: &mut Hunt) {
        for number in 0..self.clean.len() {
            let path = self.clean[number].clone();
            let trove = &mut self.trove;
            let name = path.file_name().unwrap_or_default();
            hunt.search_name(name.as_bytes(), number as u32, trove);
            let read = source::contents(&path, |output| hunt.search(output, number as u32, trove));
            if let Err(error) = read {
                let what = format!(
                    "cannot look through {}: {error}; mend or leave it out",
                    path.display()
                );
                self.fail(what, FAILED);
            }
        }
        self.passes += 1;
        self.found = self.trove.found();
    }

    /// The lines in raw logs of the identifiers that are listed.
    fn lines_of_raw(&self, list: usize) -> BTreeMap<RawPlace, u64> {
        let mut places: BTreeMap<RawPlace, u64> =
            self.found.iter().take(list).map(|found| (found.raw, 0)).collect();
        let mut reading: Option<(u16, Lines)> = None;
        for (place, line) in &mut places {
            if reading.as_ref().is_none_or(|(file, _)| *file != place.file) {
                let path = &self.raw[usize::from(place.file)];
                let Ok(content) = source::unpacked(path) else { continue };
                reading = Some((
                    place.file,
                    Lines { content: io::BufReader::new(content), at: 0, line: 1 },
                ));
            }
            if let Some((_, lines)) = &mut reading {
                *line = lines.line_at(place.offset).unwrap_or(0);
            }
        }
        places
    }

    fn name(&self, found: &Found) -> String {
        let path = &self.clean[found.place.file as usize];
        match found.place.line {
            0 => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder =
                    folder.map_or_else(|| ".".to_owned(), |path| path.display().to_string());
                format!("the name of file {} (in {folder})", found.place.file + 1)
            }
            line => format!("{}:{line} (byte {})", path.display(), found.place.offset),
        }
    }

    fn raw_name(&self, place: RawPlace) -> String {
        let path = self.raw[usize::from(place.file)].display();
        match self.places.get(&place) {
            Some(line) if *line > 0 => format!("{path}:{line}"),
            _ => format!("{path} (byte {})", place.offset),
        }
    }

    /// How many of a kind were found.
    fn found_of(&self, kind: NeedleKind) -> u64 {
        self.found.iter().filter(|found| found.kind == kind).count() as u64
    }

    fn text(&self, list: usize) -> String {
        let looked_for: u64 = self.looked_for.iter().sum();
        let mut text = format!(
            "looked for {} of {} in {} ({})\n",
            count(looked_for, "identifier", "identifiers"),
            count(self.lines, "raw line", "raw lines"),
            count(self.clean.len() as u64, "file", "files"),
            size(self.trove.bytes / self.passes.max(1)),
        );
        for kind in NeedleKind::ALL {
            let number = self.looked_for[kind as usize];
            if number > 0 {
                let found = grouped(self.found_of(kind));
                let _ = writeln!(
                    text,
                    "  {:<9} {:>12} looked for {found:>9} found",
                    kind.word(),
                    grouped(number)
                );
            }
        }
        for found in self.found.iter().take(list) {
            let times = if found.times > 1 {
                format!(", {} times", grouped(found.times))
            } else {
                String::new()
            };
            let _ = writeln!(
                text,
                "{}: {} of {}, {}{times}",
                self.name(found),
                found.kind.phrase(),
                self.raw_name(found.raw),
                found.how.phrase()
            );
        }
        if self.found.len() > list {
            let more = (self.found.len() - list) as u64;
            let _ =
                writeln!(text, "and {} more; --list shows them", grouped(more + self.trove.more));
        }
        if self.is_short_of_words {
            text += "There were more words in paths than are known, so some of this may be pages that many \
                     asked for.\n";
        }
        text += match (self.found.is_empty(), self.failed) {
            (false, _) => {
                "Somebody is in there: do not hand it on, and find out which rule let it through.\n"
            }
            _ if looked_for == 0 => "Nothing was looked for.\n",
            (true, None) => "None of them is in there.\n",
            (true, Some(_)) => "None of them is in what could be read.\n",
        };
        text
    }

    fn json(&self, list: usize) -> Value {
        let kinds: BTreeMap<_, _> = NeedleKind::ALL
            .into_iter()
            .map(|kind| {
                let numbers = json!({"looked_for": self.looked_for[kind as usize], "found": self.found_of(kind)});
                (kind.word(), numbers)
            })
            .collect();
        let findings: Vec<_> =
            self.found.iter().take(list).map(|found| self.finding(found)).collect();
        json!({
            "looked_for": self.looked_for.iter().sum::<u64>(),
            "found": self.found.len(),
            "lines": self.lines,
            "files": self.clean.len(),
            "bytes": self.trove.bytes / self.passes.max(1),
            "passes": self.passes,
            "complete": self.failed.is_none(),
            "kinds": kinds,
            "findings": findings,
        })
    }

    fn finding(&self, found: &Found) -> Value {
        let line = self.places.get(&found.raw).filter(|line| **line > 0);
        // The name of a file that somebody is named in is not told.
        let file = match found.place.line {
            0 => format!("the name of file {}", found.place.file + 1),
            _ => self.clean[found.place.file as usize].display().to_string(),
        };
        json!({
            "kind": found.kind.word(),
            "how": found.how.phrase(),
            "file": file,
            "line": found.place.line,
            "byte": found.place.offset,
            "times": found.times,
            "raw_file": self.raw[usize::from(found.raw.file)].display().to_string(),
            "raw_line": line,
            "raw_byte": found.raw.offset,
        })
    }
}

/// Counts the lines of a content up to places, which come in order.
struct Lines<R = Box<dyn io::Read + Send>> {
    content: io::BufReader<R>,
    at: u64,
    line: u64,
}

impl<R: io::Read> Lines<R> {
    fn line_at(&mut self, offset: u64) -> Option<u64> {
        let mut buffer = [0; 1 << 16];
        while self.at < offset {
            let wanted =
                usize::try_from(offset - self.at).unwrap_or(buffer.len()).min(buffer.len());
            let count = self.content.read(&mut buffer[..wanted]).ok().filter(|count| *count > 0)?;
            self.line += buffer[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.at += count as u64;
        }
        Some(self.line)
    }
}
