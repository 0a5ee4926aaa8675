//! The service as a process of its own: killed at any moment while logs rotate, fed by every kind of sender,
//! reloaded, told to stop.

#[path = "../program/mod.rs"]
mod program;

mod desk;
mod kills;
mod senders;
mod words;
