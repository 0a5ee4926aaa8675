//! The service as a process of its own: killed at any moment while logs rotate, fed by every kind of sender,
//! reloaded, told to stop.

#[path = "../program/mod.rs"]
mod program;
#[expect(dead_code, reason = "of what tests of sealing share, some is not needed here")]
#[path = "../sealing/desk.rs"]
mod sealed;

mod alike;
mod clauses;
mod day;
mod desk;
mod full;
mod journal;
mod kills;
mod peers;
mod rotations;
mod seals;
mod senders;
mod systemd;
mod words;
