//! The quarantine from outside: what is sealed comes out for those who may open it, and for nobody else.

#![expect(clippy::print_stdout, reason = "the numbers are for whoever runs it")]

#[path = "../program/mod.rs"]
mod program;

mod cases;
mod clauses;
mod desk;
mod leaks;
mod made;
mod subjects;
mod tamper;

/// Whether all is asked for: TAMIS_PROOF is 1.
fn is_proof() -> bool {
    std::env::var_os("TAMIS_PROOF").is_some_and(|value| value == "1")
}
