//! `tamis quarantine search`: which segments may have lines of somebody. Only indexes are opened.

use std::{fmt::Write as _, fs, process::ExitCode};

use anyhow::Result;

use super::{
    asking,
    desk::{Desk, Entered},
    status::times,
};
use crate::{
    cli::quarantine::SearchArgs,
    command::{Usage, complain, print},
    privacy::{Index, IndexMatch},
    quarantine::layout::Tree,
};

/// Runs `tamis quarantine search`.
pub(super) fn run(args: &SearchArgs) -> Result<ExitCode> {
    asking::only_one_of_these_reads_stdin(&args.access, &args.select)?;
    let selector = asking::selector(&args.select, true)?;
    if selector.is_empty() {
        return Err(Usage(
            "cannot search for nothing: name an address with --ip-file, a path, or a period with --from and --to"
                .to_owned(),
        )
        .into());
    }
    let mut desk = match Desk::enter("search", &args.place.directory, &args.access)? {
        Entered::In(desk) => desk,
        Entered::Refused(code) => return Ok(code),
    };
    let segments = desk.choose(&[], &selector)?;
    let mut session = desk.begin(&segments, &selector, Vec::new())?;
    let mut text = String::new();
    let mut unread = 0;
    for held in &segments {
        let desk = session.desk();
        let key = desk.key(held)?;
        let id = held.entry.id;
        let sealed = fs::read(desk.layout.file(Tree::Index, id)).ok();
        let found = match sealed.map(|sealed| Index::open(&sealed, &key)) {
            Some(Ok(index)) => index.find(&selector),
            Some(Err(error)) => {
                unread += 1;
                complain(format!(
                    "cannot read the index of {id}: {error}; run tamis quarantine verify"
                ));
                IndexMatch::Maybe
            }
            None => IndexMatch::Maybe,
        };
        let what = match found {
            IndexMatch::No => continue,
            IndexMatch::Maybe => "maybe".to_owned(),
            IndexMatch::Yes(0) => "yes".to_owned(),
            IndexMatch::Yes(1) => "yes, 1 address".to_owned(),
            IndexMatch::Yes(more) => format!("yes, {more} addresses"),
        };
        let line = format!("{id}  {:>8} lines  {}  {what}", held.entry.lines, times(&held.entry));
        let _ = writeln!(text, "{line}");
        session.show(line.as_bytes());
    }
    if text.is_empty() {
        text = "no segment has any\n".to_owned();
    }
    session.end(unread == 0, &[])?;
    print(text.as_bytes())
}
