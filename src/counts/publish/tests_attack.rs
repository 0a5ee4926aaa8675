//! The attack: thirty days of releases of a small site, and somebody who knows all its pages and how tamis counts.
//!
//! Whatever was published becomes one system of equations between unknown numbers of requests, and a linear program
//! bounds each cell that was hidden: none may be pinned to an interval narrower than k. What was printed is compared
//! with the raw visits: each number stands for k networks on one day. Then each rule is switched off in turn, and
//! the same attack must succeed, which shows that it can.

use std::collections::{BTreeMap, BTreeSet};

use super::{fold::Off, lp::System, *};

const K: u32 = 10;

/// Numbers that look random (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % end as u64) as usize
    }

    /// Small numbers often, large ones seldom.
    fn skewed(&mut self, end: usize) -> usize {
        let most = self.below(end) + 1;
        self.below(most).min(self.below(end))
    }
}

/// A request, with what tables say of it.
#[derive(Clone)]
struct Visit {
    day: i32,
    network: u64,
    is_bot: bool,
    /// The value of each dimension; none where the line did not have it.
    values: BTreeMap<&'static str, String>,
}

const STATUSES: [&str; 9] = ["200", "304", "404", "301", "206", "403", "500", "302", "418"];
const COUNTRIES: [&str; 6] = ["DE", "FR", "NL", "PL", "DK", "IS"];
const BROWSERS: [&str; 6] = ["Chrome", "Safari", "Firefox", "Edge", "Opera", "Lynx"];
const PATHS: usize = 14;

/// A month of a site, from its first day on.
fn month(seed: u64, from: i32, visits_a_day: usize, networks: usize) -> Vec<Visit> {
    let mut dice = Dice(seed);
    let mut visits = Vec::new();
    for day in from..from + 30 {
        for _ in 0..visits_a_day / 2 + dice.below(visits_a_day) {
            // A few come again and again, and to places of their own.
            let network = dice.skewed(networks) as u64;
            let is_bot = dice.below(12) == 0;
            visits.push(visit(&mut dice, day, network, is_bot));
        }
    }
    visits
}

fn visit(dice: &mut Dice, day: i32, network: u64, is_bot: bool) -> Visit {
    let mut values = BTreeMap::new();
    let hour = 6 + dice.skewed(18);
    values.insert("day", Period::day(day).to_string());
    values.insert("hour", format!("{}T{hour:02}:00:00Z", Period::day(day)));
    let status = STATUSES[dice.skewed(STATUSES.len())];
    values.insert("status", status.to_owned());
    values.insert("status_class", format!("{}xx", &status[..1]));
    let is_shown = status.starts_with('2') || status == "304";
    let own = network as usize % 97 == 5 && dice.below(2) == 0;
    let path = if own { PATHS - 1 } else { dice.skewed(PATHS) };
    values.insert("path", if is_shown { format!("/{path}") } else { "(unknown)".to_owned() });
    if dice.below(40) > 0 {
        values.insert(
            "country",
            COUNTRIES[network as usize % 4 * (network as usize % 3) % 6].to_owned(),
        );
    }
    values.insert("browser", BROWSERS[dice.skewed(BROWSERS.len())].to_owned());
    Visit { day, network, is_bot, values }
}

/// The key of a visit in a table; none where a part of it is missing.
fn key(visit: &Visit, dimensions: &[&str]) -> Option<Vec<String>> {
    dimensions.iter().map(|dimension| visit.values.get(dimension).cloned()).collect()
}

fn total<'a>(visits: impl Iterator<Item = &'a Visit>, epoch: impl Fn(i32) -> u32) -> Cell {
    let mut total = Cell::new(&[], 0, Crowd::default());
    for visit in visits {
        add(&mut total, visit, &epoch);
    }
    total
}

fn add(cell: &mut Cell, visit: &Visit, epoch: impl Fn(i32) -> u32) {
    cell.requests += 1;
    if !visit.is_bot {
        // The hash of a network is another one in another epoch.
        let epoch = epoch(visit.day);
        cell.crowd.add(epoch, visit.network * 1_000_003 + u64::from(epoch) * 7);
    }
}

/// What is counted of a period.
fn counted(
    visits: &[Visit],
    period: Period,
    tables: &[&[&'static str]],
    epoch: &dyn Fn(i32) -> u32,
) -> Counted {
    let inside = || visits.iter().filter(|visit| period.days().contains(&visit.day));
    let sheet = |dimensions: &&[&'static str]| {
        let mut cells: BTreeMap<Vec<String>, Cell> = BTreeMap::new();
        for visit in inside() {
            if let Some(key) = key(visit, dimensions) {
                let cell = cells
                    .entry(key.clone())
                    .or_insert_with(|| Cell { key, ..Cell::new(&[], 0, Crowd::default()) });
                add(cell, visit, epoch);
            }
        }
        Sheet {
            name: dimensions.join("."),
            dimensions: dimensions.iter().map(|it| (*it).to_owned()).collect(),
            cells: cells.into_values().collect(),
        }
    };
    Counted { total: total(inside(), epoch), tables: tables.iter().map(sheet).collect() }
}

fn by_day(day: i32) -> u32 {
    u32::try_from(day).expect("after 1970")
}

fn rules(off: Option<Off>) -> Rules {
    let mut rules = Rules::new(K, Blur::None);
    rules.rule.off = off;
    rules
}

/// The values of a joint of dimensions, and the number of its unknown.
type Joint = (Vec<Option<String>>, usize);

/// All that is known of a month, and what of it may not be found out.
struct Attack<'a> {
    visits: &'a [Visit],
    system: System,
    /// The unknowns, by day and by the values of a joint of dimensions.
    joints: BTreeMap<(i32, &'static str), Vec<Joint>>,
    /// The hidden cells: for people, and as sums of unknowns.
    hidden: Vec<(String, Vec<usize>)>,
}

/// Which dimensions are unknown together, since one table says something of another.
const JOINTS: [(&str, &[&str]); 4] = [
    ("time", &["hour"]),
    ("path", &["path", "country"]),
    ("path-browser", &["path", "browser"]),
    ("status", &["status"]),
];

impl<'a> Attack<'a> {
    fn new(visits: &'a [Visit], days: std::ops::Range<i32>) -> Self {
        let mut attack =
            Self { visits, system: System::default(), joints: BTreeMap::new(), hidden: Vec::new() };
        days.for_each(|day| attack.day(day));
        attack
    }

    /// The unknowns of a day, and what joins them whatever is published.
    fn day(&mut self, day: i32) {
        let domain = |dimension: &str| -> Vec<Option<String>> {
            let some = |names: &[&str]| names.iter().map(|name| Some((*name).to_owned())).collect();
            match dimension {
                "hour" => {
                    let day = Period::day(day);
                    (0..24).map(|hour| Some(format!("{day}T{hour:02}:00:00Z"))).collect()
                }
                "path" => {
                    let paths = (0..PATHS).map(|path| Some(format!("/{path}")));
                    paths.chain([Some("(unknown)".to_owned())]).collect()
                }
                "country" => {
                    let mut all: Vec<Option<String>> = some(&COUNTRIES);
                    all.push(None);
                    all
                }
                "status" => some(&STATUSES),
                "browser" => some(&BROWSERS),
                _ => unreachable!("no other stands alone"),
            }
        };
        for (joint, dimensions) in JOINTS {
            let values: Vec<Vec<Option<String>>> = match dimensions {
                [one] => domain(one).into_iter().map(|value| vec![value]).collect(),
                [one, two] => {
                    let twos = domain(two);
                    let pair = |one: Option<String>| {
                        twos.iter()
                            .map(move |two| vec![one.clone(), two.clone()])
                            .collect::<Vec<_>>()
                    };
                    domain(one).into_iter().flat_map(pair).collect()
                }
                _ => unreachable!("there are two at most"),
            };
            let unknowns =
                values.into_iter().map(|values| (values, self.system.unknown())).collect();
            self.joints.insert((day, joint), unknowns);
        }
        // The paths that are not shown are those of the statuses for which none are.
        let not_shown = self.unknowns(day, "status", |values| {
            let status = values[0].as_deref().unwrap_or_default();
            !status.starts_with('2') && status != "304"
        });
        for joint in ["path", "path-browser"] {
            let is_unknown = |values: &[Option<String>]| values[0].as_deref() == Some("(unknown)");
            let unknown = self.unknowns(day, joint, is_unknown);
            self.system.equal(&not_shown, &unknown);
        }
        for path in (0..PATHS).map(|path| format!("/{path}")) {
            let of = |values: &[Option<String>]| values[0].as_ref() == Some(&path);
            let (one, two) =
                (self.unknowns(day, "path", of), self.unknowns(day, "path-browser", of));
            self.system.equal(&one, &two);
        }
        let all = JOINTS.map(|(joint, _)| self.unknowns(day, joint, |_| true));
        all.windows(2).for_each(|pair| self.system.equal(&pair[0], &pair[1]));
    }

    fn unknowns(
        &self,
        day: i32,
        joint: &'static str,
        has: impl Fn(&[Option<String>]) -> bool,
    ) -> Vec<usize> {
        let all = self.joints[&(day, joint)].iter();
        all.filter(|(values, _)| has(values)).map(|(_, unknown)| *unknown).collect()
    }

    /// The unknowns of a key of a table on a day.
    fn of_key(&self, day: i32, dimensions: &[&'static str], key: &[Option<String>]) -> Vec<usize> {
        let joint = match dimensions {
            ["path", "browser"] | ["browser"] => "path-browser",
            ["path", ..] | ["country"] => "path",
            ["hour" | "day"] => "time",
            ["status" | "status_class"] => "status",
            other => unreachable!("{other:?} is no table of this test"),
        };
        let at = JOINTS.iter().find(|(name, _)| *name == joint).map(|(_, parts)| *parts);
        let at = at.expect("it is one of them");
        let value = |values: &[Option<String>], dimension: &str| -> Option<String> {
            let place = |name: &str| at.iter().position(|part| *part == name);
            match dimension {
                "day" => values[0].as_ref().map(|hour| hour[..10].to_owned()),
                "status_class" => values[0].as_ref().map(|status| format!("{}xx", &status[..1])),
                dimension => values[place(dimension).expect("it is one of the joint's")].clone(),
            }
        };
        self.unknowns(day, joint, |values| {
            dimensions.iter().zip(key).all(|(dimension, key)| value(values, dimension) == *key)
        })
    }

    /// Puts down what was published of a period, and what it hides.
    fn learn(&mut self, period: Period, content: &Content, tables: &[&[&'static str]]) {
        let days: Vec<i32> = period.days().collect();
        let Some(total) = content.total else { return };
        let all: Vec<usize> =
            days.iter().flat_map(|day| self.unknowns(*day, "time", |_| true)).collect();
        self.system.sum(&all, total.requests);
        for dimensions in tables {
            let name = dimensions.join(".");
            let is_partial = content.partial.contains(&name);
            let rows = content.tables.get(&name);
            let printed: BTreeSet<Vec<String>> = rows
                .iter()
                .flat_map(|rows| rows.iter().filter(|row| !row.is_other()))
                .map(|row| row.key.clone())
                .collect();
            let sum = |attack: &Self, key: &[Option<String>]| -> Vec<usize> {
                days.iter().flat_map(|day| attack.of_key(*day, dimensions, key)).collect()
            };
            let some = |key: &[String]| key.iter().cloned().map(Some).collect::<Vec<_>>();
            // Sums of printed cells say nothing that those do not.
            for row in rows.into_iter().flatten().filter(|_| !is_partial) {
                let unknowns = match (row.is_other(), row.key.as_slice()) {
                    (false, key) => sum(self, &some(key)),
                    // What is left of a row of the first dimension.
                    (true, [first, second]) if first != OTHER && second == OTHER => {
                        let named = printed.iter().filter(|key| key[0] == *first);
                        let named: BTreeSet<usize> =
                            named.flat_map(|key| sum(self, &some(key))).collect();
                        let first = [Some(first.clone())];
                        let all = self.joint_of(&days, dimensions, &first);
                        all.into_iter().filter(|unknown| !named.contains(unknown)).collect()
                    }
                    // What is left of all.
                    (true, _) => continue,
                };
                self.system.sum(&unknowns, row.requests);
            }
            // Every table carries the total, so what is left of all follows.
            self.hide(period, dimensions, &printed, &days);
        }
    }

    fn joint_of(
        &self,
        days: &[i32],
        dimensions: &[&'static str],
        first: &[Option<String>],
    ) -> Vec<usize> {
        let joint = if dimensions[1] == "browser" { "path-browser" } else { "path" };
        let of = |day: &i32| self.unknowns(*day, joint, |values| values[0] == first[0]);
        days.iter().flat_map(of).collect()
    }

    /// Every cell that somebody is in and that was not printed is hidden.
    fn hide(
        &mut self,
        period: Period,
        dimensions: &[&'static str],
        printed: &BTreeSet<Vec<String>>,
        days: &[i32],
    ) {
        let mut cells: BTreeSet<Vec<Option<String>>> = BTreeSet::new();
        for visit in self.visits.iter().filter(|it| days.contains(&it.day) && !it.is_bot) {
            cells.insert(dimensions.iter().map(|it| visit.values.get(it).cloned()).collect());
        }
        for cell in cells {
            let is_told = cell.iter().flatten().any(|key| key == "(unknown)");
            let is_printed = cell
                .iter()
                .cloned()
                .collect::<Option<Vec<_>>>()
                .is_some_and(|key| printed.contains(&key));
            if !is_told && !is_printed {
                let unknowns =
                    days.iter().flat_map(|day| self.of_key(*day, dimensions, &cell)).collect();
                self.hidden.push((format!("{period} {} {cell:?}", dimensions.join(".")), unknowns));
            }
        }
    }

    /// The hidden cells that are pinned to less than k, and how many there are.
    fn pinned(&self) -> (Vec<String>, usize) {
        let sums: Vec<Vec<usize>> = self.hidden.iter().map(|(_, sum)| sum.clone()).collect();
        let bounds = self.system.bounds(&sums).expect("what was published is true");
        let all = self.hidden.iter().zip(bounds);
        let pinned = all.filter(|(_, (low, high))| high - low < f64::from(K) - 1e-3);
        let pinned =
            pinned.map(|((name, _), (low, high))| format!("{name}: {low:.1} to {high:.1}"));
        (pinned.collect(), sums.len())
    }
}

/// Every number that was printed of a period stands for k networks on one of its days, by the raw visits.
fn unsupported(
    visits: &[Visit],
    period: Period,
    content: &Content,
    tables: &[&[&'static str]],
) -> Vec<String> {
    let inside: Vec<&Visit> = visits.iter().filter(|it| period.days().contains(&it.day)).collect();
    let networks = |visits: &[&Visit]| {
        let mut days: BTreeMap<i32, BTreeSet<u64>> = BTreeMap::new();
        for visit in visits.iter().filter(|visit| !visit.is_bot) {
            days.entry(visit.day).or_default().insert(visit.network);
        }
        days.values().map(BTreeSet::len).max().unwrap_or_default()
    };
    let mut found = Vec::new();
    for dimensions in tables {
        let name = dimensions.join(".");
        let Some(rows) = content.tables.get(&name).filter(|_| !content.partial.contains(&name))
        else {
            continue;
        };
        let printed: Vec<&Row> = rows.iter().filter(|row| !row.is_other()).collect();
        for row in rows {
            let is_of = |visit: &&&Visit| match key(visit, dimensions) {
                _ if row.is_other() => {
                    let first = key(visit, &dimensions[..1]);
                    let is_printed = |row: &&Row| key(visit, dimensions).as_ref() == Some(&row.key);
                    let first_of = |row: &Row| first.as_deref() == Some(&row.key[..1]);
                    let has_row = rows.iter().any(|other| other.key[0] != OTHER && first_of(other));
                    let belongs = match dimensions.len() {
                        1 => true,
                        _ if row.key[0] == OTHER => !has_row,
                        _ => first_of(row),
                    };
                    belongs && !printed.iter().any(is_printed)
                }
                key => key.as_ref() == Some(&row.key),
            };
            let behind: Vec<&Visit> = inside.iter().filter(is_of).copied().collect();
            if behind.len() as u64 != row.requests || networks(&behind) < K as usize {
                found.push(format!(
                    "{period} {name} {:?}: {} networks",
                    row.key,
                    networks(&behind)
                ));
            }
        }
        let sum: u64 = rows.iter().map(|row| row.requests).sum();
        if Some(sum) != content.total.map(|total| total.requests) {
            found.push(format!("{period} {name}: makes {sum}"));
        }
    }
    found
}

const PLAIN: [&[&str]; 7] =
    [&["day"], &["hour"], &["status"], &["status_class"], &["path"], &["country"], &["browser"]];
const CROSSED: [&[&str]; 8] = [
    &["day"],
    &["hour"],
    &["status"],
    &["status_class"],
    &["path"],
    &["country"],
    &["path", "country"],
    &["path", "browser"],
];
const FROM: i32 = 20_758;

/// What an attack found.
struct Outcome {
    pinned: Vec<String>,
    unsupported: Vec<String>,
    hidden: usize,
    printed: usize,
}

/// Releases every day of a month and then the month, and attacks all of it.
fn attack_days(seed: u64, a_day: usize, tables: &[&[&'static str]], off: Option<Off>) -> Outcome {
    let visits = month(seed, FROM, a_day, a_day);
    let mut attack = Attack::new(&visits, FROM..FROM + 30);
    let mut outcome =
        Outcome { pinned: Vec::new(), unsupported: Vec::new(), hidden: 0, printed: 0 };
    let mut days = Vec::new();
    for day in (FROM..FROM + 30).map(Period::day) {
        let content =
            rules(off).release(&counted(&visits, day, tables, &by_day)).expect("good tables");
        attack.learn(day, &content, tables);
        outcome.unsupported.extend(unsupported(&visits, day, &content, tables));
        outcome.printed += content.tables.values().map(Vec::len).sum::<usize>();
        days.push(content);
    }
    // The month is a sum of what was printed, and so says nothing new.
    let sum = sum_up(&days.iter().collect::<Vec<_>>());
    for (name, rows) in &sum.tables {
        for row in rows {
            let of_day = |day: &Content| match day.tables.get(name) {
                Some(rows) => rows.iter().find(|it| it.key == row.key).map_or(0, |it| it.requests),
                None if row.key.iter().all(|key| key == OTHER) => {
                    day.total.map_or(0, |total| total.requests)
                }
                None => 0,
            };
            assert_eq!(row.requests, days.iter().map(of_day).sum::<u64>(), "{name} {:?}", row.key);
        }
    }
    (outcome.pinned, outcome.hidden) = attack.pinned();
    outcome
}

/// Releases a period as a whole.
fn attack_whole(
    period: &str,
    seed: u64,
    a_day: usize,
    tables: &[&[&'static str]],
    off: Option<Off>,
) -> Outcome {
    let visits = month(seed, FROM, a_day, a_day);
    let period: Period = period.parse().expect("a period");
    let mut attack = Attack::new(&visits, period.days());
    let content =
        rules(off).release(&counted(&visits, period, tables, &by_day)).expect("good tables");
    attack.learn(period, &content, tables);
    let (pinned, hidden) = attack.pinned();
    let unsupported = unsupported(&visits, period, &content, tables);
    let printed = content.tables.values().map(Vec::len).sum();
    Outcome { pinned, unsupported, hidden, printed }
}

/// November 2026, whose days the visits are of.
fn whole_month() -> Period {
    let period: Period = "2026-11".parse().expect("a month");
    assert_eq!(period.days(), FROM..FROM + 30);
    period
}

#[track_caller]
fn holds(outcome: &Outcome) {
    assert!(outcome.unsupported.is_empty(), "{}", outcome.unsupported.join("\n"));
    assert!(outcome.pinned.is_empty(), "{}", outcome.pinned.join("\n"));
    assert!(outcome.hidden > 10 && outcome.printed > 10, "{} {}", outcome.hidden, outcome.printed);
}

#[test]
fn nothing_hidden_is_found_out_of_thirty_days_and_their_month() {
    for (seed, a_day) in [(1, 60), (2, 150), (3, 500)] {
        holds(&attack_days(seed, a_day, &PLAIN, None));
    }
}

#[test]
fn nothing_hidden_is_found_out_of_tables_of_two_dimensions() {
    for (seed, a_day) in [(11, 150), (12, 600)] {
        holds(&attack_days(seed, a_day, &CROSSED, None));
    }
}

#[test]
fn nothing_hidden_is_found_out_of_a_month() {
    // By hour and day of a month the unknowns are too many.
    let plain: Vec<&[&'static str]> = PLAIN[2..].to_vec();
    for seed in 0..2 {
        holds(&attack_whole("2026-11", seed, 160, &plain, None));
        // By hour and day in a week.
        holds(&attack_whole("2026-W45", seed, 150, &PLAIN[..2], None));
    }
    assert_eq!(popular(None), 0);
}

/// With a rule off, somebody is found in one of a few months.
#[track_caller]
fn breaks(off: Off) -> (usize, usize) {
    let outcomes =
        (0..2).map(|seed| attack_days(seed, 60 + 200 * seed as usize, &PLAIN, Some(off)));
    outcomes.fold((0, 0), |found, it| (found.0 + it.pinned.len(), found.1 + it.unsupported.len()))
}

/// How much is found where all paths are popular, and those that are not shown are told by their statuses.
fn popular(off: Option<Off>) -> usize {
    attack_days(3, 6_000, &[&["status"], &["path"]], off).pinned.len()
}

#[test]
fn without_folding_small_cells_are_told() {
    assert!(breaks(Off::Fold).1 > 0);
}

#[test]
fn without_a_second_member_a_cell_is_its_sum() {
    assert!(popular(Some(Off::TwoMembers)) > 0);
}

#[test]
fn without_a_crowd_the_sum_is_of_few() {
    assert!(breaks(Off::CrowdOfOthers).1 > 0);
}

#[test]
fn without_knowing_what_is_told_elsewhere_statuses_tell_paths() {
    assert!(popular(Some(Off::Told)) > 0);
}

#[test]
fn without_groups_coarse_tables_tell_fine_ones() {
    assert!(breaks(Off::Groups).0 > 0);
}

#[test]
fn without_one_total_the_gap_is_told() {
    assert!(breaks(Off::OneTotal).0 > 0);
}

#[test]
fn without_epochs_a_reader_of_every_day_is_a_crowd() {
    // The networks of all days are added up, as those of daily keys would be.
    let mut visits = month(7, FROM, 40, 40);
    for day in FROM..FROM + 30 {
        let mut lonely = visit(&mut Dice(5), day, 3, false);
        lonely.values.insert("path", "/lonely".to_owned());
        lonely.values.insert("status", "200".to_owned());
        visits.push(lonely);
    }
    let tables: [&[&str]; 1] = [&["path"]];
    let with = |epoch: &dyn Fn(i32) -> u32, mix: u64| {
        let mut visits = visits.clone();
        visits.iter_mut().for_each(|it| it.network += mix * it.day as u64);
        let counted = counted(&visits, whole_month(), &tables, epoch);
        let content = rules(None).release(&counted).expect("good tables");
        let rows = content.tables.get("path").cloned().unwrap_or_default();
        rows.iter().any(|row| row.key == ["/lonely"])
    };
    assert!(!with(&by_day, 0));
    assert!(with(&|_| 0, 1_000_000));
}

#[test]
fn without_sums_of_what_was_printed_a_month_tells_its_days() {
    let tables: [&[&'static str]; 1] = [&["browser"]];
    let mut visits = Vec::new();
    for day in FROM..FROM + 30 {
        // Many with one browser and many with another, and on the first day four with the latter.
        let others = if day == FROM { 4 } else { 20 };
        for network in 0..40 + others {
            let mut one = visit(&mut Dice(network), day, network, false);
            let browser = if network < 40 { "Firefox" } else { "Lynx" };
            one.values.insert("browser", browser.to_owned());
            visits.push(one);
        }
    }
    let mut attack = Attack::new(&visits, FROM..FROM + 30);
    let release = |period| {
        rules(None).release(&counted(&visits, period, &tables, &by_day)).expect("good tables")
    };
    for day in (FROM..FROM + 30).map(Period::day) {
        attack.learn(day, &release(day), &tables);
    }
    assert!(attack.pinned().0.is_empty());
    // What the ledger refuses: the month as it was counted, beside its days.
    attack.learn(whole_month(), &release(whole_month()), &tables);
    assert!(!attack.pinned().0.is_empty());
}

#[test]
fn rounded_tables_still_carry_one_total() {
    for seed in 0..2 {
        let visits = month(seed, FROM, 300, 200);
        for day in (FROM..FROM + 30).map(Period::day) {
            let counted = counted(&visits, day, &CROSSED, &by_day);
            let exact = Rules::new(K, Blur::None).release(&counted).expect("good tables");
            let round = Rules::new(K, Blur::Round(5)).release(&counted).expect("good tables");
            let total = round.total.expect("enough").requests;
            assert_eq!(exact.withheld, round.withheld);
            for (name, rows) in &round.tables {
                assert_eq!(rows.iter().map(|row| row.requests).sum::<u64>(), total, "{name}");
                assert!(rows.iter().all(|row| row.requests % 5 == 0 && row.requests > 0), "{name}");
                if !round.partial.contains(name) && rows.len() > 1 && !name.contains('.') {
                    let near = |row: &Row| {
                        let of = exact.tables[name].iter().find(|it| it.key == row.key);
                        of.is_some_and(|of| {
                            row.is_other() || of.requests.abs_diff(row.requests) < 5
                        })
                    };
                    assert!(rows.iter().all(near), "{name}");
                }
            }
            // A row of a coarse table is what its finer rows make, where all of these are printed.
            if let (Some(paths), Some(pairs)) =
                (round.tables.get("path"), round.tables.get("path.country"))
            {
                for path in paths.iter().filter(|row| !row.is_other()) {
                    let of = pairs.iter().filter(|row| row.key[0] == path.key[0]);
                    assert_eq!(of.map(|row| row.requests).sum::<u64>(), path.requests);
                }
            }
        }
    }
}
