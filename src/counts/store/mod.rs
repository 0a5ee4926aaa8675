//! The store of counts: an SQLite file that anybody who may read it can query.
//!
//! Everything that a run recorded at once is one transaction, with how far the run was by then. So whatever stands in
//! the file is whole, and what a killed run recorded is known when it begins again. A step that is recorded already
//! is not recorded once more.
//!
//! Sets of visitors stand beside the numbers as bytes. Whoever has the key that made them can find out whether an
//! address is in one; the key is in memory only and is not here. Sets that were made with different keys are not
//! joined: then the numbers are summed, and who came under both counts twice.
//!
//! The file is for its owner only. It holds no address and no text of a visitor that did not come through door 1, but
//! small counts, which is why it is internal.

mod read;
mod write;

use std::{
    fmt,
    fs::OpenOptions,
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

pub use self::read::{Networks, Span, StoredCell, StoredTable};
use super::window::Identity;

/// The number of the form. A file of another form is refused.
const FORM: &str = "1";

/// How long somebody else's transaction is waited for.
const BUSY: Duration = Duration::from_secs(10);

/// The tables. README documents them.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    records INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lines (
    run TEXT NOT NULL,
    outcome TEXT NOT NULL,
    lines INTEGER NOT NULL,
    PRIMARY KEY (run, outcome)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS windows (
    id INTEGER PRIMARY KEY,
    begins INTEGER NOT NULL,
    ends INTEGER NOT NULL,
    begins_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    site TEXT NOT NULL,
    key_id TEXT NOT NULL,
    requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    visitors INTEGER,
    visitor_set BLOB,
    network_set BLOB,
    UNIQUE (begins, ends, site, key_id)
);
CREATE TABLE IF NOT EXISTS cells (
    window INTEGER NOT NULL REFERENCES windows (id),
    tab TEXT NOT NULL,
    key TEXT NOT NULL,
    requests INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    visitors INTEGER,
    visitor_set BLOB,
    network_set BLOB,
    once INTEGER,
    once_set BLOB,
    PRIMARY KEY (window, tab, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missed (
    window INTEGER NOT NULL REFERENCES windows (id),
    tab TEXT NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (window, tab)
) WITHOUT ROWID;
";

/// Why a store cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The file cannot be made or opened.
    Open(PathBuf, io::Error),
    /// Others than its owner may read it.
    Loose(PathBuf),
    /// It holds counts of another policy, time zone or window.
    Other(PathBuf, &'static str),
    /// It is no store of this form.
    NotOne(PathBuf),
    /// What stands in it cannot be.
    Damaged(PathBuf),
    /// SQLite says so; its own words name tables and not rows.
    Database(PathBuf, rusqlite::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(path, error) => {
                write!(f, "cannot open the store {}: {error}", path.display())
            }
            Self::Loose(path) => write!(
                f,
                "cannot use the store {}: others than its owner may read it; run chmod 600 on it",
                path.display()
            ),
            Self::Other(path, what) => write!(
                f,
                "cannot use the store {}: it holds counts of another {what}; name another file",
                path.display()
            ),
            Self::NotOne(path) => write!(
                f,
                "cannot use {}: it is no store of this version of tamis; name another file",
                path.display()
            ),
            Self::Damaged(path) => write!(
                f,
                "cannot read the store {}: a row of it cannot be; take it from a copy",
                path.display()
            ),
            Self::Database(path, error) => write!(
                f,
                "cannot use the store {}: {}; what was recorded before is whole",
                path.display(),
                error.sqlite_error().map_or_else(
                    || "it cannot be read".to_owned(),
                    |error| format!("SQLite error {}", error.extended_code)
                )
            ),
        }
    }
}

impl std::error::Error for StoreError {}

impl StoreError {
    /// Whether there was no room, or somebody else was at it, so that it is worth another try.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
        let Self::Database(_, error) = self else { return false };
        let code = error.sqlite_error_code();
        matches!(code, Some(DiskFull | DatabaseBusy | DatabaseLocked))
    }
}

/// A store of counts.
pub struct Store {
    path: PathBuf,
    database: Connection,
    identity: Identity,
}

impl Store {
    /// Opens a store for counts of one kind, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// It cannot be opened, or holds counts of another kind.
    pub fn open(path: &Path, identity: Identity) -> Result<Self, StoreError> {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Open(path.to_owned(), error));
            }
            _ => {}
        }
        let mut store = Self { database: connect(path)?, path: path.to_owned(), identity };
        store.begin()?;
        Ok(store)
    }

    /// Opens a store that is there.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read.
    pub fn open_existing(path: &Path) -> Result<Self, StoreError> {
        let database = connect(path)?;
        let store = |identity| Self { path: path.to_owned(), database, identity };
        let nothing = Identity {
            policy: String::new(),
            policy_hash: String::new(),
            zone: String::new(),
            window: String::new(),
            visitors: false,
            publish_k: None,
        };
        let mut store = store(nothing);
        store.identity = store.found()?.ok_or_else(|| StoreError::NotOne(path.to_owned()))?;
        Ok(store)
    }

    /// Whose counts it holds.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    fn failed(&self, error: rusqlite::Error) -> StoreError {
        StoreError::Database(self.path.clone(), error)
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged(self.path.clone())
    }
}

/// Opens the file, which only its owner may read.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let metadata = path.metadata().map_err(|error| StoreError::Open(path.to_owned(), error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(StoreError::Loose(path.to_owned()));
    }
    let failed = |error| StoreError::Database(path.to_owned(), error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(failed)?;
    database.busy_timeout(BUSY).map_err(failed)?;
    // With a log of its own a reader and a writer do not hold up each other, and a killed writer leaves nothing half
    // done; FULL also brings what was committed to the disk.
    database.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    database.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    Ok(database)
}
