//! The command line of `tamis report`: flags, and nothing of what they mean.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::counts::publish::Period;

/// What to do with usage counts.
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Show counts as tables with bars
    Show(ReportShowArgs),
    /// Make one page of HTML of them, for internal use
    Html(ReportHtmlArgs),
    /// Join partial counts, of several runs or machines
    Merge(ReportMergeArgs),
    /// Write counts for other programs
    Export(ReportExportArgs),
    /// Publish a period's counts, once and for good, as far as its policy lets many stand behind each number
    Publish(ReportPublishArgs),
}

/// The options of `report publish`.
#[derive(Args, Debug)]
pub struct ReportPublishArgs {
    /// The folder that is published, one for each site; it also has the ledger of what was released
    pub directory: PathBuf,

    /// The store that --store wrote; not needed where days that were released make up the period
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,

    /// Only what was counted for this site
    #[arg(long, value_name = "NAME", requires = "store")]
    pub site: Option<String>,

    /// The period: a day as 2026-11-22, a week as 2026-W47, a month as 2026-11 or a year as 2026, in UTC
    #[arg(long, value_name = "PERIOD")]
    pub period: Period,

    /// Who looked at it: a name, which is published too
    #[arg(long, value_name = "NAME")]
    pub reviewer: String,

    /// Whose usage it is
    #[arg(long, value_name = "NAME")]
    pub publisher: Option<String>,

    /// The policy by which it was counted: a name or a TOML file
    #[arg(long, value_name = "POLICY", default_value = "baseline")]
    pub policy: String,
}

/// Where counts come from.
#[derive(Args, Debug)]
pub struct CountsSource {
    /// The file that --counts or --partial wrote, - for standard input
    #[arg(long, value_name = "FILE", required_unless_present = "store")]
    pub counts: Option<PathBuf>,

    /// The store that --store wrote
    #[arg(long, value_name = "FILE", conflicts_with = "counts")]
    pub store: Option<PathBuf>,

    /// Only what was counted for this site
    #[arg(long, value_name = "NAME", requires = "store")]
    pub site: Option<String>,
}

/// The options of `report merge`.
#[derive(Args, Debug)]
pub struct ReportMergeArgs {
    /// The files that --partial wrote
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Write what they are together to a file of the same kind
    #[arg(short, long, value_name = "FILE", required_unless_present = "store")]
    pub output: Option<PathBuf>,

    /// Add them to a store, each run once
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
}

/// The options of `report export`.
#[derive(Args, Debug)]
pub struct ReportExportArgs {
    /// Where counts come from.
    #[command(flatten)]
    pub source: CountsSource,

    /// The form
    #[arg(long = "to", value_name = "FORM", default_value = "json")]
    pub form: ExportForm,

    /// The first day or moment, such as 2026-11-22, of the store's time zone; whole windows only
    #[arg(long, value_name = "TIME", requires = "store")]
    pub from: Option<String>,

    /// The first day or moment after it
    #[arg(long, value_name = "TIME", requires = "store")]
    pub until: Option<String>,

    /// Write to a file that only its owner may read, - for standard output, which is also the default
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The form of what is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// One line, the same as --counts writes
    Json,
    /// A row for each row of a table
    Csv,
    /// The text form of Prometheus, without visitors, pages and referrers
    Prometheus,
}

/// What time counts of a store are of.
#[derive(Args, Debug)]
pub struct CountsSpan {
    /// The first day or moment, such as 2026-11-22, of the store's time zone; whole windows only
    #[arg(long, value_name = "TIME", requires = "store")]
    pub from: Option<String>,

    /// The first day or moment after it
    #[arg(long, value_name = "TIME", requires = "store")]
    pub to: Option<String>,
}

/// The options of `report show`.
#[derive(Args, Debug)]
pub struct ReportShowArgs {
    /// Where counts come from.
    #[command(flatten)]
    pub source: CountsSource,

    /// What time they are of.
    #[command(flatten)]
    pub span: CountsSpan,

    /// Only this table; may be repeated
    #[arg(long = "table", value_name = "NAME", conflicts_with = "json")]
    pub tables: Vec<String>,

    /// Rows of each table [default: 10, and a month of days]
    #[arg(long, value_name = "N", conflicts_with = "json")]
    pub rows: Option<usize>,

    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// The options of `report html`.
#[derive(Args, Debug)]
pub struct ReportHtmlArgs {
    /// Where counts come from.
    #[command(flatten)]
    pub source: CountsSource,

    /// What time they are of.
    #[command(flatten)]
    pub span: CountsSpan,

    /// Write to a file that only its owner may read, - for standard output, which is also the default
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
