//! The program: parse, run, exit code. A closed output pipe is a quiet end.

use std::process::ExitCode;

use clap::Parser;
use tamis::{cli::Cli, command};

fn main() -> ExitCode {
    command::quiet_panics();
    // Settings that clap refuses end with its message and 2.
    match command::run(Cli::parse()) {
        Ok(code) => code,
        Err(error) => command::report(&error),
    }
}
