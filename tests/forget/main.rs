//! Once a key is destroyed, nothing that a run, its key directory or its output still holds undoes a token.
//!
//! The attack of `attack.rs` is tried on all of it: while keys live it must give back every address that was
//! planted, for else the search is blind, and after their destruction none. Once it is tried on the program, whose
//! keys are destroyed by hand, and once on this test's own process, in which the clock is made up and an
//! epoch ends.
//!
//! The program lets nobody but root read its memory. Who is not root sees a line that says so, and that test
//! tests nothing.

#[path = "../program/mod.rs"]
mod program;

mod attack;
mod desk;
mod memory;

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc::channel},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aho_corasick::AhoCorasick;
use attack::{Attack, Bits, Hit, KEY_BYTES, Role, bits};
use desk::Desk;
use memory::Piece;
use program::{Folder, TAMIS, run_in};
use serde_json::Value;
use tamis::{
    keys::{self, Mode, Moment},
    transform::{
        pseudonym::{
            Canonical, ChainKey, Epoch, EpochLength, FieldKey, Secret, TokenField, overwrite_stack,
        },
        time::Timestamp,
    },
};

const SITE: &str = "www.example.com";
/// How many addresses are planted.
const PLANTED: u32 = 300;

/// A search takes all cores and copies all of the memory: one test at a time.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The planted addresses, of the network for benchmarks.
fn addresses() -> Vec<u32> {
    (0..PLANTED).map(|number| u32::from(Ipv4Addr::new(198, 18, 0, 7)) + number * 257).collect()
}

/// A line of each planted address.
fn log(unix: i64) -> String {
    let mut time = Vec::new();
    Timestamp::from_unix(unix).expect("the clock is fine").write_clf(&mut time);
    let time = str::from_utf8(&time).expect("ASCII");
    let line = |address| {
        let client = Ipv4Addr::from_bits(address);
        format!("{client} - - [{time}] \"GET /a.html HTTP/1.1\" 200 512 \"-\" \"curl/8.5.0\"\n")
    };
    addresses().into_iter().map(line).collect()
}

/// The tokens of records, one for each planted address.
fn tokens(records: &str) -> Vec<Bits> {
    let client = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a record is JSON");
        bits(record["client"].as_str().expect("each line has its key"))
    };
    records.lines().map(client).collect()
}

/// The hits of one run, each of which gave back all addresses.
fn of_run(hits: &[Hit], run: usize) -> Vec<Hit> {
    let hits: Vec<_> = hits.iter().copied().filter(|hit| hit.run == run).collect();
    assert!(hits.iter().all(|hit| hit.recovered == PLANTED as usize), "{hits:?}");
    hits
}

fn as_role(hits: &[Hit], role: Role) -> usize {
    hits.iter().filter(|hit| hit.role == role).count()
}

/// The search finds what another part of the program made, in each role and at any offset.
#[test]
fn the_search_finds_keys_where_they_lie() {
    let _turn = turn();
    let chain = ChainKey::genesis(Secret::copy_of(&[7; 32]), EpochLength::default(), Epoch(1));
    let mut attack = Attack::new(SITE, addresses(), Vec::new());
    attack.add(attack.tokens_of_chain(chain.expose_key()));
    for at in [0, 1, 31, 4_077, 4_096, 8_191, 20_000 - KEY_BYTES] {
        for (role, key) in
            [(Role::Chain, *chain.expose_key()), (Role::Epoch, *chain.epoch_key().expose_key())]
        {
            let digits: String = key.iter().map(|byte| format!("{byte:02X}")).collect();
            for key in [&key[..], digits.as_bytes()] {
                let mut bytes = vec![0xA5; 20_000];
                let at = at.min(bytes.len() - key.len());
                bytes[at..at + key.len()].copy_from_slice(key);
                let hits = attack.search(&[Piece { bytes, is_locked: false }]);
                let recovered = PLANTED as usize;
                let hit = Hit { role, run: 0, recovered, is_locked: false };
                assert_eq!(hits, [hit], "at {at}");
            }
        }
    }
    assert_eq!(attack.search(&[Piece { bytes: vec![0xA5; 20_000], is_locked: false }]), []);
}

/// The program at work, with its input open.
struct Run {
    folder: Folder,
    child: Child,
    stdin: ChildStdin,
    stderr: BufReader<ChildStderr>,
}

impl Run {
    /// Starts the program, and waits for the records of the planted addresses.
    fn start(mode: Mode) -> Self {
        let folder = Folder::new();
        if mode == Mode::Shared {
            let init = ["keys", "init", "--shared", "--key-dir", "keys"];
            assert_eq!(run_in(folder.path(), &init, b"").status, 0);
        }
        let args = ["--client", "token", "--key-dir", "keys", "--format", "combined"];
        let mut child = Command::new(TAMIS)
            .args(args)
            .args(["--site", SITE, "--threads", "2", "-o", "clean"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdin = child.stdin.take().expect("piped above");
        let stderr = BufReader::new(child.stderr.take().expect("piped above"));
        stdin.write_all(log(now()).as_bytes()).expect("it reads");
        let run = Self { folder, child, stdin, stderr };
        while run.records().lines().count() < PLANTED as usize {
            thread::sleep(Duration::from_millis(20));
        }
        run
    }

    fn records(&self) -> String {
        fs::read_to_string(self.folder.file("clean")).unwrap_or_default()
    }

    fn memory(&self) -> io::Result<Vec<Piece>> {
        memory::of_process(&self.child.id().to_string())
    }

    /// What is in the key directory.
    fn keys(&self) -> Vec<Piece> {
        memory::of_folder(&self.folder.file("keys"))
    }

    /// Destroys the keys, and waits until the program has noticed.
    fn destroy(&mut self, mode: Mode) {
        let destroy = ["keys", "destroy", "--yes", "--key-dir", "keys"];
        assert_eq!(run_in(self.folder.path(), &destroy, b"").status, 0);
        if mode == Mode::Solo {
            // It draws keys of its own again, which is before it lets go of the old ones.
            let status = ["keys", "status", "--key-dir", "keys"];
            while !run_in(self.folder.path(), &status, b"").out().contains("\nkey ") {
                thread::sleep(Duration::from_millis(50));
            }
            thread::sleep(Duration::from_millis(1_500));
            return;
        }
        let mut said = String::new();
        while !said.contains("until tamis is started anew") {
            said.clear();
            assert!(self.stderr.read_line(&mut said).expect("it speaks text") > 0, "it says so");
        }
    }

    fn end(mut self) {
        drop(self.stdin);
        assert!(self.child.wait().is_ok());
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970");
    i64::try_from(since.as_secs()).expect("not so late")
}

#[test]
fn a_run_whose_keys_are_destroyed_has_forgotten_them() {
    let _turn = turn();
    let modes = [Mode::Solo, Mode::Shared];
    let mut runs = modes.map(Run::start);
    if let Err(error) = runs[0].memory() {
        let _ =
            writeln!(io::stderr(), "SKIPPED: cannot read the program's memory: {error}; be root");
        runs.into_iter().for_each(Run::end);
        return;
    }
    let made = runs.iter().map(|run| tokens(&run.records())).collect();
    let mut attack = Attack::new(SITE, addresses(), made);
    // The chain leads on: what it would have made in the next epoch must be gone too.
    let next = attack.tokens_of_chain(&chain_of(&runs[1]));
    attack.add(next);
    let mut locked = Vec::new();
    for (number, run) in runs.iter().enumerate() {
        let hits = attack.search(&run.memory().expect("as before"));
        assert_eq!(hits, of_run(&hits, number), "the chain is not in memory");
        assert!(as_role(&hits, Role::Epoch) > 0 && as_role(&hits, Role::Field) > 0, "{hits:?}");
        locked.extend(hits.iter().map(|hit| hit.is_locked));
        let hits = attack.search(&run.keys());
        assert_eq!(as_role(&of_run(&hits, number), Role::Epoch), 1);
        assert_eq!(as_role(&of_run(&hits, 2), Role::Chain), number);
    }
    // All of it lies in locked memory, where the system lets anything be locked.
    assert!(locked.iter().all(|is_locked| *is_locked == locked[0]), "{locked:?}");
    for (run, mode) in runs.iter_mut().zip(modes) {
        run.destroy(mode);
        for what in
            [run.memory().expect("as before"), run.keys(), memory::of_folder(run.folder.path())]
        {
            assert_eq!(attack.search(&what), []);
        }
        // Nor is there a line left that says by its place whose a record is.
        let memory = run.memory().expect("as before");
        assert_eq!(memory.iter().map(|piece| lines_in(&piece.bytes)).sum::<usize>(), 0);
    }
    runs.into_iter().for_each(Run::end);
}

/// How many of the planted addresses stand in some bytes as a log has them.
fn lines_in(bytes: &[u8]) -> usize {
    let texts =
        addresses().into_iter().map(|address| format!("{} - -", Ipv4Addr::from_bits(address)));
    let texts = AhoCorasick::new(texts).expect("a few thousand bytes of patterns");
    texts.find_iter(bytes).count()
}

/// The value of the chain of a run in shared mode.
fn chain_of(run: &Run) -> [u8; KEY_BYTES] {
    let entries = fs::read_dir(run.folder.file("keys")).expect("made");
    let mut paths = entries.map(|entry| entry.expect("readable").path());
    let chain = paths.find(|path| path.display().to_string().contains("chain-")).expect("one");
    fs::read(chain).expect("ours").try_into().expect("it has 32 bytes")
}

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// The moment `seconds` after some epoch began.
fn at(seconds: i64) -> Moment {
    Moment { unix: 20_779 * DAY + seconds, boot: DAY + seconds, session: 1 }
}

/// The tokens of keys that come out of nothing but a root, and are dropped with all that was made of them.
fn tokens_of_root() -> Vec<Bits> {
    let tokens = with_keys_of_root(|key| {
        let token = |address| key.token_of(Epoch(1), &Canonical::v4(address)).characters();
        let text = |address| str::from_utf8(&token(address)).expect("ASCII").to_owned();
        addresses().into_iter().map(|address| bits(&text(address))).collect()
    });
    overwrite_stack::<4_096>();
    tokens
}

#[inline(never)]
fn with_keys_of_root<T>(work: impl FnOnce(&FieldKey) -> T) -> T {
    let chain = ChainKey::genesis(Secret::copy_of(&[7; 32]), EpochLength::default(), Epoch(1));
    let key = chain.epoch_key();
    work(&key.field_key(SITE.as_bytes(), TokenField::Visitor))
}

/// Does something in a thread that does nothing after it for as long as this process runs.
fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = channel();
    thread::spawn(move || {
        done.send(work()).expect("somebody waits for it");
        loop {
            thread::park();
        }
    });
    is_done.recv().expect("it does not panic")
}

/// Hands a chain on to another machine.
fn hand_on(leader: PathBuf, node: PathBuf, now: Moment) {
    let request = keys::request(&node).expect("no keys there");
    let answer = aside(move || keys::export(&leader, &request.recipient, now).expect("a chain"));
    aside(move || {
        keys::import(&node, answer.sealed.as_bytes(), answer.id, now).expect("its answer")
    });
}

/// In one process there are keys that live, keys whose epoch is over, keys that were destroyed by hand, keys of a
/// chain that was handed on, and keys that were only derived, by a thread that did nothing since.
#[test]
fn an_epoch_that_is_over_is_forgotten() {
    let _turn = turn();
    let (start, over) = (at(5 * HOUR), at(DAY + 2 * HOUR));
    let modes = [Mode::Solo, Mode::Solo, Mode::Shared, Mode::Solo];
    let mut desks = modes.map(|mode| Desk::open(mode, start));
    let made = desks.iter_mut().map(|desk| tokens(&desk.process(&log(start.unix))));
    let mut made: Vec<_> = made.collect();
    made.push(thread::spawn(tokens_of_root).join().expect("it does not panic"));
    let (leader, node) = (Desk::open(Mode::Shared, start), Folder::new());
    hand_on(leader.keys(), node.file("keys"), start);
    let mut node = Desk::resume(node, at(DAY + HOUR));
    made.push(tokens(&node.process(&log(at(DAY + HOUR).unix))));
    let attack = Attack::new(SITE, addresses(), made);
    let [_alive, solo, shared, destroyed] = &mut desks;
    for desk in [solo, shared] {
        desk.tick(over);
    }
    for (desk, now) in [(destroyed, start), (&mut node, at(DAY + HOUR))] {
        assert!(keys::destroy(&desk.keys()).expect("usable"));
        desk.tick(now);
    }
    assert!(keys::destroy(&leader.keys()).expect("usable"));
    aside(|| with_keys_of_root(|_| ()));
    let mut hits = attack.search(&memory::of_process("self").expect("one's own"));
    for desk in desks.iter().chain([&leader, &node]) {
        hits.extend(attack.search(&memory::of_folder(&desk.keys())));
    }
    assert_eq!(hits, of_run(&hits, 0));
    assert!(as_role(&hits, Role::Epoch) > 0 && as_role(&hits, Role::Field) > 0, "{hits:?}");
}
