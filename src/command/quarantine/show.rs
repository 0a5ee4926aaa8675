//! `tamis quarantine open`: sealed lines, shown to whoever may see them.

use std::{
    fs::File,
    io::{self, BufWriter, IsTerminal as _, Write},
    process::ExitCode,
};

use anyhow::Result;
use serde_json::json;

use super::{
    asking,
    desk::{Desk, Entered, Session},
};
use crate::{
    cli::quarantine::{Lines, OpenArgs},
    command::{FAILED, Usage, complain},
    format::Format,
    policy::Overrides,
    privacy::{Facts, Index, IndexMatch, OpenedLine, SegmentKey, Selector, UnsealError, Unsealer},
    quarantine::{
        QuarantineError,
        chain::hex,
        inventory::Held,
        layout::{Layout, Tree},
    },
};

/// Runs `tamis quarantine open`.
pub(super) fn run(args: &OpenArgs) -> Result<ExitCode> {
    asking::only_one_of_these_reads_stdin(&args.access, &args.select)?;
    let selector = asking::selector(&args.select, false)?;
    let mut desk = match Desk::enter("open", &args.place.directory, &args.access)? {
        Entered::In(desk) => desk,
        Entered::Refused(code) => return Ok(code),
    };
    let segments = desk.choose(&args.segments.segments, &selector)?;
    let mut facts = facts(&desk, &args.lines)?;
    let mut session = desk.begin(&segments, &selector, Vec::new())?;
    let stdout = io::stdout();
    let form = match (args.json, stdout.is_terminal()) {
        (true, _) => Form::Json,
        (false, true) => Form::Terminal,
        (false, false) => Form::Bytes,
    };
    let mut out = BufWriter::with_capacity(1 << 16, stdout.lock());
    let shown = each_line(&mut session, &segments, (&selector, &mut facts), |held, line| {
        form.write(&mut out, held, line)
    });
    let shown = shown.and_then(|damaged| Ok((damaged, out.flush()?)));
    let lines = session.lines;
    let is_complete = matches!(shown, Ok((0, ())));
    session.end(is_complete, &[])?;
    match shown {
        Ok((damaged, ())) => {
            if io::stderr().is_terminal() || lines == 0 {
                complain(format!("{lines} lines of {}", counted(segments.len(), "segment")));
            }
            Ok(ExitCode::from(if damaged > 0 { FAILED } else { 0 }))
        }
        // Nobody reads on.
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        Err(stopped) => Err(stopped.into()),
    }
}

/// A number and what it is of.
pub(super) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What reads the facts of lines, as the policy and the command line say.
pub(super) fn facts(desk: &Desk, lines: &Lines) -> Result<Facts> {
    let format = match lines.format.as_str() {
        "auto" => None,
        name => Some(Format::named(name).ok_or_else(|| {
            Usage(format!("there is no format named {name:?}; see tamis formats list"))
        })?),
    };
    let mut policy = desk.policy.clone();
    let trusted_proxies = lines.trusted_proxies.clone();
    let changed = policy.apply(Overrides { trusted_proxies, ..Overrides::default() });
    changed.map_err(|error| Usage(error.to_string()))?;
    Ok(Facts::new(format, policy.network.trusted_proxies))
}

/// Why no further line is shown.
pub(super) enum Stopped {
    /// What is sealed cannot be opened.
    Quarantine(QuarantineError),
    /// The output takes no more.
    Output(io::Error),
}

impl From<QuarantineError> for Stopped {
    fn from(error: QuarantineError) -> Self {
        Self::Quarantine(error)
    }
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<Stopped> for anyhow::Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Quarantine(error) => error.into(),
            Stopped::Output(error) => Self::new(error).context("cannot write the lines"),
        }
    }
}

/// Hands each line that meets a selector to `show`, once. Says how many segments were damaged, which is said of each.
pub(super) fn each_line(
    session: &mut Session<'_>,
    segments: &[Held],
    (selector, facts): (&Selector, &mut Facts),
    mut show: impl FnMut(&Held, &OpenedLine<'_>) -> io::Result<()>,
) -> Result<usize, Stopped> {
    let mut seen = session.seen();
    let mut damaged = 0;
    for held in segments {
        let key = session.desk().key(held)?;
        if !may_have(&session.desk().layout, held, &key, (selector, facts)) {
            continue;
        }
        let Some(mut unsealer) = opened(&session.desk().layout, held, &key)? else {
            damaged += 1;
            continue;
        };
        loop {
            let line = match unsealer.next() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                Err(error) => {
                    damaged += usize::from(!held.is_torn);
                    say_end(held, &error);
                    break;
                }
            };
            let is_new = line
                .place()
                .is_none_or(|place| seen.is_new(line.source(), place, line.show_bytes()));
            if is_new && line.meets(selector, facts) {
                show(held, &line)?;
                session.show(line.show_bytes());
            }
        }
    }
    Ok(damaged)
}

/// Whether a segment may have a line that meets a selector. One without an index that can be read may, and so may one
/// whose index has proxies that were not trusted when it was sealed.
pub(super) fn may_have(
    layout: &Layout,
    held: &Held,
    key: &SegmentKey,
    (selector, facts): (&Selector, &Facts),
) -> bool {
    if selector.is_empty() {
        return true;
    }
    let index = std::fs::read(layout.file(Tree::Index, held.entry.id)).ok();
    let index = index.and_then(|sealed| Index::open(&sealed, key).ok());
    index.is_none_or(|index| index.find(selector) != IndexMatch::No || facts.trusts_any_of(&index))
}

/// The lines of a segment. What cannot be opened is said.
pub(super) fn opened(
    layout: &Layout,
    held: &Held,
    key: &SegmentKey,
) -> Result<Option<Unsealer<File>>, QuarantineError> {
    let id = held.entry.id;
    let path = match held.is_torn {
        true => layout.torn(Tree::Segments, id),
        false => layout.file(Tree::Segments, id),
    };
    let sealed = File::open(&path).map_err(|error| QuarantineError::Io {
        what: "cannot read",
        path,
        error,
    })?;
    match Unsealer::new(sealed, key) {
        Ok(unsealer) => Ok(Some(unsealer)),
        Err(error) => {
            say_end(held, &error);
            Ok(None)
        }
    }
}

pub(super) fn say_end(held: &Held, error: &UnsealError) {
    let id = held.entry.id;
    if held.is_torn {
        complain(format!("the segment {id} was cut short by a crash; these are its whole lines"));
    } else {
        complain(format!(
            "cannot read the segment {id} on: {error}; run tamis quarantine verify, the lines before were whole"
        ));
    }
}

/// How lines are shown.
#[derive(Clone, Copy)]
enum Form {
    /// As they were.
    Bytes,
    /// Without what a terminal might obey.
    Terminal,
    Json,
}

impl Form {
    fn write(self, out: &mut impl Write, held: &Held, line: &OpenedLine<'_>) -> io::Result<()> {
        let bytes = line.show_bytes();
        match self {
            Self::Bytes => out.write_all(bytes)?,
            Self::Terminal => {
                for chunk in bytes.utf8_chunks() {
                    for c in chunk.valid().chars() {
                        match c.is_control() {
                            true => write!(out, "{}", c.escape_unicode())?,
                            false => write!(out, "{c}")?,
                        }
                    }
                    write!(out, "{}", chunk.invalid().escape_ascii())?;
                }
            }
            Self::Json => {
                let (at, ordinal) = line.place().unzip();
                let mut says = json!({
                    "segment": held.entry.id.to_string(), "source": line.source(), "at": at,
                    "line": ordinal, "why": line.why(), "masked": line.is_masked(),
                });
                match str::from_utf8(bytes) {
                    Ok(text) => says["text"] = json!(text),
                    Err(_) => says["hex"] = json!(hex(bytes)),
                }
                write!(out, "{says}")?;
            }
        }
        out.write_all(b"\n")
    }
}
