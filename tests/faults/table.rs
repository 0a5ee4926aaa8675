//! What was found, as a table.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use crate::stage::{Fault, is_whole, say};

/// What was wrong after one call that failed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) lost: u64,
    pub(crate) twice: u64,
    pub(crate) halves: u64,
    pub(crate) plain: u64,
    pub(crate) exits: u64,
    /// In words.
    pub(crate) notes: Vec<String>,
}

impl Found {
    pub(crate) fn exit(&mut self, note: impl Into<String>) {
        self.exits += 1;
        self.notes.push(note.into());
    }

    pub(crate) fn half(&mut self, note: impl Into<String>) {
        self.halves += 1;
        self.notes.push(note.into());
    }

    pub(crate) fn lost(&mut self, count: u64, note: impl Into<String>) {
        if count > 0 {
            self.lost += count;
            self.notes.push(format!("{count} lost: {}", note.into()));
        }
    }

    pub(crate) fn twice(&mut self, count: u64, note: impl Into<String>) {
        if count > 0 {
            self.twice += count;
            self.notes.push(format!("{count} twice: {}", note.into()));
        }
    }

    pub(crate) fn plain(&mut self, note: impl Into<String>) {
        self.plain += 1;
        self.notes.push(note.into());
    }
}

#[derive(Default)]
struct Row {
    points: u64,
    sums: [u64; 5],
}

/// The rows of one mode.
pub(crate) struct Table {
    mode: &'static str,
    rows: Mutex<BTreeMap<(String, Fault), Row>>,
    notes: Mutex<Vec<String>>,
}

const HEAD: &str = "| mode | file | fault | points | lost | twice | half files | in the clear | wrong exit |\n\
                    |---|---|---|--:|--:|--:|--:|--:|--:|\n";

impl Table {
    pub(crate) const fn new(mode: &'static str) -> Self {
        Self { mode, rows: Mutex::new(BTreeMap::new()), notes: Mutex::new(Vec::new()) }
    }

    /// Adds what was found after a call on a file of this kind failed.
    pub(crate) fn add(&self, file: &str, fault: Fault, what: &str, found: Found) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry((file.to_owned(), fault)).or_default();
        row.points += 1;
        let of_point = [found.lost, found.twice, found.halves, found.plain, found.exits];
        for (sum, more) in row.sums.iter_mut().zip(of_point) {
            *sum += more;
        }
        let notes = found.notes.into_iter();
        let notes =
            notes.map(|note| format!("{} {file}, {}, {what}: {note}", self.mode, fault.name()));
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).extend(notes);
    }

    /// Fails if there is anything but zeros.
    pub(crate) fn assert_clean(self) {
        let rows = self.rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        let first: Vec<_> = notes.iter().take(9).map(String::as_str).collect();
        assert!(
            notes.is_empty(),
            "{} things are wrong, such as\n{}",
            notes.len(),
            first.join("\n")
        );
        assert!(rows.values().any(|row| row.points > 0), "nothing was tried");
    }

    /// Prints the table, leaves it in the target folder, and fails if there is anything but zeros.
    pub(crate) fn close(self) {
        let text = self.text();
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        say(&format!("{HEAD}{text}{notes}"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
        let part = if is_whole() { "all" } else { "some" };
        let name = self.mode.replace([' ', ','], "-");
        fs::create_dir_all(&folder).expect("the target folder is ours");
        fs::write(folder.join(format!("{name}.{part}")), text).expect("the target folder is ours");
        // The parts that there are so far, together.
        let mut parts: Vec<_> =
            fs::read_dir(&folder).expect("ours").flatten().map(|entry| entry.path()).collect();
        parts.retain(|path| path.extension().is_some_and(|extension| extension == part));
        parts.sort();
        let rows: String =
            parts.iter().map(|path| fs::read_to_string(path).unwrap_or_default()).collect();
        fs::write(folder.join(format!("{part}.md")), format!("{HEAD}{rows}")).expect("ours");
        self.assert_clean();
    }

    /// The rows.
    fn text(&self) -> String {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for ((file, fault), Row { points, sums }) in &*rows {
            let numbers: Vec<_> = sums.iter().map(ToString::to_string).collect();
            let (mode, fault, numbers) = (self.mode, fault.name(), numbers.join(" | "));
            let _ = writeln!(text, "| {mode} | {file} | {fault} | {points} | {numbers} |");
        }
        text
    }
}
