//! The search for all words of the vocabulary in one pass.
//!
//! This file knows how words are written in the lists, and nothing of what they mean together.

use super::automaton::{Automaton, State};
use super::vocabulary::{Browser, CLIENTS, Os, SIGNS, SYSTEMS, Sign};

/// Where there is nothing to be found.
const NOWHERE: usize = usize::MAX;

/// The automaton, and what each of its patterns stands for.
#[derive(Debug)]
pub(super) struct Words {
    automaton: Automaton,
    words: Vec<Word>,
}

/// One word, at the place of its pattern number.
#[derive(Clone, Copy, Debug)]
struct Word {
    role: Role,
    /// The length in bytes, from which the start of a match is known.
    length: u8,
    /// Whether a letter or digit may stand before the word.
    inside: bool,
    /// Whether no letter or digit may stand behind the word.
    ends: bool,
}

/// The list that a word is from, and its entry there.
#[derive(Clone, Copy, Debug)]
enum Role {
    Client(Browser),
    System(Os),
    Sign(Sign),
}

/// What one pass found: the first word of each list by precedence, and all signs.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) browser: Browser,
    pub(super) os: Os,
    /// The number of the word that `browser` was told from; lower numbers win.
    client_word: usize,
    system_word: usize,
    /// Where the word of `browser` ends in the agent.
    client_end: usize,
    version_end: usize,
    revision_end: usize,
    signs: u16,
}

impl Words {
    /// Builds the automaton from the lists.
    pub(super) fn new() -> Self {
        let (patterns, words): (Vec<String>, Vec<Word>) =
            roles().map(|(role, text)| parse(role, text)).unzip();
        let automaton = Automaton::new(&patterns);
        Self { automaton, words }
    }

    /// Walks over the agent once and notes every word.
    pub(super) fn find(&self, agent: &[u8]) -> Found {
        let mut found = Found::nothing();
        let (mut state, mut at) = (State::START, 0);
        loop {
            let (read, words) = self.automaton.next(&mut state, &agent[at..]);
            at += read;
            if words.is_empty() {
                return found;
            }
            for &number in words {
                self.note(usize::from(number), agent, at, &mut found);
            }
            let skip = boilerplate(&agent[at..]);
            if skip > 0 {
                (state, at) = (State::START, at + skip);
            }
        }
    }

    /// Notes one word that ends before `end`, if its edges are as they should be.
    fn note(&self, number: usize, agent: &[u8], end: usize, found: &mut Found) {
        let word = self.words[number];
        let start = end - usize::from(word.length);
        let joined_before = start > 0 && agent[start - 1].is_ascii_alphanumeric();
        let joined_behind = agent.get(end).is_some_and(u8::is_ascii_alphanumeric);
        if (joined_before && !word.inside) || (joined_behind && word.ends) {
            return;
        }
        match word.role {
            Role::Client(browser) if number < found.client_word => {
                (found.browser, found.client_word, found.client_end) = (browser, number, end);
            }
            Role::System(os) if number < found.system_word => {
                (found.os, found.system_word) = (os, number);
            }
            Role::Client(_) | Role::System(_) => {}
            Role::Sign(sign) => found.sign(sign, end),
        }
    }

    /// The memory of the automaton, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.automaton.memory_bytes()
    }
}

impl Found {
    const fn nothing() -> Self {
        Self {
            browser: Browser::Other,
            os: Os::Other,
            client_word: NOWHERE,
            system_word: NOWHERE,
            client_end: NOWHERE,
            version_end: NOWHERE,
            revision_end: NOWHERE,
            signs: 0,
        }
    }

    /// Notes a sign; the first place of a version counts.
    fn sign(&mut self, sign: Sign, end: usize) {
        match sign {
            Sign::Version if !self.has(sign) => self.version_end = end,
            Sign::Revision if !self.has(sign) => self.revision_end = end,
            _ => {}
        }
        self.signs |= 1 << sign as u16;
    }

    /// Whether the sign was seen.
    pub(super) const fn has(&self, sign: Sign) -> bool {
        self.signs & (1 << sign as u16) != 0
    }

    /// The version at the name of the client, 0 if there is none.
    pub(super) fn version_at_name(&self, agent: &[u8]) -> u16 {
        version(agent, self.client_end)
    }

    /// The version behind `Version/`, 0 if there is none.
    pub(super) fn version_of_its_own(&self, agent: &[u8]) -> u16 {
        version(agent, self.version_end)
    }

    /// The version behind `rv:`, 0 if there is none.
    pub(super) fn version_of_revision(&self, agent: &[u8]) -> u16 {
        version(agent, self.revision_end)
    }
}

/// How many bytes behind a word can be passed over because all browsers say the same there.
///
/// It saves a sixth of the time. BE ADVISED: no word of the lists may lie in this text, nor begin
/// at its end, or it would be missed; a test compares with a pass over every byte.
fn boilerplate(rest: &[u8]) -> usize {
    let version = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    if rest[version..].starts_with(BOILERPLATE) { version + BOILERPLATE.len() } else { 0 }
}

/// What stands behind the version of WebKit, up to the name of the browser.
const BOILERPLATE: &[u8] = b" (KHTML, like Gecko) ";

/// Every word of every list. Their order is their precedence, so clients go first and in order.
fn roles() -> impl Iterator<Item = (Role, &'static str)> {
    let clients = CLIENTS
        .iter()
        .flat_map(|client| client.words.iter().map(|word| (Role::Client(client.browser), *word)));
    let systems = SYSTEMS
        .iter()
        .flat_map(|system| system.words.iter().map(|word| (Role::System(system.os), *word)));
    let signs =
        SIGNS.iter().flat_map(|(sign, words)| words.iter().map(|word| (Role::Sign(*sign), *word)));
    clients.chain(systems).chain(signs)
}

/// Takes the marks of the edges off a word.
fn parse(role: Role, text: &str) -> (String, Word) {
    let (text, inside) = text.strip_prefix('*').map_or((text, false), |rest| (rest, true));
    let (text, ends) = text.strip_suffix('$').map_or((text, false), |rest| (rest, true));
    let length = u8::try_from(text.len()).expect("the longest word of the lists has 40 bytes");
    (text.to_ascii_lowercase(), Word { role, length, inside, ends })
}

/// Reads the major version that stands behind a word ending at `end`; 0 if none stands there.
///
/// One to three digits count, and only if they end as a version does. A longer number is more
/// likely a person's than a version, and so is one that goes on with letters or dashes.
fn version(agent: &[u8], end: usize) -> u16 {
    let Some((behind, last)) = agent.get(end..).zip(agent.get(end.wrapping_sub(1))) else {
        return 0;
    };
    // A word such as `Chrome/` already includes the separator. One such as `Googlebot` does not, and
    // may go on, as in `Googlebot-Image/1.0`.
    let digits = if last.is_ascii_alphanumeric() {
        let more = matches!(behind, [b'-', ..]);
        let name =
            behind.iter().take_while(|byte| more && (byte.is_ascii_alphabetic() || **byte == b'-'));
        match behind[name.count()..] {
            [b'/', ref digits @ ..] => digits,
            _ => return 0,
        }
    } else {
        behind
    };
    let digits = digits.strip_prefix(b"v").unwrap_or(digits);
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let ended = matches!(
        digits.get(length),
        None | Some(b'.' | b' ' | b';' | b')' | b',' | b'/' | b'+' | b']' | b'(' | b'~')
    );
    if length > 3 || !ended {
        return 0;
    }
    digits[..length].iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}
