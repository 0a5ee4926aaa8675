//! Every call that changes a disk fails in turn, of a filter, a batch and a service: there is no room, the disk is
//! broken, half of it is written, the process is killed in the middle, the machine stops. Then it is run again, and
//! what it left is held against what an undisturbed run leaves: nothing lost, nothing twice, no half of a file under
//! its name, nothing in the clear beside what is sealed. Slow disks and clocks that are set are there too.
//!
//! A few of the calls are tried by `cargo test`; forty for each fault, spread over all of them, by `make proof` with
//! `TAMIS_FAULTS=40`; and each single one with `TAMIS_FAULTS=all`, which takes hours. What was found stands as a table
//! in `target/tmp/faults` and goes to `benches/runs`. `TMPDIR=/dev/shm` makes it faster.

#[path = "../program/mod.rs"]
mod program;
#[expect(dead_code, reason = "of what tests of sealing share, some is not needed here")]
#[path = "../sealing/desk.rs"]
mod sealed;

mod batch;
mod clock;
mod filter;
mod power;
mod service;
mod slow;
mod stage;
mod table;
