//! The options of `tamis quarantine` but `init`: whose quarantine, who opens it and why, and what they look for.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which quarantine.
#[derive(Args, Debug)]
pub struct Place {
    /// The quarantine
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
}

/// Why, in somebody's words.
#[derive(Args, Debug)]
pub struct Why {
    /// The reason; a shell keeps what is typed here, so rather use --reason-file
    #[arg(long, value_name = "TEXT", conflicts_with = "reason_file")]
    pub reason: Option<String>,

    /// The file that has the reason, - for standard input [default: asks on a terminal]
    #[arg(long, value_name = "FILE")]
    pub reason_file: Option<PathBuf>,
}

/// Who opens it, and why.
#[derive(Args, Debug)]
pub struct Access {
    /// A file with secret keys, as age-keygen writes them; one of each role where two are needed
    #[arg(short, long = "identity", value_name = "FILE", required = true)]
    pub identities: Vec<PathBuf>,

    /// What the other role approved with `tamis quarantine approve`
    #[arg(long, value_name = "DIR")]
    pub approved: Option<PathBuf>,

    /// The policy that says who may open it: a name or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "baseline")]
    pub policy: String,

    /// The ground, one of those that the policy allows
    #[arg(long, value_name = "WORD")]
    pub basis: Option<String>,

    /// Why.
    #[command(flatten)]
    pub why: Why,

    /// The reference of the case, such as a ticket's number
    #[arg(long = "case", value_name = "REFERENCE")]
    pub case: Option<String>,

    /// What you need to know; a shell keeps what is typed here, so rather use --need-file
    #[arg(long, value_name = "TEXT", conflicts_with = "need_file")]
    pub need: Option<String>,

    /// The file that says what you need to know, - for standard input
    #[arg(long, value_name = "FILE")]
    pub need_file: Option<PathBuf>,

    /// Acknowledge that nothing of it is disclosed
    #[arg(long)]
    pub ack_confidential: bool,
}

/// What somebody looks for.
#[derive(Args, Debug, Default)]
pub struct Select {
    /// An address or a network; repeatable. A shell keeps what is typed here, so rather use --ip-file
    #[arg(long, value_name = "ADDRESS|NETWORK")]
    pub ip: Vec<String>,

    /// The file that has addresses and networks, one a line, - for standard input
    #[arg(long, value_name = "FILE")]
    pub ip_file: Option<PathBuf>,

    /// The beginning of a path
    #[arg(long, value_name = "PATH", conflicts_with = "path_file")]
    pub path: Option<String>,

    /// The file that has the beginning of a path, - for standard input
    #[arg(long, value_name = "FILE")]
    pub path_file: Option<PathBuf>,

    /// From when on: a day, or a moment such as 2026-11-22T14:05:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,

    /// Up to when: a day with all of it, or a moment without it
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

/// Which segments.
#[derive(Args, Debug, Default)]
pub struct Segments {
    /// A segment by its name, such as 2026-11-22/000001; repeatable
    #[arg(long = "segment", value_name = "SEGMENT")]
    pub segments: Vec<String>,
}

/// Which segments, by the time of their lines.
#[derive(Args, Debug, Default)]
pub struct Period {
    /// Segments with lines from then on: a day or a moment
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,

    /// Segments with lines up to then: a day with all of it, or a moment without it
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

/// The format of the lines that were sealed.
#[derive(Args, Debug)]
pub struct Lines {
    /// The format of the lines: auto, or a name from `tamis formats list`
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub format: String,

    /// A network whose forwarded addresses are believed, as when the lines were sealed; repeatable
    #[arg(long = "trusted-proxy", value_name = "CIDR")]
    pub trusted_proxies: Vec<String>,
}

/// The options of `search`.
#[derive(Args, Debug)]
pub struct SearchArgs {
    /// Which quarantine.
    #[command(flatten)]
    pub place: Place,
    /// Who.
    #[command(flatten)]
    pub access: Access,
    /// What.
    #[command(flatten)]
    pub select: Select,
}

/// The options of `open`.
#[derive(Args, Debug)]
pub struct OpenArgs {
    /// Which quarantine.
    #[command(flatten)]
    pub place: Place,
    /// Who.
    #[command(flatten)]
    pub access: Access,
    /// What.
    #[command(flatten)]
    pub select: Select,
    /// Where.
    #[command(flatten)]
    pub segments: Segments,
    /// Of which format.
    #[command(flatten)]
    pub lines: Lines,

    /// Print JSON lines that also say where each line comes from and why it was sealed
    #[arg(long)]
    pub json: bool,
}

/// The options of `subject`.
#[derive(Args, Debug)]
pub struct SubjectArgs {
    /// Which quarantine.
    #[command(flatten)]
    pub place: Place,
    /// Who.
    #[command(flatten)]
    pub access: Access,
    /// Whose lines.
    #[command(flatten)]
    pub select: Select,
    /// Of which format.
    #[command(flatten)]
    pub lines: Lines,
}

/// What to do about one person's lines.
#[derive(Debug, Subcommand)]
pub enum SubjectCommand {
    /// Print the lines of one address and period, and no others
    Export {
        /// Whose.
        #[command(flatten)]
        subject: Box<SubjectArgs>,

        /// Write them to a file, which only its owner reads
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,

        /// Seal them for whoever asked: a recipient age1...
        #[arg(long, value_name = "RECIPIENT")]
        recipient: Option<String>,
    },
    /// Write the segments anew without the lines of one address and period
    Erase {
        /// Whose.
        #[command(flatten)]
        subject: Box<SubjectArgs>,

        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// The options of `export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Which quarantine.
    #[command(flatten)]
    pub place: Place,
    /// Who.
    #[command(flatten)]
    pub access: Access,
    /// Which segments.
    #[command(flatten)]
    pub segments: Segments,

    /// Segments with lines from then on: a day or a moment
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// Segments with lines up to then: a day with all of it, or a moment without it
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,

    /// The tar archive to write, which must not be there
    #[arg(long, value_name = "FILE", required = true)]
    pub to: PathBuf,

    /// Wrap the keys anew for whoever is handed the bundle: a recipient age1..., instead of the roles
    #[arg(long, value_name = "RECIPIENT")]
    pub recipient: Option<String>,

    /// For whom it is, as a word that stands in the bundle, such as law-enforcement
    #[arg(long = "for", value_name = "WORD")]
    pub whom: Option<String>,
}

/// The options of `hold`.
#[derive(Args, Debug)]
pub struct HoldArgs {
    /// Which quarantine.
    #[command(flatten)]
    pub place: Place,
    /// Why.
    #[command(flatten)]
    pub why: Why,
    /// Which segments; without any, and without a period, all.
    #[command(flatten)]
    pub segments: Segments,

    /// The reference of the case, such as a ticket's number
    #[arg(long = "case", value_name = "REFERENCE", required = true)]
    pub case: Option<String>,

    /// Up to when it holds: a day with all of it, or a moment
    #[arg(long, value_name = "TIME", required = true)]
    pub until: Option<String>,

    /// From when to when their lines are.
    #[command(flatten)]
    pub period: Period,
}

/// The options of `approve`.
#[derive(Args, Debug)]
pub struct ApproveArgs {
    /// Which quarantine, or a copy of its recipients.toml, MANIFEST.jsonl and keys.
    #[command(flatten)]
    pub place: Place,
    /// Who.
    #[command(flatten)]
    pub access: Access,
    /// Which segments.
    #[command(flatten)]
    pub segments: Segments,

    /// From when to when their lines are.
    #[command(flatten)]
    pub period: Period,

    /// The directory for what whoever opens is handed, which must not be there
    #[arg(short, long, value_name = "DIR", required = true)]
    pub output: PathBuf,
}

/// Where cases are.
#[derive(Args, Debug)]
pub struct CasePlace {
    /// The directory of open cases [default: cases in $RUNTIME_DIRECTORY, else in $XDG_RUNTIME_DIR/tamis]
    #[arg(long, value_name = "DIR")]
    pub case_dir: Option<PathBuf>,
}

/// The options of `case open`.
#[derive(Args, Debug)]
pub struct CaseOpenArgs {
    /// Where.
    #[command(flatten)]
    pub place: CasePlace,
    /// Why.
    #[command(flatten)]
    pub why: Why,

    /// The reference of the case, such as a ticket's number [default: one that nobody chose]
    #[arg(long = "case", value_name = "REFERENCE")]
    pub case: Option<String>,

    /// A network or an address; repeatable. A shell keeps what is typed here, so rather use --cidr-file
    #[arg(long, value_name = "NETWORK")]
    pub cidr: Vec<String>,

    /// The file that has networks, one a line, - for standard input
    #[arg(long, value_name = "FILE")]
    pub cidr_file: Option<PathBuf>,

    /// The beginning of a path
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,

    /// From when on: a day or a moment
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,

    /// Up to when: a day with all of it, or a moment without it
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,

    /// The policy that says on which grounds: a name or a TOML file
    #[arg(long, value_name = "NAME|FILE", default_value = "baseline")]
    pub policy: String,

    /// The ground, one of those that the policy allows
    #[arg(long, value_name = "WORD")]
    pub basis: Option<String>,
}

/// What to do about cases.
#[derive(Debug, Subcommand)]
pub enum CaseCommand {
    /// Have lines sealed from now on that meet what is given
    Open(Box<CaseOpenArgs>),
    /// List the open cases, without whom they are about
    List {
        /// Where.
        #[command(flatten)]
        place: CasePlace,
    },
    /// Seal nothing more for a case
    Close {
        /// Where.
        #[command(flatten)]
        place: CasePlace,

        /// The reference of the case
        #[arg(value_name = "REFERENCE")]
        case: String,
    },
}
