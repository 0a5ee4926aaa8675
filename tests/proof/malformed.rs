//! Ten million lines that are no lines: nothing that was planted comes out, and each line is accounted for.
//!
//! Lines of every format with identifiers in every place are spoiled in up to three ways (`malice.rs`). The program
//! must read as many lines as there are, say of each what became of it, and write as many records as it
//! says. What comes out is searched as `tests/leaks` does it.
//!
//! Names and what holds one are not planted here: spoiling a line puts them into paths that the site confirms
//! and behind `https://`, where no cleaner can tell them from words (SECURITY.md says so).

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tamis::format::Format;

use super::{
    every::{OWN, example, planted_in},
    grouped,
    identifiers::{Identifier, identifiers},
    malice::WAYS,
    program::{Dice, Folder, run_in},
    search::Search,
    size,
};

/// How many identifiers of each kind are planted.
const EACH: usize = 8;

/// A policy in which lines are opted out and left out as well.
const OWN_POLICY: &str = r#"
name = "own"
version = 1
[record]
time = { grain = "minute" }
site = "declared"
client = { truncate = { ipv4 = 24, ipv6 = 32, domain = true } }
method = true
path = { shape = "cleaned", status = ["2xx", "304"] }
protocol = true
status = true
bytes = { exact = "plain-path" }
duration = { bucket = "1-2-5" }
referrer = "domain"
browser = { version = "major" }
os = true
device = true
bot = true
language = "primary"
errors = true
[opt_out]
query = "optout"
headers = { sec_gpc = "1", dnt = "1" }
[[drop]]
path = "/left/{what}"
"#;

/// How lines are read: the arguments, the header above them, and lines with identifiers in them.
struct Kind {
    name: String,
    args: Vec<String>,
    header: Vec<u8>,
    lines: Vec<Vec<u8>>,
}

fn kinds(identifiers: &[Identifier]) -> Vec<Kind> {
    let lines = |name: &str, usual: &str| -> Vec<Vec<u8>> {
        let planted = planted_in(name, usual, identifiers).into_iter().map(|it| it.line);
        planted.chain([usual.as_bytes().to_vec()]).collect()
    };
    let named = Format::all().iter().map(|format| {
        let (header, usual) = example(format);
        let args = vec!["--format".to_owned(), format.name().to_owned()];
        Kind { name: format.name().to_owned(), args, header, lines: lines(format.name(), usual) }
    });
    let own = OWN.iter().map(|(option, string, usual)| Kind {
        name: format!("{option} {}", &string[..20]),
        args: vec![(*option).to_owned(), (*string).to_owned()],
        header: Vec::new(),
        lines: lines(option, usual),
    });
    named.chain(own).collect()
}

/// The identifiers that are planted: no names.
fn nameless() -> Vec<Identifier> {
    // The last of these ends in what is the same for all of them, and keys begin with it. A hole may leave that and a
    // few characters, which are no identifier any more.
    let others = ["e-mail address", "password in Basic form", "host with an address"];
    let mut counts = BTreeMap::new();
    let mut chosen = identifiers();
    chosen.retain_mut(|it| {
        let count = counts.entry(it.kind).or_insert(0);
        *count += 1;
        if it.kind == "API key" {
            it.writings.clone_from(&it.cores);
        }
        *count <= EACH && !it.is_word && !others.contains(&it.kind)
    });
    chosen
}

/// So many lines, spoiled, and how many times each way was taken.
fn spoiled(
    kind: &Kind,
    identifiers: &[Identifier],
    count: usize,
    dice: &mut Dice,
) -> (Vec<u8>, [u64; WAYS.len()]) {
    let mut log = kind.header.clone();
    let mut taken = [0; WAYS.len()];
    for _ in 0..count {
        let mut line = dice.pick(&kind.lines).clone();
        for _ in 0..*dice.pick(&[1, 1, 1, 2, 3]) {
            let way = dice.below(WAYS.len());
            let identifier = dice.pick(identifiers);
            let text = dice.pick(&identifier.writings).as_bytes();
            // A number in the place of a number is told as one.
            let text = if text.iter().all(u8::is_ascii_digit) { b"192.0.2.99" } else { text };
            WAYS[way].1(&mut line, text, dice);
            taken[way] += 1;
        }
        log.append(&mut line);
        log.push(b'\n');
    }
    (log, taken)
}

/// What runs found, added up.
#[derive(Default)]
struct Sum {
    read: u64,
    clean: u64,
    refused: BTreeMap<String, u64>,
    opted_out: u64,
    filtered: u64,
    bytes: u64,
    out: u64,
    /// Of the lines that were looked at, those in which something planted was found.
    looked_at: u64,
    planted: u64,
    ways: [u64; WAYS.len()],
    leaks: Vec<String>,
}

/// Runs the program on lines of a kind, and holds what it says against what went in and came out.
fn check(kind: &Kind, count: usize, search: &Search, seed: u64, sum: &Mutex<Sum>) {
    let mut dice = Dice(seed);
    let folder = Folder::new();
    fs::write(folder.file("own.toml"), OWN_POLICY).expect("the folder is ours");
    let (log, ways) = spoiled(kind, &search.identifiers, count, &mut dice);
    let policy = *dice.pick(&["baseline", "own.toml", "strict", "wordpress-2011"]);
    // A line of a mebibyte is read by some runs and is too long for the others.
    let most = *dice.pick(&["65536", "65536", "2097152"]);
    let mut args: Vec<&str> = kind.args.iter().map(String::as_str).collect();
    args.extend(["--policy", policy, "--max-line", most, "--threads", "1"]);
    args.extend(["--counts", "counts.json", "--summary", "json", "--site", "www.example.com"]);
    let done = run_in(folder.path(), &args, &log);
    let run = &format!("{} with {policy}, seed {seed}", kind.name);
    assert_eq!(done.status, 0, "{run}: {}", done.err());
    let counts = fs::read(folder.file("counts.json")).expect("counts were written");
    let texts = [(&done.stdout, "records"), (&done.stderr, "messages"), (&counts, "counts")];
    let leaks = texts.into_iter().flat_map(|(text, what)| {
        let show = move |leak: String| format!("{what} of {run}: {}", &leak[..leak.len().min(400)]);
        search.leaks(text).into_iter().map(show)
    });
    let leaks: Vec<_> = leaks.collect();
    let summary = done.summary();
    let number = |name: &str| summary[name].as_u64().expect("a number");
    let refused: BTreeMap<String, u64> = summary["refused"]
        .as_object()
        .expect("an object")
        .iter()
        .map(|(reason, count)| (reason.clone(), count.as_u64().expect("a number")))
        .collect();
    let [read, clean] = ["read", "clean"].map(number);
    let lines = memchr_count(&log) - memchr_count(&kind.header);
    assert_eq!(read, lines, "{run}: lines that were read");
    let told = clean + refused.values().sum::<u64>() + number("opted_out") + number("filtered");
    assert_eq!(read, told, "{run}: {summary}");
    assert_eq!(clean, memchr_count(&done.stdout), "{run}: records that were written");
    let mut sum = sum.lock().expect("nobody panicked");
    sum.leaks.extend(leaks);
    sum.read += read;
    sum.clean += clean;
    sum.opted_out += number("opted_out");
    sum.filtered += number("filtered");
    sum.bytes += log.len() as u64;
    sum.out += done.stdout.len() as u64;
    for (reason, count) in refused {
        *sum.refused.entry(reason).or_default() += count;
    }
    sum.ways.iter_mut().zip(ways).for_each(|(all, these)| *all += these);
    for line in log.split(|byte| *byte == b'\n').step_by(97) {
        sum.looked_at += 1;
        sum.planted += u64::from(search.found(line).next().is_some());
    }
}

fn memchr_count(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[test]
fn of_malformed_lines_nothing_comes_out_and_each_is_accounted_for() {
    let lines = size(50_000, 10_000_000);
    // What is in memory at a time.
    let piece = size(1_200, 50_000);
    let search = Search::new(nameless());
    let kinds = kinds(&search.identifiers);
    let pieces = lines.div_ceil(piece).next_multiple_of(kinds.len());
    let (sum, next) = (Mutex::default(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= pieces {
                        break;
                    }
                    check(&kinds[number % kinds.len()], piece, &search, number as u64, &sum);
                }
            });
        }
    });
    let sum = sum.into_inner().expect("nobody panicked");
    let refused: u64 = sum.refused.values().sum();
    let some = &sum.leaks[..sum.leaks.len().min(200)];
    assert!(some.is_empty(), "{} leaks, such as\n{}", sum.leaks.len(), some.join("\n"));
    println!(
        "B2: {} malformed lines ({} MB) of {} formats, spoiled in {} ways: 0 of the planted identifiers in {} MB of \
         records, counts and messages; {} = {} clean + {} refused + {} opted out + {} filtered; identifiers were in \
         {:.1}% of the lines",
        grouped(sum.read),
        sum.bytes / 1_000_000,
        kinds.len(),
        WAYS.len() - 1,
        sum.out / 1_000_000,
        grouped(sum.read),
        grouped(sum.clean),
        grouped(refused),
        grouped(sum.opted_out),
        grouped(sum.filtered),
        sum.planted as f64 / sum.looked_at as f64 * 100.0,
    );
    println!("B2: refused for {:?}", sum.refused);
    assert!(sum.read >= lines as u64);
    // Neither is all refused, nor does nothing happen.
    assert!(sum.clean > sum.read / 20 && refused > sum.read / 5, "{} {refused}", sum.clean);
    assert!(sum.opted_out > 0 && sum.filtered > 0 && sum.refused.len() >= 8, "{:?}", sum.refused);
    assert!(sum.planted > sum.looked_at / 2, "{} of {}", sum.planted, sum.looked_at);
    for (count, (name, _)) in sum.ways.iter().zip(WAYS) {
        assert!(*count > sum.read / 40, "{name}: {count}");
    }
}
