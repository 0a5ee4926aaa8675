//! Somebody who has the records, and no tokens, tries to say which of them are of the same visitor.
//!
//! The attacker learns on a day of the simulated site whose visitors are known how much it says that two records
//! agree in a field and how far apart they are, and adds that up for each pair of records of another day; agreement
//! on what is rare says more (Fellegi and Sunter, 1969). For each record it names the one that is most likely
//! of the same visitor. The base rate is that of somebody who does the same and has nothing but the times
//! and the order. The control is somebody who has the raw log.
//!
//! Whose a record is is known of the input, line by line; which lines of an hour share a record that is held is worked
//! out by the checker of `tests/release.rs`, and must give what the program writes.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::{
    checker::{Line, open_policy, suppressed},
    grouped,
    program::{Folder, run_in},
    size,
    town::{self, Request},
};

/// What records are compared by.
const KEYS: [&str; 6] = ["client", "agent", "path", "section", "referrer", "status"];
/// What makes the agent.
const AGENT: [&str; 4] = ["browser", "browser_version", "os", "device"];
/// How far two records may be apart to be compared, in seconds.
const WINDOW: f64 = 3_600.0;
/// Steps of the time between two records, each twice as long as the one before.
const GAPS: usize = 14;

/// A record and whose it is.
struct Told {
    visitor: usize,
    /// The value of each key by its number, the same for the same value; none is zero.
    values: [u32; KEYS.len()],
    /// Where it stands, in seconds, as far as the output tells.
    place: f64,
}

/// Numbers of values, the same on both days.
#[derive(Default)]
struct Names(HashMap<(usize, String), u32>);

impl Names {
    fn number(&mut self, key: usize, value: String) -> u32 {
        let next = self.0.len() as u32 + 1;
        *self.0.entry((key, value)).or_insert(next)
    }

    /// A record, as it is compared.
    fn told(&mut self, visitor: usize, record: &Map<String, Value>, place: f64) -> Told {
        let text = |key: &str| record.get(key).map(ToString::to_string);
        let agent: String = AGENT.iter().filter_map(|key| text(key)).collect();
        let section = record
            .get("path")
            .and_then(Value::as_str)
            .map(|path| path.split('/').nth(1).unwrap_or_default());
        let of = |key: &str| match key {
            "agent" => Some(agent.clone()).filter(|agent| !agent.is_empty()),
            "section" => section.map(str::to_owned),
            _ => text(key),
        };
        let mut values = [0; KEYS.len()];
        for (at, key) in KEYS.iter().enumerate() {
            values[at] = of(key).map_or(0, |value| self.number(at, value));
        }
        Told { visitor, values, place }
    }
}

fn gap(one: &Told, other: &Told) -> usize {
    (((one.place - other.place).abs() + 1.0).log2() as usize).min(GAPS - 1)
}

/// Those that a record may be compared with.
fn near(day: &[Told], at: usize) -> impl Iterator<Item = &Told> {
    let place = day[at].place;
    let before = day[..at].iter().rev().take_while(move |it| place - it.place <= WINDOW);
    before.chain(day[at + 1..].iter().take_while(move |it| it.place - place <= WINDOW))
}

/// The logarithm of how much likelier something is of one visitor than of two.
fn odds(count: [f64; 2], totals: [f64; 2]) -> f64 {
    (count[1] / totals[1]).ln() - (count[0] / totals[0]).ln()
}

/// What an attacker has learned.
struct Learned {
    agree: [f64; KEYS.len()],
    differ: [f64; KEYS.len()],
    gaps: [f64; GAPS],
}

impl Learned {
    fn new(day: &[Told], step: usize) -> Self {
        let (mut keys, mut gaps) = ([[[0.5_f64; 2]; 2]; KEYS.len()], [[0.5_f64; 2]; GAPS]);
        let mut totals = [1.0_f64; 2];
        for at in (0..day.len()).step_by(step) {
            let one = &day[at];
            for other in near(day, at) {
                let same = usize::from(one.visitor == other.visitor);
                totals[same] += 1.0;
                gaps[gap(one, other)][same] += 1.0;
                for (key, counts) in keys.iter_mut().enumerate() {
                    let agree = one.values[key] != 0 && one.values[key] == other.values[key];
                    counts[usize::from(agree)][same] += 1.0;
                }
            }
        }
        Self {
            agree: keys.map(|counts| odds(counts[1], totals)),
            differ: keys.map(|counts| odds(counts[0], totals)),
            gaps: gaps.map(|counts| odds(counts, totals)),
        }
    }

    /// What agreement on each value says on a day: more on those that are rarer there than a value is on average.
    fn weights(&self, day: &[Told]) -> HashMap<u32, f64> {
        let mut weights = HashMap::new();
        for key in 0..KEYS.len() {
            let mut frequency: BTreeMap<u32, f64> = BTreeMap::new();
            for told in day.iter().filter(|told| told.values[key] != 0) {
                *frequency.entry(told.values[key]).or_default() += 1.0 / day.len() as f64;
            }
            let mean: f64 = frequency.values().map(|part| part * part).sum();
            for (value, part) in frequency {
                weights.insert(value, self.agree[key] + (mean / part).ln());
            }
        }
        weights
    }
}

/// How often the likeliest record is of the same visitor, of records that have another one; by chance where several
/// are as likely. First for who has only the times, then for who has all.
fn success(day: &[Told], learned: &Learned, step: usize) -> [f64; 2] {
    let weights = learned.weights(day);
    let (mut sums, mut count) = ([0.0; 2], 0.0);
    for at in (0..day.len()).step_by(step) {
        let one = &day[at];
        let own = one.values.map(|value| weights.get(&value).copied().unwrap_or_default());
        let mut best = [(f64::NEG_INFINITY, 0.0, 0.0); 2];
        let mut has_mate = false;
        for other in near(day, at) {
            let is_same = one.visitor == other.visitor;
            has_mate |= is_same;
            let time = learned.gaps[gap(one, other)];
            let mut all = time;
            for (key, own) in own.iter().enumerate() {
                if one.values[key] != 0 && other.values[key] != 0 {
                    all += if one.values[key] == other.values[key] {
                        *own
                    } else {
                        learned.differ[key]
                    };
                }
            }
            for (score, best) in [time, all].into_iter().zip(&mut best) {
                if score > best.0 + 1e-9 {
                    *best = (score, 0.0, 0.0);
                }
                if score > best.0 - 1e-9 {
                    best.1 += f64::from(u8::from(is_same));
                    best.2 += 1.0;
                }
            }
        }
        if has_mate {
            count += 1.0;
            sums.iter_mut().zip(best).for_each(|(sum, (_, right, all))| *sum += right / all);
        }
    }
    assert!(count > 50.0, "{count} records that have another one");
    sums.map(|sum| sum / count * 100.0)
}

fn records(policy: &str, requests: &[Request], more: &[&str]) -> Vec<Map<String, Value>> {
    let folder = Folder::new();
    std::fs::write(folder.file("own.toml"), policy).expect("the folder is ours");
    let args = [&["--policy", "./own.toml", "--format", "combined"], more].concat();
    let done = run_in(folder.path(), &args, town::log(requests).as_bytes());
    assert_eq!(done.status, 0, "{}", done.err());
    done.out().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The seconds of a record's time.
fn time(record: &Map<String, Value>) -> f64 {
    let text = record["time"].as_str().expect("a time");
    let number = |range: std::ops::Range<usize>| text[range].parse::<f64>().expect("digits");
    number(11..13) * 3_600.0 + number(14..16) * 60.0
}

/// The records of a policy that writes each line by itself, in the order of the lines, which is told too: so those of
/// a minute are spread over it.
fn in_order(names: &mut Names, policy: &str, requests: &[Request], more: &[&str]) -> Vec<Told> {
    let text = tamis::policy::preset(policy).expect("a preset");
    let records = records(text, requests, more);
    assert_eq!(records.len(), requests.len(), "{policy}: a record for each");
    let mut minutes: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    records.iter().for_each(|record| minutes.entry(time(record) as u64).or_default().0 += 1.0);
    let told = records.iter().zip(requests).map(|(record, request)| {
        let (all, before) = minutes.get_mut(&(time(record) as u64)).expect("counted above");
        *before += 1.0;
        names.told(request.visitor, record, time(record) + 60.0 * *before / (*all + 1.0))
    });
    told.collect()
}

/// The records of the strict policy with another `k`, each with one of those whose line it is.
fn held(names: &mut Names, k: usize, requests: &[Request]) -> Vec<Told> {
    let open = records(&open_policy(), requests, &[]);
    assert_eq!(open.len(), requests.len(), "a record for each");
    let mut hours: BTreeMap<u64, Vec<Line>> = BTreeMap::new();
    for (told, request) in open.into_iter().zip(requests) {
        let visitor = request.visitor.to_string();
        hours.entry(time(&told) as u64).or_default().push(Line { visitor, told });
    }
    let lines: Vec<Line> = hours.into_values().flat_map(|lines| suppressed(lines, k).0).collect();
    let strict = tamis::policy::preset("strict").expect("a preset");
    let strict = strict.replace("[release]\nk = 10", &format!("[release]\nk = {k}"));
    let text = |record: &Map<String, Value>| Value::from(record.clone()).to_string();
    let mut written: Vec<_> = records(&strict, requests, &[]).iter().map(text).collect();
    let mut expected: Vec<_> = lines.iter().map(|line| text(&line.told)).collect();
    written.sort();
    expected.sort();
    assert!(written == expected, "the program writes what the checker says, k = {k}");
    let told = lines.iter().map(|line| {
        let visitor = line.visitor.parse().expect("a number");
        names.told(visitor, &line.told, time(&line.told))
    });
    told.collect()
}

/// What somebody has who has the raw log.
fn raw(names: &mut Names, requests: &[Request]) -> Vec<Told> {
    let told = requests.iter().map(|request| {
        let mut parts = request.line.split('"');
        let address = request.line.split(' ').next().unwrap_or_default();
        let path = parts.nth(1).unwrap_or_default().split(' ').nth(1).unwrap_or_default();
        let agent = parts.nth(3).unwrap_or_default();
        let fields = [("client", address), ("browser", agent), ("path", path)];
        let record =
            fields.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect();
        names.told(request.visitor, &record, request.second as f64)
    });
    told.collect()
}

/// How often records are linked, by the times alone and by all, in per cent.
fn attack(what: &str, hour: usize, told: impl Fn(&mut Names, &[Request]) -> Vec<Told>) -> [f64; 2] {
    let hours = 3;
    let mut names = Names::default();
    let [learnt, day] = [1, 2].map(|seed| told(&mut names, &town::day(seed, hour * hours, hours)));
    // So many records are looked at, each beside all that are near.
    let step = |day: &[Told]| (day.len() / 3_000).max(1);
    let learned = Learned::new(&learnt, step(&learnt));
    let [base, all] = success(&day, &learned, step(&day));
    println!(
        "B8: {what}, {} visitors an hour, {} records: of the same visitor {all:.2}%, by times alone {base:.2}%, so \
         {:+.2} points",
        grouped(hour as u64),
        grouped(day.len() as u64),
        all - base
    );
    [base, all]
}

#[test]
fn records_without_tokens_are_hardly_linked() {
    let drop = ["--client", "drop"];
    let hour = size(250, 2_000);
    let [_, control] = attack("the raw log", hour, raw);
    assert!(control > 95.0, "the attack works: {control}");
    attack("baseline", hour, |names, day| in_order(names, "baseline", day, &[]));
    attack("baseline, clients dropped", hour, |names, day| in_order(names, "baseline", day, &drop));
    for policy in ["wordpress-2011", "canonical-2012"] {
        attack(policy, hour, |names, day| in_order(names, policy, day, &[]));
    }
    for k in [10, 20, 50] {
        let [base, all] =
            attack(&format!("strict, k = {k}"), hour, |names, day| held(names, k, day));
        assert!(all - base < 100.0 / k as f64, "{all} {base}");
    }
}
