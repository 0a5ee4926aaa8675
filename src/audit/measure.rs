//! How alike records are, in numbers.

use super::row::{Facet, Row, View};

/// The sizes that are asked for: fewer records than this are alike.
pub const KS: [u64; 3] = [2, 5, 10];
/// Records of one client and agent belong together when no more than this lies between them, in seconds.
const CHAIN_GAP: u32 = 1_800;
/// The browser and what it runs on, which one header says together.
const AGENT: [Facet; 4] = [Facet::Browser, Facet::BrowserVersion, Facet::Os, Facet::Device];

/// What is found of records.
#[derive(Clone, Debug, PartialEq)]
pub struct Risk {
    /// How many were measured.
    pub records: u64,
    /// For each of [`KS`], how many records have fewer like them, themselves counted.
    pub under: [u64; KS.len()],
    /// How many groups of records that are alike there are.
    pub classes: u64,
    /// How much a record says in all, in bits.
    pub entropy: f64,
    /// The fields that any record has.
    pub fields: Vec<FieldRisk>,
    /// Which records stand alone by few fields.
    pub singled: Singled,
    /// What can be joined.
    pub chains: Chains,
}

/// What one field says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldRisk {
    /// Which field.
    pub facet: Facet,
    /// How many different values it has.
    pub values: u64,
    /// How much it says, in bits.
    pub entropy: f64,
    /// How many records stand alone by it.
    pub unique: u64,
}

/// Records that stand alone by two or three fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Singled {
    /// By any two.
    pub by_two: u64,
    /// By any three, or two.
    pub by_three: u64,
    /// The fields by which most do, and how many.
    pub most: Option<(Vec<&'static str>, u64)>,
}

/// Records that a client and an agent join to a visit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chains {
    /// How many records can be joined with another one.
    pub joined: u64,
    /// How many visits they make.
    pub chains: u64,
    /// The records of the longest.
    pub longest: u64,
}

/// Measures records.
#[must_use]
pub fn measure(rows: &[Row]) -> Risk {
    let (under, classes, entropy) = alike(rows, View::ALL);
    let present = present(rows);
    let fields = present.iter().map(|facet| {
        let (under, values, entropy) = alike(rows, View::NONE.with(*facet, u8::MAX));
        FieldRisk { facet: *facet, values, entropy, unique: under[0] }
    });
    Risk {
        records: rows.len() as u64,
        under,
        classes,
        entropy,
        fields: fields.collect(),
        singled: singled(rows, &present),
        chains: chains(rows),
    }
}

/// The facets that any record has.
pub(super) fn present(rows: &[Row]) -> Vec<Facet> {
    Facet::ALL.into_iter().filter(|facet| rows.iter().any(|row| row.has(*facet))).collect()
}

/// How many records have fewer than each of [`KS`] like them in a view, how many groups there are, and the entropy.
pub(super) fn alike(rows: &[Row], view: View) -> ([u64; KS.len()], u64, f64) {
    let (mut under, mut classes, mut sum) = ([0; KS.len()], 0, 0.0);
    each_class(rows, view, |size| {
        classes += 1;
        sum += size as f64 * (size as f64).log2();
        for (under, k) in under.iter_mut().zip(KS) {
            *under += if size < k { size } else { 0 };
        }
    });
    let records = (rows.len().max(1)) as f64;
    (under, classes, records.log2() - sum / records)
}

/// How many records have fewer than `k` like them in a view.
pub(super) fn under(rows: &[Row], view: View, k: u64) -> u64 {
    let mut under = 0;
    each_class(rows, view, |size| under += if size < k { size } else { 0 });
    under
}

/// Hands on the size of each group of records that are alike.
fn each_class(rows: &[Row], view: View, mut receive: impl FnMut(u64)) {
    let mut numbers: Vec<u64> = rows.iter().map(|row| view.of(row)).collect();
    numbers.sort_unstable();
    numbers.chunk_by(|one, other| one == other).for_each(|class| receive(class.len() as u64));
}

/// The fields as somebody knows them, an agent as one.
fn known(present: &[Facet]) -> Vec<(&'static str, Vec<Facet>)> {
    let agent: Vec<_> = present.iter().copied().filter(|facet| AGENT.contains(facet)).collect();
    let others = present.iter().filter(|facet| !AGENT.contains(facet));
    let mut known: Vec<_> = others.map(|facet| (facet.name(), vec![*facet])).collect();
    if !agent.is_empty() {
        known.push(("agent", agent));
    }
    known
}

fn singled(rows: &[Row], present: &[Facet]) -> Singled {
    let known = known(present);
    let mut is_single = vec![0_u8; rows.len()];
    let mut most: Option<(Vec<&'static str>, u64)> = None;
    for (first, one) in known.iter().enumerate() {
        for (second, two) in known.iter().enumerate().skip(first + 1) {
            let number = mark(rows, &[one, two], 2, &mut is_single);
            note(&mut most, &[one.0, two.0], number);
            for three in &known[second + 1..] {
                let number = mark(rows, &[one, two, three], 1, &mut is_single);
                note(&mut most, &[one.0, two.0, three.0], number);
            }
        }
    }
    let by = |bits: u8| is_single.iter().filter(|marks| **marks & bits != 0).count() as u64;
    Singled { by_two: by(2), by_three: by(3), most }
}

fn note(most: &mut Option<(Vec<&'static str>, u64)>, names: &[&'static str], number: u64) {
    // Fewer fields say more of what is wrong, where as many stand alone by them.
    if number > most.as_ref().map_or(0, |(_, most)| *most) {
        *most = Some((names.to_vec(), number));
    }
}

/// Marks the records that stand alone by these fields, and says how many they are.
fn mark(rows: &[Row], fields: &[&(&str, Vec<Facet>)], bit: u8, marks: &mut [u8]) -> u64 {
    let facets = fields.iter().flat_map(|(_, facets)| facets);
    let view = facets.fold(View::NONE, |view, facet| view.with(*facet, u8::MAX));
    let mut numbers: Vec<(u64, u32)> =
        rows.iter().zip(0..).map(|(row, number)| (view.of(row), number)).collect();
    numbers.sort_unstable();
    let mut alone = 0;
    for class in numbers.chunk_by(|one, other| one.0 == other.0) {
        if let [(_, number)] = class {
            marks[*number as usize] |= bit;
            alone += 1;
        }
    }
    alone
}

fn chains(rows: &[Row]) -> Chains {
    if rows.iter().all(|row| row.client == 0) {
        return Chains::default();
    }
    let view = AGENT.into_iter().chain([Facet::Client, Facet::Language]);
    let view = view.fold(View::NONE, |view, facet| view.with(facet, u8::MAX));
    let mut visits: Vec<(u64, u32)> = rows.iter().map(|row| (view.of(row), row.time)).collect();
    visits.sort_unstable();
    let mut found = Chains::default();
    let follows =
        |one: &(u64, u32), other: &(u64, u32)| one.0 == other.0 && other.1 - one.1 <= CHAIN_GAP;
    for chain in visits.chunk_by(follows).filter(|chain| chain.len() > 1) {
        let length = chain.len() as u64;
        found.joined += length;
        found.chains += 1;
        found.longest = found.longest.max(length);
    }
    found
}
