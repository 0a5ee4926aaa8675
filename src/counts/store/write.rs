//! Writing: a step of a run in one transaction.

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{FORM, SCHEMA, Store, StoreError};
use crate::counts::{
    OTHER,
    partial::Partial,
    recorder::Step,
    sketch::Sketch,
    tables::{Cell, NETWORKS_KNOWN},
    tally::{Networks, People, Sum, Tally},
    window::{Identity, TableCounts, WindowCounts, WindowName, join},
};

/// How many rows a table of a window has at most, after which the lighter half is folded: twice what a run holds.
const ROWS_MAX: i64 = 131_072;

impl Store {
    /// Makes the tables where there are none, and looks whose counts they hold.
    pub(super) fn begin(&mut self) -> Result<(), StoreError> {
        let identity = self.identity.clone();
        let done = (|| {
            let transaction =
                self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(SCHEMA)?;
            for (name, value) in about(&identity) {
                transaction.execute(
                    "INSERT OR IGNORE INTO about (name, value) VALUES (?1, ?2)",
                    params![name, value],
                )?;
            }
            transaction.commit()
        })();
        done.map_err(|error| self.failed(error))?;
        let Some(found) = self.found()? else {
            return Err(StoreError::NotOne(self.path.clone()));
        };
        match identity.differs(&found) {
            Some(what) => Err(StoreError::Other(self.path.clone(), what)),
            None => Ok(()),
        }
    }

    /// Whose counts the file holds; nothing if it is no store.
    pub(super) fn found(&self) -> Result<Option<Identity>, StoreError> {
        let value = |name: &str| {
            let query = "SELECT value FROM about WHERE name = ?1";
            self.database.query_row(query, [name], |row| row.get::<_, String>(0)).ok()
        };
        if value("form").as_deref() != Some(FORM) {
            return Ok(None);
        }
        let text = |name| value(name).unwrap_or_default();
        Ok(Some(Identity {
            policy: text("policy"),
            policy_hash: text("policy_hash"),
            zone: text("timezone"),
            window: text("window"),
            visitors: text("visitors") == "yes",
            publish_k: text("publish_k").parse().ok(),
        }))
    }

    /// How far a run was when it was last recorded: its sequence, and how many records it had counted.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn progress(&self, run: &str) -> Result<(u64, u64), StoreError> {
        let query = "SELECT sequence, records FROM runs WHERE run = ?1";
        let found = self
            .database
            .query_row(query, [run], |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))))
            .optional();
        found.map(Option::unwrap_or_default).map_err(|error| self.failed(error))
    }

    /// Records one step of a run, or nothing if that step is recorded already.
    pub(in crate::counts) fn commit(
        &mut self,
        step: Step<'_>,
        windows: &[WindowCounts],
    ) -> Result<(), StoreError> {
        let known = self.networks_known();
        let done = commit(&mut self.database, step, windows, known);
        done.map_err(|error| self.failed(error))?.ok_or_else(|| self.damaged())
    }

    /// Adds partial counts of another machine, or of another run of this one, unless they are there already.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn add(&mut self, partial: &Partial) -> Result<(), StoreError> {
        let name: Vec<_> = partial.runs.iter().map(|(run, at)| format!("{run}.{at}")).collect();
        let name = format!("partial {}", name.join(" "));
        let step = Step { run: &name, sequence: 1, records: 0, lines: &[] };
        self.commit(step, &partial.windows)
    }

    /// Whether partial counts of a run were added whose name begins like that, but not of the one of that name.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub fn knows_other(&self, beginning: &str, name: &str) -> Result<bool, StoreError> {
        let query = "SELECT COALESCE(SUM(run = ?2), 0), COUNT(*) FROM runs \
                     WHERE substr(run, 1, length(?1)) = ?1";
        let of = |text: &str| format!("partial {text}");
        let found =
            self.database.query_row(query, [of(beginning), of(&format!("{name}.1"))], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            });
        found.map(|(same, all)| same == 0 && all > 0).map_err(|error| self.failed(error))
    }

    pub(super) fn networks_known(&self) -> usize {
        NETWORKS_KNOWN.max(self.identity.publish_k.unwrap_or_default() as usize)
    }
}

fn about(identity: &Identity) -> [(&'static str, String); 7] {
    [
        ("form", FORM.to_owned()),
        ("policy", identity.policy.clone()),
        ("policy_hash", identity.policy_hash.clone()),
        ("timezone", identity.zone.clone()),
        ("window", identity.window.clone()),
        ("visitors", if identity.visitors { "yes" } else { "no" }.to_owned()),
        ("publish_k", identity.publish_k.map_or_else(|| "-".to_owned(), |k| k.to_string())),
    ]
}

/// SQLite's numbers have a sign; sums that are larger stop there.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Nothing where a row that is there cannot be.
fn commit(
    database: &mut Connection,
    step: Step<'_>,
    windows: &[WindowCounts],
    known: usize,
) -> rusqlite::Result<Option<()>> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let last: Option<i64> = transaction
        .query_row("SELECT sequence FROM runs WHERE run = ?1", [step.run], |row| row.get(0))
        .optional()?;
    if last.is_some_and(|last| unsigned(last) >= step.sequence) {
        return Ok(Some(()));
    }
    for window in windows {
        let Some(id) = add_window(&transaction, &window.name, &window.totals, known)? else {
            return Ok(None);
        };
        for table in &window.tables {
            if add_table(&transaction, id, table, known)?.is_none() {
                return Ok(None);
            }
        }
    }
    transaction.execute(
        "INSERT INTO runs (run, sequence, records) VALUES (?1, ?2, ?3)
         ON CONFLICT (run) DO UPDATE SET sequence = excluded.sequence, records = excluded.records",
        params![step.run, signed(step.sequence), signed(step.records)],
    )?;
    for (outcome, lines) in step.lines {
        transaction.execute(
            "INSERT OR REPLACE INTO lines (run, outcome, lines) VALUES (?1, ?2, ?3)",
            params![step.run, outcome, signed(*lines)],
        )?;
    }
    transaction.commit()?;
    Ok(Some(()))
}

fn add_window(
    transaction: &Transaction<'_>,
    name: &WindowName,
    totals: &Sum,
    known: usize,
) -> rusqlite::Result<Option<i64>> {
    let (begins, ends) = name.unix;
    let found = transaction
        .query_row(
            "SELECT id, requests, bytes, visitors, visitor_set, network_set FROM windows
             WHERE begins = ?1 AND ends = ?2 AND site = ?3 AND key_id = ?4",
            params![begins, ends, name.site, name.key],
            |row| Ok((row.get::<_, i64>(0)?, cell_of(row, 1, String::new(), known, false)?)),
        )
        .optional()?;
    let mut all = Cell {
        key: String::new(),
        sum: totals.clone(),
        units: None,
        has_visitors: name.key != "-",
    };
    let id = match found {
        Some((_, None)) => return Ok(None),
        Some((id, Some(before))) => {
            join(&mut all, &before, known);
            Some(id)
        }
        None => None,
    };
    let Sum { tally, people } = &all.sum;
    let (visitors, networks) = (&people.visitors, people.networks.to_bytes());
    let count = all.has_visitors.then(|| signed(visitors.count()));
    let set = all.has_visitors.then(|| visitors.to_bytes());
    let (requests, bytes) = (signed(tally.requests), signed(tally.bytes));
    match id {
        Some(id) => {
            transaction.execute(
                "UPDATE windows SET requests = ?2, bytes = ?3, visitors = ?4, visitor_set = ?5, network_set = ?6
                 WHERE id = ?1",
                params![id, requests, bytes, count, set, networks],
            )?;
            Ok(Some(id))
        }
        None => {
            transaction.execute(
                "INSERT INTO windows (begins, ends, begins_at, ends_at, site, key_id, requests, bytes, visitors,
                 visitor_set, network_set) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    begins, ends, name.from, name.to, name.site, name.key, requests, bytes, count, set, networks
                ],
            )?;
            Ok(Some(transaction.last_insert_rowid()))
        }
    }
}

fn add_table(
    transaction: &Transaction<'_>,
    window: i64,
    table: &TableCounts,
    known: usize,
) -> rusqlite::Result<Option<()>> {
    let mut find = transaction.prepare_cached(
        "SELECT requests, bytes, visitors, visitor_set, network_set, once, once_set FROM cells
         WHERE window = ?1 AND tab = ?2 AND key = ?3",
    )?;
    for cell in &table.cells {
        let found = find
            .query_row(params![window, table.name, cell.key], |row| {
                cell_of(row, 0, cell.key.clone(), known, true)
            })
            .optional()?;
        match found {
            Some(None) => return Ok(None),
            Some(Some(mut before)) => {
                join(&mut before, cell, known);
                put(transaction, window, &table.name, &before)?;
            }
            None => put(transaction, window, &table.name, cell)?,
        }
    }
    if table.missed > 0 {
        add_missed(transaction, window, &table.name, table.missed)?;
    }
    fold(transaction, window, &table.name, known)
}

fn add_missed(
    transaction: &Transaction<'_>,
    window: i64,
    table: &str,
    missed: u64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO missed (window, tab, requests) VALUES (?1, ?2, ?3)
         ON CONFLICT (window, tab) DO UPDATE SET requests = requests + excluded.requests",
        params![window, table, signed(missed)],
    )?;
    Ok(())
}

fn put(
    transaction: &Transaction<'_>,
    window: i64,
    table: &str,
    cell: &Cell,
) -> rusqlite::Result<()> {
    let Sum { tally, people } = &cell.sum;
    let visitors = cell.has_visitors.then_some(&people.visitors);
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO cells (window, tab, key, requests, bytes, visitors, visitor_set, network_set,
             once, once_set) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            window,
            table,
            cell.key,
            signed(tally.requests),
            signed(tally.bytes),
            visitors.map(|visitors| signed(visitors.count())),
            visitors.map(Sketch::to_bytes),
            people.networks.to_bytes(),
            cell.units.as_ref().map(|units| signed(units.count())),
            cell.units.as_ref().map(Sketch::to_bytes),
        ])?;
    Ok(())
}

/// Folds the lighter half of a table that has become too long.
fn fold(
    transaction: &Transaction<'_>,
    window: i64,
    table: &str,
    known: usize,
) -> rusqlite::Result<Option<()>> {
    let count: i64 = transaction.query_row(
        "SELECT count(*) FROM cells WHERE window = ?1 AND tab = ?2",
        params![window, table],
        |row| row.get(0),
    )?;
    if count <= ROWS_MAX {
        return Ok(Some(()));
    }
    let median: i64 = transaction.query_row(
        "SELECT requests FROM cells WHERE window = ?1 AND tab = ?2 ORDER BY requests LIMIT 1 OFFSET ?3",
        params![window, table, count / 2],
        |row| row.get(0),
    )?;
    let mut other =
        Cell { key: OTHER.to_owned(), sum: Sum::default(), units: None, has_visitors: false };
    let mut light = transaction.prepare(
        "SELECT requests, bytes, visitors, visitor_set, network_set, once, once_set FROM cells
         WHERE window = ?1 AND tab = ?2 AND (requests <= ?3 OR key = ?4)",
    )?;
    let mut rows = light.query(params![window, table, median, OTHER])?;
    while let Some(row) = rows.next()? {
        let Some(cell) = cell_of(row, 0, OTHER.to_owned(), known, true)? else { return Ok(None) };
        join(&mut other, &cell, known);
    }
    transaction.execute(
        "DELETE FROM cells WHERE window = ?1 AND tab = ?2 AND (requests <= ?3 OR key = ?4)",
        params![window, table, median, OTHER],
    )?;
    put(transaction, window, table, &other)?;
    add_missed(transaction, window, table, unsigned(median))?;
    Ok(Some(()))
}

/// The cell whose columns begin at `at`; nothing if it cannot be one.
pub(super) fn cell_of(
    row: &rusqlite::Row<'_>,
    at: usize,
    key: String,
    known: usize,
    has_units: bool,
) -> rusqlite::Result<Option<Cell>> {
    let tally = Tally { requests: unsigned(row.get(at)?), bytes: unsigned(row.get(at + 1)?) };
    let set: Option<Vec<u8>> = row.get(at + 3)?;
    let networks: Option<Vec<u8>> = row.get(at + 4)?;
    let once: Option<Vec<u8>> = if has_units { row.get(at + 6)? } else { None };
    let has_visitors = set.is_some();
    let read = |set: Option<Vec<u8>>| match set {
        Some(set) => Sketch::from_bytes(&set).map(Some),
        None => Some(None),
    };
    let (Some(visitors), Some(units), Some(networks)) =
        (read(set), read(once), Networks::from_bytes(&networks.unwrap_or_default(), known))
    else {
        return Ok(None);
    };
    let people = People { visitors: visitors.unwrap_or_default(), networks };
    Ok(Some(Cell { key, sum: Sum { tally, people }, units, has_visitors }))
}
