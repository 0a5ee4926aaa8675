//! tamis: a fine sieve for web server access logs.
//!
//! Web servers write down who visited. tamis reads those lines and writes records and counts in which
//! nobody is named. A line leaves it through a door or not at all:
//!
//! 1. A [`source::Reader`] fills a [`privacy::RawBlock`] with whole lines. Its bytes cannot be read
//!    outside of [`privacy`].
//! 2. A [`format::Format`] is lent one line and says where its fields sit, in numbers.
//! 3. **Door 1**, the [`privacy::Anonymiser`], hands each field to the [`transform`] that the
//!    [`policy::Plan`] names, and yields a [`privacy::Record`] or a [`field::Reason`] to refuse the line.
//! 4. An [`emit::Emitter`] renders records, [`counts::Counts`] sums them up, a [`sink::Sink`] writes
//!    what was rendered. All of them take records or what was made of records, nothing else.
//! 5. The [`engine::Engine`] runs this on all cores and keeps the order of the input.
//!
//! (Door 2 will seal whole lines for a security investigation, readable only with a key that this
//! machine does not have. Door 3, [`privacy::ThirdDoor`], shows a line to the person who gave it, and to nobody
//! else: `tamis policy explain`.)
//!
//! ```
//! use std::sync::Arc;
//! use tamis::emit::{Emitter, Form, Rendered};
//! use tamis::format::Format;
//! use tamis::policy::{Plan, Policy, preset};
//! use tamis::privacy::{Anonymiser, Outcome, RawBlock};
//! use tamis::transform::agent::Classifier;
//!
//! let policy = Policy::parse(preset("baseline").expect("a preset"))?;
//! let plan = Arc::new(Plan::compile(&policy)?);
//! let mut emitter = Emitter::new(Form::Jsonl, &plan);
//! let mut door = Anonymiser::new(plan, Arc::new(Classifier::new()), None, 65_536, 1);
//!
//! let log = br#"192.0.2.77 - alice [22/Nov/2026:14:05:37 +0000] "GET /users/alice HTTP/1.1" 200 512"#;
//! let mut block = RawBlock::with_capacity(4_096);
//! block.read_from(&mut &log[..])?;
//!
//! let mut out = Rendered::default();
//! for line in block.lines() {
//!     let outcome = door.anonymise(&Format::common(), line, |record| emitter.render(record, &mut out));
//!     assert_eq!(outcome, Outcome::Clean);
//! }
//! let clean = concat!(
//!     r#"{"time":"2026-11-22T14:05:00Z","client":"192.0.0.0/16","method":"GET","#,
//!     r#""path":"/users/{user}","protocol":"1.1","status":200,"bytes":512}"#,
//! );
//! assert_eq!(std::str::from_utf8(out.as_bytes())?.trim_end(), clean);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod audit;
pub mod cli;
pub mod command;
pub mod counts;
pub mod emit;
pub mod engine;
pub mod field;
pub mod format;
pub mod keys;
pub mod policy;
pub mod privacy;
pub mod quarantine;
pub mod service;
pub mod sink;
pub mod source;
pub mod transform;
