//! The desk that everybody passes who wants to open something: who they are, what they say, whether that is enough, and
//! the line of the journal without which nothing is shown.

use std::{fmt::Display, path::Path, process::ExitCode};

use anyhow::Result;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{asking, usage};
use crate::{
    cli::quarantine::Access,
    command::{GATE, Usage, complain, policies},
    keys,
    policy::{Asked, Opening, Policy, is_reference},
    privacy::{SegmentKey, Selector},
    quarantine::{
        QuarantineError,
        audit::{Audit, Begun, Digest, Intent, Who},
        disk::Disk,
        identity::Identities,
        inventory::{Held, Inventory, State, span},
        layout::Layout,
        recipients::Recipients,
    },
};

/// Somebody who may open a quarantine, and what they work with.
pub(super) struct Desk {
    pub(super) layout: Layout,
    pub(super) disk: Disk,
    pub(super) inventory: Inventory,
    pub(super) recipients: Recipients,
    pub(super) identities: Identities,
    pub(super) policy: Policy,
    pub(super) basis: String,
    pub(super) case: Option<String>,
    approved: Option<Layout>,
    opening: Opening,
    words: Words,
    audit: Audit,
    what: &'static str,
}

/// What somebody says.
struct Words {
    reason: Option<Zeroizing<String>>,
    need: Option<Zeroizing<String>>,
    acknowledged: bool,
}

/// Whether somebody passes.
pub(super) enum Entered {
    In(Box<Desk>),
    /// It was said why, and written down.
    Refused(ExitCode),
}

/// Something that was begun, and how much of it was shown.
pub(super) struct Session<'a> {
    desk: &'a mut Desk,
    begun: Begun,
    digest: Digest,
    pub(super) lines: u64,
}

impl Desk {
    /// Lets somebody in who wants to do `what`, or refuses them.
    pub(super) fn enter(what: &'static str, directory: &Path, access: &Access) -> Result<Entered> {
        asking::only_one_reads_stdin(&[
            access.why.reason_file.as_ref(),
            access.need_file.as_ref(),
        ])?;
        let layout = Layout::new(directory);
        let recipients = Recipients::load(&layout).map_err(usage)?;
        let inventory = Inventory::load(&layout).map_err(usage)?;
        let (policy, _) = policies::load_both(&access.policy)?;
        let Some(opening) = Opening::of(&policy) else {
            return Err(Usage(format!(
                "cannot open the quarantine {}: the policy {} provides for none; name another one with --policy",
                directory.display(),
                policy.name
            ))
            .into());
        };
        let identities = Identities::load(&access.identities).map_err(usage)?;
        let words = Words {
            reason: asking::reason(&access.why)?,
            need: asking::words(
                access.need.as_deref(),
                access.need_file.as_deref(),
                opening.need.then_some("What you need to know: "),
            )?,
            acknowledged: access.ack_confidential,
        };
        let asked = Asked {
            basis: access.basis.as_deref(),
            has_reason: words.reason.is_some(),
            case: access.case.as_deref(),
            has_need: words.need.is_some(),
            acknowledges: words.acknowledged,
            roles: 1 + usize::from(!recipients.dpo.is_empty()),
        };
        let judged = opening.judge(&asked);
        let disk = Disk::default();
        let audit = Audit::open(&disk, &layout, &recipients, Who::am_i()).map_err(not_written)?;
        let mut desk = Self {
            approved: access.approved.as_deref().map(Layout::new),
            // What is not one of the policy's words may be anything.
            basis: access
                .basis
                .clone()
                .filter(|basis| opening.bases.contains(basis))
                .unwrap_or_default(),
            case: access.case.clone().filter(|case| is_reference(case)),
            layout,
            disk,
            inventory,
            recipients,
            identities,
            policy,
            opening,
            words,
            audit,
            what,
        };
        match judged {
            Ok(()) => Ok(Entered::In(Box::new(desk))),
            Err(refusal) => {
                let tried = format!("{} in {}", told(what), directory.display());
                desk.refuse(refusal.word(), &format!("refused to {tried}: {refusal}"))
                    .map(Entered::Refused)
            }
        }
    }

    /// Says no, and writes that down.
    pub(super) fn refuse(&mut self, word: &str, message: &dyn Display) -> Result<ExitCode> {
        let intent =
            intent(self.what, &self.identities, &self.recipients, &self.opening, &self.words);
        let intent = Intent { case: self.case.as_deref(), basis: some(&self.basis), ..intent };
        self.audit.refuse(keys::now().unix, &intent, word)?;
        complain(message);
        Ok(ExitCode::from(GATE))
    }

    /// Writes down what is about to be done with these segments. Nothing may be shown before.
    pub(super) fn begin(
        &mut self,
        segments: &[Held],
        selector: &Selector,
        more: Vec<(&'static str, Value)>,
    ) -> Result<Session<'_>> {
        let intent =
            intent(self.what, &self.identities, &self.recipients, &self.opening, &self.words);
        let intent = Intent {
            case: self.case.as_deref(),
            basis: some(&self.basis),
            segments: segments.iter().map(|held| held.entry.id).collect(),
            selector: (!selector.is_empty()).then(|| selector.expose()),
            more,
            ..intent
        };
        let begun = self.audit.begin(keys::now().unix, &intent).map_err(not_written)?;
        let digest = begun.digest();
        Ok(Session { desk: self, begun, digest, lines: 0 })
    }

    /// The segments of these names, or all that may have something of a period.
    pub(super) fn choose(&self, names: &[String], selector: &Selector) -> Result<Vec<Held>> {
        choose(&self.inventory, names, selector)
    }

    /// The key of a segment.
    pub(super) fn key(&self, held: &Held) -> Result<SegmentKey, QuarantineError> {
        self.identities.unwrap(&self.layout, self.approved.as_ref(), held.entry.id)
    }

    /// The same as text.
    pub(super) fn key_text(&self, held: &Held) -> Result<Zeroizing<Vec<u8>>, QuarantineError> {
        self.identities.unwrap_text(&self.layout, self.approved.as_ref(), held.entry.id)
    }
}

/// The segments of these names, or all that may have something of a period.
pub(super) fn choose(
    inventory: &Inventory,
    names: &[String],
    selector: &Selector,
) -> Result<Vec<Held>> {
    if names.is_empty() {
        let overlaps = |held: &&Held| {
            let (from, to) = span(&held.entry);
            selector.overlaps(from, to)
        };
        return Ok(inventory.live().filter(overlaps).cloned().collect());
    }
    let mut found = Vec::new();
    for name in names {
        let held = name.parse().ok().and_then(|id| inventory.segments.get(&id));
        match held {
            Some(held) if held.state == State::Live => found.push(held.clone()),
            Some(held) => {
                let why = if held.state == State::Expired {
                    "its time was over"
                } else {
                    "lines of it were erased"
                };
                return Err(Usage(format!(
                    "cannot use the segment {name}: it was destroyed because {why}; see tamis quarantine list"
                ))
                .into());
            }
            None => {
                return Err(Usage(format!(
                    "cannot use the segment {name:?}: there is none; see tamis quarantine list"
                ))
                .into());
            }
        }
    }
    Ok(found)
}

impl Session<'_> {
    pub(super) fn desk(&self) -> &Desk {
        self.desk
    }

    /// The line of the journal that says that this was begun.
    pub(super) const fn line(&self) -> u64 {
        self.begun.line()
    }

    /// What tells lines apart that are shown.
    pub(super) fn seen(&self) -> crate::quarantine::audit::Seen {
        self.begun.seen()
    }

    /// Takes up a line that is shown.
    pub(super) fn show(&mut self, line: &[u8]) {
        self.lines += 1;
        self.digest.update(line);
        self.digest.update(b"\n");
    }

    /// Writes down how it ended.
    pub(super) fn end(self, is_complete: bool, more: &[(&str, Value)]) -> Result<()> {
        let mut members = vec![
            ("lines", json!(self.lines)),
            ("digest", json!(self.digest.finish())),
            ("complete", json!(is_complete)),
        ];
        members.extend_from_slice(more);
        Ok(self.desk.audit.end(keys::now().unix, &self.begun, &members)?)
    }
}

fn intent<'a>(
    what: &'a str,
    identities: &Identities,
    recipients: &Recipients,
    opening: &'a Opening,
    words: &'a Words,
) -> Intent<'a> {
    Intent {
        what,
        roles: identities.roles(recipients),
        reason: words.reason.as_deref().map(String::as_str),
        need: words.need.as_deref().map(String::as_str),
        acknowledged: words.acknowledged,
        policy: (&opening.policy, &opening.policy_hash),
        ..Intent::default()
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// What somebody wants, for people.
fn told(what: &str) -> &str {
    match what {
        "search" => "search",
        "subject-export" => "export somebody's lines",
        "subject-erase" => "erase somebody's lines",
        "export" => "export segments",
        "approve" => "approve the opening of segments",
        _ => "open lines",
    }
}

fn not_written(error: QuarantineError) -> anyhow::Error {
    anyhow::Error::new(error)
        .context("nothing is shown, because it cannot be written down first who opens it")
}
