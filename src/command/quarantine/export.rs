//! `tamis quarantine export` and `approve`: what goes to somebody elsewhere.

use std::{
    fmt::Write as _,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use age::{Encryptor, x25519::Recipient};
use anyhow::{Context as _, Result};
use serde_json::json;
use zeroize::Zeroizing;

use super::{
    asking,
    desk::{Desk, Entered, Session},
    show::counted,
};
use crate::{
    cli::quarantine::{ApproveArgs, ExportArgs},
    command::{Usage, policies, print},
    keys,
    quarantine::{
        QuarantineError,
        audit::{AuditFiles, Who},
        bundle::{self, About},
        inventory::{Held, hash_file},
        layout::{Layout, Tree, rfc3339},
    },
};

/// Runs `tamis quarantine export`.
pub(super) fn run(args: &ExportArgs) -> Result<ExitCode> {
    let recipient = args.recipient.as_deref().map(|text| {
        text.trim().parse::<Recipient>().map_err(|_| {
            Usage(
                "--recipient is none: give the public half age1... of whoever is handed the bundle"
                    .to_owned(),
            )
        })
    });
    let recipient = recipient.transpose()?;
    let is_word =
        |word: &str| word.len() <= 64 && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    if args.whom.as_deref().is_some_and(|word| !is_word(word)) {
        return Err(Usage(
            "--for takes a word of small letters and dashes, such as law-enforcement".to_owned(),
        )
        .into());
    }
    let period = asking::period(args.since.as_deref(), args.until.as_deref())?;
    let policy = policies::text(&args.access.policy)?;
    let mut desk = match Desk::enter("export", &args.place.directory, &args.access)? {
        Entered::In(desk) => desk,
        Entered::Refused(code) => return Ok(code),
    };
    let segments = desk.choose(&args.segments.segments, &period)?;
    if segments.is_empty() {
        return Err(Usage(
            "cannot export: there is no segment of that time; see tamis quarantine list".to_owned(),
        )
        .into());
    }
    let more = vec![("for", json!(args.whom)), ("rewrapped", json!(recipient.is_some()))];
    let session = desk.begin(&segments, &period, more)?;
    let written = write(&session, &segments, args, &policy, recipient.as_ref());
    let hash = written.as_ref().ok().cloned();
    session.end(written.is_ok(), &[("bundle_sha256", json!(hash))])?;
    let hash = written?;
    print(
        format!(
            "{hash}  {}\n{}; whoever is handed it checks it with sh verify.sh inside\n",
            args.to.display(),
            counted(segments.len(), "segment")
        )
        .as_bytes(),
    )
}

/// Writes the archive and gives its hash.
fn write(
    session: &Session<'_>,
    segments: &[Held],
    args: &ExportArgs,
    policy: &str,
    recipient: Option<&Recipient>,
) -> Result<String> {
    let desk = session.desk();
    let now = keys::now().unix;
    let failed =
        || format!("cannot write the bundle {}; name a file that is not there", args.to.display());
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.to)
        .with_context(failed)?;
    let text = about(session, segments, args, now);
    let audit = AuditFiles::of(&desk.layout, Who::am_i().uid).journal;
    let about = About { text: &text, policy, audit: &audit, now };
    let held: Vec<&Held> = segments.iter().collect();
    let mut out = BufWriter::with_capacity(1 << 17, &file);
    let written = bundle::write(&mut out, &desk.layout, &held, &about, |id| {
        let held = segments.iter().find(|held| held.entry.id == id).expect("one of these");
        match recipient {
            Some(recipient) => Ok(seal(recipient, &desk.key_text(held)?)),
            None => {
                let path = desk.layout.file(Tree::Keys, id);
                // Whoever exports could open it themselves.
                desk.key(held)?;
                fs::read(&path).map_err(|error| QuarantineError::Io {
                    what: "cannot read",
                    path,
                    error,
                })
            }
        }
    });
    drop(out);
    if let Err(error) = written {
        let _ = fs::remove_file(&args.to);
        return Err(error.into());
    }
    file.sync_all().with_context(failed)?;
    hash_file(&args.to).with_context(failed)
}

fn seal(recipient: &Recipient, secret: &[u8]) -> Vec<u8> {
    let recipients = std::iter::once(recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).expect("there is a recipient");
    let sealed = encryptor.wrap_output(Vec::new()).and_then(|mut writer| {
        writer.write_all(secret)?;
        writer.finish()
    });
    sealed.expect("a vector takes what is written")
}

/// What a bundle is, for people.
fn about(session: &Session<'_>, segments: &[Held], args: &ExportArgs, now: i64) -> String {
    let desk = session.desk();
    let who = Who::am_i();
    let lines: u64 = segments.iter().map(|held| held.entry.lines).sum();
    let mut text = format!(
        "Sealed lines of access logs, with their chain of custody.\n\n\
         quarantine   {}\nhanded over  {} by the user {} (logged in as {})\n\
         with         tamis {}\npolicy       {} ({})\n",
        desk.recipients.id,
        rfc3339(now),
        who.uid,
        who.loginuid.map_or_else(|| "nobody known".to_owned(), |uid| uid.to_string()),
        env!("CARGO_PKG_VERSION"),
        desk.policy.name,
        desk.policy.hash(),
    );
    let _ = writeln!(text, "basis        {}", desk.basis);
    if let Some(case) = &desk.case {
        let _ = writeln!(text, "case         {case}");
    }
    if let Some(whom) = &args.whom {
        let _ = writeln!(text, "for          {whom}");
    }
    let keys = match args.recipient {
        Some(_) => {
            "wrapped anew for whoever is handed this; these are not the key files of the manifest"
        }
        None => "as they are in the quarantine, for its roles",
    };
    let _ = writeln!(text, "keys         {keys}");
    let _ = writeln!(text, "segments     {} with {lines} lines\n", segments.len());
    text += "Check it with   sh verify.sh\n\
             Open one with   age -d -i YOUR.key keys/DAY/N.key.age > n.key\n\
             \x20               age -d -i n.key segments/DAY/N.age | zstd -d\n\
             (where two roles sealed it, age -d once more with the other key)\n\
             Lines that begin with #@ say where those after them come from, and why they were sealed.\n";
    text
}

/// Runs `tamis quarantine approve`.
pub(super) fn approve(args: &ApproveArgs) -> Result<ExitCode> {
    let period = asking::period(args.period.from.as_deref(), args.period.to.as_deref())?;
    let mut desk = match Desk::enter("approve", &args.place.directory, &args.access)? {
        Entered::In(desk) => desk,
        Entered::Refused(code) => return Ok(code),
    };
    let segments = desk.choose(&args.segments.segments, &period)?;
    if segments.is_empty() {
        return Err(Usage(
            "cannot approve: there is no segment of that time; see tamis quarantine list"
                .to_owned(),
        )
        .into());
    }
    let session = desk.begin(&segments, &period, Vec::new())?;
    let written = strip_all(&session, &segments, &args.output);
    session.end(written.is_ok(), &[])?;
    written?;
    print(
        format!(
            "{} approved in {}; hand it to whoever opens them with --approved\n",
            counted(segments.len(), "segment"),
            args.output.display()
        )
        .as_bytes(),
    )
}

/// Writes the keys of segments without their outer layer, and what was approved.
fn strip_all(session: &Session<'_>, segments: &[Held], output: &Path) -> Result<()> {
    let desk = session.desk();
    let failed =
        || format!("cannot write to {}; name a directory that is not there", output.display());
    // All of them first: nothing is handed over in part.
    let stripped: Vec<_> = segments
        .iter()
        .map(|held| Ok((held.entry.id, desk.identities.strip(&desk.layout, held.entry.id)?)))
        .collect::<Result<_, QuarantineError>>()?;
    let make = |path: PathBuf| -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path != output => Ok(()),
            made => made,
        }
    };
    make(output.to_owned()).with_context(failed)?;
    let given = Layout::new(output);
    make(given.tree(Tree::Keys)).with_context(failed)?;
    let names: Vec<_> = stripped.iter().map(|(id, _)| id.to_string()).collect();
    for (id, key) in &stripped {
        make(given.tree(Tree::Keys).join(id.day().to_string())).with_context(failed)?;
        write_private(&given.file(Tree::Keys, *id), key).with_context(failed)?;
    }
    let says = json!({
        "quarantine": desk.recipients.id, "time": rfc3339(keys::now().unix), "basis": desk.basis,
        "case": desk.case, "policy": desk.policy.name, "uid": Who::am_i().uid, "segments": names,
    });
    write_private(&output.join("approval.json"), &Zeroizing::new(format!("{says}\n").into_bytes()))
        .with_context(failed)
}

fn write_private(path: &Path, bytes: &Zeroizing<Vec<u8>>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
