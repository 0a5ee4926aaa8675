//! THE BOUNDARY: the only directory that can read identifying bytes.
//!
//! [`RawBlock`] and [`RawLine`] hold them; [`Anonymiser`] is the door through which a line leaves as a
//! [`Record`], whose every value was made by a transform that the policy names. What lies outside
//! accepts records only. For a person's own line there is a [`ThirdDoor`], and of a person's own log a [`Survey`]
//! tells names and shares; both are for `policy explain` alone.
//!
//! The glossary: a *line* is raw, a *map* says where its fields sit, a *record* is clean, a *reason* says why
//! there is none.

mod ahead;
mod anonymise;
mod behaviour;
mod cases;
mod cursor;
mod detect;
mod digest;
mod frames;
mod hunt;
mod lookup;
mod mask;
mod memo;
mod offsets;
mod open;
mod peel;
mod raw;
mod recognise;
mod record;
mod release;
pub mod ring;
mod scout;
pub mod seal;
mod selector;
mod sentry;
mod special;
mod survey;
mod target;
#[cfg(test)]
mod tests;
mod tokens;
mod unseal;
mod visitors;
mod watch;

pub use ahead::{Ahead, Looked};
pub use anonymise::{Anonymiser, Outcome};
pub use behaviour::Behaviour;
pub use cases::{CASES_MAX, Case, CaseView, LiveCases, close_case, list_cases, open_case};
pub use cursor::Cursor;
pub use detect::{Detector, RuleError, Rules, THRESHOLD, Verdict};
pub use digest::{ContentDigest, ContentKey};
pub use hunt::{Found, How, Hunt, LeakPlace, NeedleKind, RawPlace, Trove};
pub use open::{OpenedField, ThirdDoor};
pub use raw::{RawBlock, RawLine, RawLines};
pub use recognise::Recognition;
pub use record::{AGENT_KEYS, Incident, Measured, Note, Query, Record, Text};
pub use release::{CLOSE_AFTER_SECONDS, Held, Release, Released};
pub use scout::Lookout;
pub use selector::{Facts, Selector, SelectorError};
pub use sentry::{Sentry, Sightings};
pub use special::Special;
pub use survey::{
    CLIENTS_MIN, DEPTH_MAX, Findings, Kind, Kinds, LINES_MIN, NAMES_MAX, ParamShare, Survey,
};
pub use tokens::{AHEAD_SECONDS, Keyring, Keys, Minter};
pub use unseal::{
    Index, IndexMatch, OpenedLine, Rewritten, SegmentKey, UnsealError, Unsealer, rewrite_segment,
    test_body,
};
pub use visitors::{Visit, VisitorKeys};
