//! The command line of `tamis audit`: flags, and nothing of what they mean.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to verify.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Search what came out for identifiers of the raw logs that went in; ends with 3 when one is found
    Leaks(LeaksArgs),
    /// Say how many clean records stand alone, and what to change so that fewer do
    Risk(RiskArgs),
}

/// The options of `audit leaks`.
#[derive(Args, Debug)]
pub struct LeaksArgs {
    /// What came out: clean records, reports, counts, stores, state, as files and folders, also compressed
    #[arg(value_name = "CLEAN", required = true)]
    pub clean: Vec<PathBuf>,

    /// A raw log that went in, also compressed; repeatable
    #[arg(long, value_name = "RAW", required = true, num_args = 1..)]
    pub against: Vec<PathBuf>,

    /// The raw logs' format: auto, or a name from `tamis formats list`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub format: String,

    /// The policy, whose sites and exempt networks are told rightly
    #[arg(long, value_name = "NAME|FILE", default_value = "baseline")]
    pub policy: String,

    /// How many identifiers that were found are listed
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub list: usize,

    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// The options of `audit risk`.
#[derive(Args, Debug)]
pub struct RiskArgs {
    /// Clean records as JSON lines or CSV, also compressed; - for standard input
    #[arg(value_name = "CLEAN", required = true)]
    pub clean: Vec<PathBuf>,

    /// How many records are to be alike, at least
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub k: u32,

    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
}
