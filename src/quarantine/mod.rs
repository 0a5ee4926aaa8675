//! The quarantine: whole lines for an investigation, sealed so that this machine cannot open them.
//!
//! What comes here was sealed behind the boundary ([`crate::privacy`]); this module gives it files, keys that only
//! the [`recipients`] open, and a [`manifest`] in which nothing can be changed unseen. [`layout`] says what lies where.

pub mod audit;
pub mod bundle;
pub mod chain;
pub mod disk;
pub mod erase;
mod error;
pub mod expire;
pub mod identity;
pub mod inventory;
pub mod layout;
pub mod manifest;
pub mod recipients;
mod recovery;
pub mod store;
pub mod verify;

pub use error::{QuarantineError, RecipientFault};
