//! The quarantine from outside: what is sealed comes out for those who may open it, and for nobody else.

#[path = "../program/mod.rs"]
mod program;

mod cases;
mod clauses;
mod desk;
mod leaks;
mod made;
mod subjects;
mod tamper;
