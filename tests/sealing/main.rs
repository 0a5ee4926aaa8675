//! What is sealed, and what is left of it whatever happens: a crash at any point, a full disk, a fault of any
//! operation, and somebody who takes over the writer's account.

#[path = "../program/mod.rs"]
mod program;

mod desk;
mod faults;
mod full;
mod kills;
mod memory;
mod stock;
mod through;
