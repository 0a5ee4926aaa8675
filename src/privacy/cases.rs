//! Cases that somebody opened: whose lines, of which pages and of which time are to be sealed from now on.
//!
//! They lie in files of a runtime directory that ends with the machine, one for each case, which only their owner
//! reads; a running filter looks at the directory before each block and reads it anew when it changed. Without cases
//! a line costs one comparison.

use std::{
    fmt, fs, io,
    net::IpAddr,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::selector::Selector;

/// How the name of a case's file ends.
const ENDING: &str = ".case";

/// How large such a file may be.
const FILE_BYTES_MAX: u64 = 1 << 18;

/// How many cases are read; the rest is said to be there and not looked at.
pub const CASES_MAX: usize = 256;

/// A case as it was opened.
#[derive(Clone)]
pub struct Case {
    /// Its reference, which is also the name of its file.
    pub id: String,
    /// On which ground it was opened.
    pub basis: String,
    /// What for, in the words of whoever opened it.
    pub reason: Zeroizing<String>,
    /// When, in Unix seconds.
    pub opened: i64,
    /// Whose lines, of which pages and of which time.
    pub selector: Selector,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({})", self.id)
    }
}

impl Case {
    fn to_text(&self) -> Zeroizing<String> {
        let selector: Value = serde_json::from_str(&self.selector.expose()).expect("it is JSON");
        let Self { id, basis, reason, opened, .. } = self;
        let reason: &str = reason;
        let case = json!({
            "case": id, "basis": basis, "reason": reason, "opened": opened, "selector": selector,
        });
        Zeroizing::new(format!("{case}\n"))
    }

    /// A case out of the text of its file.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let members: Value = serde_json::from_slice(text).ok()?;
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: text("case").filter(|id| crate::policy::is_reference(id))?,
            basis: text("basis")?,
            reason: Zeroizing::new(text("reason")?),
            opened: members.get("opened")?.as_i64()?,
            selector: Selector::read(members.get("selector")?)?,
        })
    }

    fn file(dir: &Path, id: &str) -> PathBuf {
        // A reference may have slashes, and a name may not.
        dir.join(format!("{}{ENDING}", id.replace('/', "+")))
    }
}

/// Opens a case: writes its file, which running filters find. Says no where there is one of that name.
///
/// # Errors
///
/// The directory does not take it, or has it already.
pub fn open_case(dir: &Path, case: &Case) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let path = Case::file(dir, &case.id);
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let aside = path.with_extension("part");
    let _ = fs::remove_file(&aside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    io::Write::write_all(&mut file, case.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, &path)?;
    touch(dir)
}

/// Closes a case. Says whether it was open.
///
/// # Errors
///
/// The directory does not let it go.
pub fn close_case(dir: &Path, id: &str) -> io::Result<bool> {
    match fs::remove_file(Case::file(dir, id)) {
        Ok(()) => touch(dir).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives the directory a time of its own: two changes within a tick of the kernel's clock would otherwise look like
/// one to whoever read it between them.
fn touch(dir: &Path) -> io::Result<()> {
    let times = fs::FileTimes::new().set_modified(SystemTime::now());
    fs::File::open(dir)?.set_times(times)
}

/// The cases of a directory, in the order of their names, and how many files there could not be read as one.
///
/// # Errors
///
/// The directory cannot be read; where there is none, there are no cases.
pub fn list_cases(dir: &Path) -> io::Result<(Vec<Case>, usize)> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_str().is_some_and(|name| name.ends_with(ENDING)) {
            paths.push(path);
        }
    }
    paths.sort();
    let (mut cases, mut strange) = (Vec::new(), paths.len().saturating_sub(CASES_MAX));
    for path in paths.iter().take(CASES_MAX) {
        let is_small = path.metadata().is_ok_and(|it| it.is_file() && it.len() <= FILE_BYTES_MAX);
        let read = is_small.then(|| fs::read(path).ok()).flatten().map(Zeroizing::new);
        match read.and_then(|text| Case::parse(&text)) {
            Some(case) => cases.push(case),
            None => strange += 1,
        }
    }
    Ok((cases, strange))
}

/// What a directory looked like: when it was changed last, and which one it is.
type Look = Option<(i64, i64, u64)>;

/// The open cases of a directory, for all workers of a run.
pub struct LiveCases {
    dir: PathBuf,
    cases: Mutex<(Look, Arc<[Case]>)>,
    /// Which reading of the directory that is.
    reading: AtomicU64,
}

impl fmt::Debug for LiveCases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveCases({} readings)", self.reading.load(Ordering::Relaxed))
    }
}

impl LiveCases {
    /// The cases of `dir`, which need not be there.
    #[must_use]
    pub fn new(dir: PathBuf) -> Arc<Self> {
        let cases = Mutex::new((None, Arc::from([])));
        Arc::new(Self { dir, cases, reading: AtomicU64::new(0) })
    }

    /// Reads the directory anew if it changed. A directory that cannot be read leaves the cases as they were.
    pub fn refresh(&self) {
        let look = fs::metadata(&self.dir).ok().map(|it| (it.mtime(), it.mtime_nsec(), it.ino()));
        let mut held = self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        if held.0 == look {
            return;
        }
        if let Ok((cases, _)) = list_cases(&self.dir) {
            *held = (look, cases.into());
            self.reading.fetch_add(1, Ordering::Release);
        }
    }

    /// A worker's view.
    #[must_use]
    pub fn view(self: &Arc<Self>) -> CaseView {
        CaseView { live: Arc::clone(self), reading: 0, cases: Arc::from([]) }
    }
}

/// What one worker knows of the open cases.
#[derive(Debug)]
pub struct CaseView {
    live: Arc<LiveCases>,
    reading: u64,
    cases: Arc<[Case]>,
}

impl CaseView {
    /// Before the lines of a block: takes up what changed.
    pub fn refresh(&mut self) {
        self.live.refresh();
        let reading = self.live.reading.load(Ordering::Acquire);
        if reading != self.reading {
            let held = self.live.cases.lock().unwrap_or_else(PoisonError::into_inner);
            self.cases = Arc::clone(&held.1);
            self.reading = reading;
        }
    }

    /// Whether no case is open, so that there is nothing to ask.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty()
    }

    /// The first open case that what is known of an event belongs to.
    #[must_use]
    pub fn find(
        &self,
        client: Option<IpAddr>,
        target: Option<&[u8]>,
        unix: Option<i64>,
    ) -> Option<&str> {
        let mut cases = self.cases.iter();
        cases.find(|case| case.selector.meets(client, target, unix)).map(|case| case.id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(id: &str, network: &str) -> Case {
        let mut selector = Selector::default();
        selector.add_network(network).expect("a network");
        selector.set_path("/admin").expect("a path");
        let reason = Zeroizing::new("a \"reason\"".to_owned());
        Case { id: id.to_owned(), basis: "law".to_owned(), reason, opened: 1_795_356_337, selector }
    }

    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("tamis-cases-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn cases_are_found_while_they_are_open() {
        let dir = directory("live");
        let live = LiveCases::new(dir.clone());
        let mut view = live.view();
        let ask = |view: &mut CaseView, ip: &str, path: &[u8]| {
            view.refresh();
            let ip = Some(ip.parse().expect("an address"));
            view.find(ip, Some(path), None).map(str::to_owned)
        };
        assert_eq!(ask(&mut view, "192.0.2.7", b"/admin"), None);
        assert!(view.is_empty());
        // However fast they follow each other.
        for round in 0..50 {
            let id = format!("T/{round}");
            open_case(&dir, &case(&id, "192.0.2.0/24")).expect("the directory takes it");
            assert_eq!(ask(&mut view, "192.0.2.7", b"/admin/x"), Some(id.clone()));
            assert_eq!(ask(&mut view, "192.0.2.7", b"/"), None);
            assert_eq!(ask(&mut view, "203.0.113.7", b"/admin"), None);
            assert!(close_case(&dir, &id).expect("it goes"));
            assert_eq!(ask(&mut view, "192.0.2.7", b"/admin/x"), None);
        }
        fs::remove_dir_all(dir).expect("it was made above");
    }

    #[test]
    fn files_are_their_owners_and_say_what_was_said() {
        let dir = directory("files");
        open_case(&dir, &case("T-1", "2001:db8::/32")).expect("the directory takes it");
        let again = open_case(&dir, &case("T-1", "192.0.2.7")).expect_err("there is one");
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let file = fs::metadata(dir.join("T-1.case")).expect("it is there");
        assert_eq!(file.mode() & 0o777, 0o600);
        fs::write(dir.join("strange.case"), "no case").expect("the directory takes it");
        let (cases, strange) = list_cases(&dir).expect("it reads");
        assert_eq!((cases.len(), strange), (1, 1));
        assert_eq!((cases[0].reason.as_str(), cases[0].basis.as_str()), ("a \"reason\"", "law"));
        assert_eq!(format!("{:?}", cases[0]), "Case(T-1)");
        assert!(!close_case(&dir, "T-2").expect("nothing to close"));
        fs::remove_dir_all(dir).expect("it was made above");
    }
}
