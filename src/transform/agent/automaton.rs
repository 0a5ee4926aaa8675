//! The automaton that finds all words in one pass (Aho and Corasick), as one flat table.
//!
//! It is our own because the walk is what classifying costs: an entry of the table is already the
//! offset of the next row, and the entry of a match points outside the table, so that one comparison
//! both guards the load and notices the match. The case of ASCII letters does not matter.

use std::collections::VecDeque;

/// Marks entries that lead to a match; the other bits are its number.
const MATCH: u32 = 1 << 31;

/// Stands for a missing transition while the table is built.
const NONE: u32 = u32::MAX;

/// The row where every search begins.
const ROOT: u32 = 0;

/// Finds every occurrence of every word.
#[derive(Debug)]
pub(super) struct Automaton {
    /// The column of each byte; those that occur in no word share the first.
    columns: [u8; 256],
    /// A row for each state. The entries are offsets of rows, or matches.
    table: Vec<u32>,
    matches: Vec<Match>,
    /// The numbers of the words, by match.
    words: Vec<u16>,
}

/// A state in which words end.
#[derive(Clone, Copy, Debug)]
struct Match {
    /// The offset of its row.
    row: u32,
    /// Where its words are listed.
    words: (u32, u32),
}

/// Where a search stands.
#[derive(Clone, Copy)]
pub(super) struct State(u32);

impl State {
    /// The state before the first byte.
    pub(super) const START: Self = Self(ROOT);
}

impl Automaton {
    /// Builds the table for words in small letters.
    pub(super) fn new(words: &[String]) -> Self {
        let (columns, width) = columns(words);
        let (mut table, mut ends) = trie(words, &columns, width);
        complete(&mut table, &mut ends, width);
        let mut automaton = Self { columns, table, matches: Vec::new(), words: Vec::new() };
        automaton.mark(&ends, width);
        automaton
    }

    /// Makes offsets of the state numbers in the table, and matches of those in which words end.
    fn mark(&mut self, ends: &[Vec<u16>], width: usize) {
        let mut entries = Vec::with_capacity(ends.len());
        for (state, words) in ends.iter().enumerate() {
            let row = (state * width) as u32;
            if words.is_empty() {
                entries.push(row);
                continue;
            }
            entries.push(MATCH | self.matches.len() as u32);
            let first = self.words.len() as u32;
            self.words.extend_from_slice(words);
            self.matches.push(Match { row, words: (first, self.words.len() as u32) });
        }
        for entry in &mut self.table {
            *entry = entries[*entry as usize];
        }
    }

    /// Reads on from `state` up to the end of the next words. Returns how many bytes that took and
    /// the words, of which there are none at the end of the text only.
    #[inline]
    pub(super) fn next(&self, state: &mut State, text: &[u8]) -> (usize, &[u16]) {
        let read = self.walk(&mut state.0, text);
        let Some(found) = self.matches.get((state.0 ^ MATCH) as usize) else {
            return (read, &[]);
        };
        state.0 = found.row;
        (read, &self.words[found.words.0 as usize..found.words.1 as usize])
    }

    /// Walks until the text ends or the state is a match; returns how many bytes it took.
    #[inline]
    fn walk(&self, state: &mut u32, text: &[u8]) -> usize {
        let column = |byte: u8| u32::from(self.columns[usize::from(byte)]);
        let table = self.table.as_slice();
        let (chunks, rest) = text.as_chunks::<4>();
        let mut at = *state;
        for (number, chunk) in chunks.iter().enumerate() {
            for (inside, &byte) in chunk.iter().enumerate() {
                let Some(&next) = table.get((at + column(byte)) as usize) else {
                    *state = at;
                    return 4 * number + inside;
                };
                at = next;
            }
        }
        for (inside, &byte) in rest.iter().enumerate() {
            let Some(&next) = table.get((at + column(byte)) as usize) else {
                *state = at;
                return 4 * chunks.len() + inside;
            };
            at = next;
        }
        *state = at;
        text.len()
    }

    /// The memory of the tables, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.table)
            + size_of_val(&*self.matches)
            + size_of_val(&*self.words)
    }
}

/// A column for each byte of the words, whatever its case, and the number of columns.
fn columns(words: &[String]) -> ([u8; 256], usize) {
    let mut columns = [0; 256];
    let mut width = 1;
    for byte in words.iter().flat_map(|word| word.bytes()) {
        let column = &mut columns[usize::from(byte)];
        if *column == 0 {
            *column = width;
            columns[usize::from(byte.to_ascii_uppercase())] = width;
            width += 1;
        }
    }
    (columns, usize::from(width))
}

/// The words as a tree of state numbers, and the words that end in each state.
fn trie(words: &[String], columns: &[u8; 256], width: usize) -> (Vec<u32>, Vec<Vec<u16>>) {
    let (mut table, mut ends) = (vec![NONE; width], vec![Vec::new()]);
    for (number, word) in words.iter().enumerate() {
        let mut state = ROOT;
        for byte in word.bytes() {
            let entry = state as usize * width + usize::from(columns[usize::from(byte)]);
            if table[entry] == NONE {
                table[entry] = ends.len() as u32;
                table.resize(table.len() + width, NONE);
                ends.push(Vec::new());
            }
            state = table[entry];
        }
        ends[state as usize].push(number as u16);
    }
    (table, ends)
}

/// Fills the gaps of the tree with where the longest suffix that it knows goes on; breadth first, so
/// that the rows of all suffixes are complete already.
fn complete(table: &mut [u32], ends: &mut [Vec<u16>], width: usize) {
    let mut suffixes = vec![ROOT; ends.len()];
    let mut queue = VecDeque::from([ROOT]);
    while let Some(state) = queue.pop_front() {
        let suffix = suffixes[state as usize];
        for column in 0..width {
            let entry = state as usize * width + column;
            let onward = if state == ROOT { ROOT } else { table[suffix as usize * width + column] };
            let child = table[entry];
            if child == NONE {
                table[entry] = onward;
                continue;
            }
            suffixes[child as usize] = onward;
            let inherited = ends[onward as usize].clone();
            ends[child as usize].extend(inherited);
            queue.push_back(child);
        }
    }
}
