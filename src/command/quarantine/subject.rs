//! `tamis quarantine subject`: the lines of one person, all of them and no others.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
};

use age::{Encryptor, x25519::Recipient};
use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    asking,
    desk::{Desk, Entered, Session},
    show::{self, Stopped, counted, facts},
};
use crate::{
    cli::quarantine::SubjectArgs,
    command::{FAILED, Usage, complain, print},
    keys,
    privacy::{Facts, Selector, rewrite_segment},
    quarantine::{
        QuarantineError, erase::Eraser, identity::Identities, inventory::Held, layout::Tree,
    },
};

/// Whose lines are asked for: one address.
fn subject(args: &SubjectArgs) -> Result<Selector> {
    asking::only_one_of_these_reads_stdin(&args.access, &args.select)?;
    let selector = asking::selector(&args.select, true)?;
    if !selector.is_one_address() {
        return Err(Usage(
            "cannot tell whose lines are meant: name one address with --ip-file, and neither a network nor a path"
                .to_owned(),
        )
        .into());
    }
    Ok(selector)
}

/// Runs `tamis quarantine subject export`.
pub(super) fn export(
    args: &SubjectArgs,
    output: Option<&Path>,
    recipient: Option<&str>,
) -> Result<ExitCode> {
    let selector = subject(args)?;
    let recipient = recipient.map(recipient_of).transpose()?;
    let mut desk = match Desk::enter("subject-export", &args.place.directory, &args.access)? {
        Entered::In(desk) => desk,
        Entered::Refused(code) => return Ok(code),
    };
    let segments = desk.choose(&[], &selector)?;
    let mut facts = facts(&desk, &args.lines)?;
    let more = vec![("sealed_to_recipient", json!(recipient.is_some()))];
    let mut session = desk.begin(&segments, &selector, more)?;
    let shown = write_lines(&mut session, &segments, (&selector, &mut facts), output, recipient);
    let (lines, line) = (session.lines, session.line());
    session.end(matches!(shown, Ok(0)), &[])?;
    let damaged = match shown {
        Ok(damaged) => damaged,
        Err(Stopped::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(ExitCode::SUCCESS);
        }
        Err(stopped) => return Err(stopped.into()),
    };
    let place = output.map_or_else(String::new, |path| format!(" in {}", path.display()));
    complain(format!(
        "{lines} lines of the subject{place}, looked for in {}; line {line} of the journal says so",
        counted(segments.len(), "segment")
    ));
    Ok(ExitCode::from(if damaged > 0 { FAILED } else { 0 }))
}

fn recipient_of(text: &str) -> Result<Recipient> {
    text.trim().parse().map_err(|_| {
        Usage(
            "--recipient is none: give the public half age1... that whoever asked gave you"
                .to_owned(),
        )
        .into()
    })
}

/// Writes the lines where they are to go, sealed if they are to be.
fn write_lines(
    session: &mut Session<'_>,
    segments: &[Held],
    what: (&Selector, &mut Facts),
    output: Option<&Path>,
    recipient: Option<Recipient>,
) -> Result<usize, Stopped> {
    let out: Box<dyn Write> = match output {
        None => Box::new(io::stdout().lock()),
        Some(path) => {
            Box::new(OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?)
        }
    };
    let mut out = BufWriter::with_capacity(1 << 16, out);
    let Some(recipient) = recipient else {
        let damaged = each(session, segments, what, &mut out)?;
        out.flush()?;
        return Ok(damaged);
    };
    let encryptor = Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .expect("there is a recipient");
    let mut sealed = encryptor.wrap_output(out)?;
    let damaged = each(session, segments, what, &mut sealed)?;
    sealed.finish()?.flush()?;
    Ok(damaged)
}

fn each(
    session: &mut Session<'_>,
    segments: &[Held],
    what: (&Selector, &mut Facts),
    out: &mut impl Write,
) -> Result<usize, Stopped> {
    show::each_line(session, segments, what, |_, line| {
        out.write_all(line.show_bytes())?;
        out.write_all(b"\n")
    })
}

/// Runs `tamis quarantine subject erase`.
pub(super) fn erase(args: &SubjectArgs, is_sure: bool) -> Result<ExitCode> {
    let selector = subject(args)?;
    let mut desk = match Desk::enter("subject-erase", &args.place.directory, &args.access)? {
        Entered::In(desk) => desk,
        Entered::Refused(code) => return Ok(code),
    };
    let mut facts = facts(&desk, &args.lines)?;
    // No writer from here on: what is counted is what is erased.
    let (mut eraser, inventory) = Eraser::open(&desk.disk, &desk.layout).map_err(super::usage)?;
    desk.inventory = inventory;
    let segments = desk.choose(&[], &selector)?;
    let session = desk.begin(&segments, &selector, Vec::new())?;
    let found = count(&session, &segments, &selector, &mut facts)?;
    let lines: u64 = found.iter().map(|(_, lines)| lines).sum();
    let now = keys::now().unix;
    let holds =
        found.iter().find_map(|(held, _)| session.desk().inventory.hold_of(&held.entry, now));
    if let Some(hold) = holds.map(|hold| hold.id.clone()) {
        session.end(false, &[("held", json!(hold))])?;
        return Err(QuarantineError::Held { what: "cannot erase lines", hold }.into());
    }
    let question = format!("Erase {lines} lines from {}?", counted(found.len(), "segment"));
    if lines > 0 && !is_sure && !asking::is_sure(&question, "erase lines")? {
        session.end(false, &[("removed", json!(0))])?;
        return print(b"nothing was erased\n");
    }
    let mut removed = 0;
    for (held, _) in &found {
        removed += erase_one(&session, &mut eraser, held, (&selector, &mut facts))?;
    }
    session.end(true, &[("removed", json!(removed))])?;
    print(format!("erased {removed} lines from {}\n", counted(found.len(), "segment")).as_bytes())
}

/// How many lines of the subject each segment has that has any.
fn count<'a>(
    session: &Session<'_>,
    segments: &'a [Held],
    selector: &Selector,
    facts: &mut Facts,
) -> Result<Vec<(&'a Held, u64)>> {
    let desk = session.desk();
    let mut found = Vec::new();
    for held in segments {
        let key = desk.key(held)?;
        if !show::may_have(&desk.layout, held, &key, (selector, facts)) {
            continue;
        }
        let mut lines = 0;
        let Some(mut unsealer) = show::opened(&desk.layout, held, &key)? else { continue };
        loop {
            match unsealer.next() {
                Ok(Some(line)) => lines += u64::from(line.meets(selector, facts)),
                Ok(None) => break,
                Err(error) => {
                    show::say_end(held, &error);
                    break;
                }
            }
        }
        if lines > 0 {
            found.push((held, lines));
        }
    }
    Ok(found)
}

/// Writes a segment anew and says how many lines are gone.
fn erase_one(
    session: &Session<'_>,
    eraser: &mut Eraser,
    held: &Held,
    what: (&Selector, &mut Facts),
) -> Result<u64> {
    let desk = session.desk();
    let id = held.entry.id;
    let key = desk.key(held)?;
    let tree = |tree| match held.is_torn {
        true => desk.layout.torn(tree, id),
        false => desk.layout.file(tree, id),
    };
    let body = fs::File::open(tree(Tree::Segments))
        .with_context(|| format!("cannot read the segment {id}"))?;
    let index = match held.is_torn {
        true => None,
        false => Some(
            fs::read(tree(Tree::Index))
                .with_context(|| format!("cannot read the index of {id}"))?,
        ),
    };
    let (secret, public) = Identities::draw();
    let mut fresh = eraser.start(id, &desk.recipients, &secret)?;
    let (new_body, new_index) = fresh.writers();
    let done =
        rewrite_segment((body, index.as_deref()), &key, what, &public, (new_body, new_index));
    match done {
        Ok(done) if done.removed > 0 => {
            eraser.commit(held, fresh, (done.kept, done.removed, &done.why), keys::now().unix)?;
            Ok(done.removed)
        }
        Ok(_) => {
            eraser.abandon(fresh)?;
            Ok(0)
        }
        Err(error) => {
            eraser.abandon(fresh)?;
            Err(error).with_context(|| {
                format!("cannot write the segment {id} anew; it is as it was: run tamis quarantine verify")
            })
        }
    }
}
