//! The addresses of many lines, each once in the end: lists that are sorted now and then.
//!
//! A line costs a push, and a sort of numbers is cheaper than a set: with one, a fifth of the time of sealing was
//! spent on addresses.

use std::net::{IpAddr, Ipv6Addr};

/// How many addresses may be there twice before they are sorted.
const SURPLUS_MAX: usize = 1 << 16;

/// Numbers of which some may be there more than once.
struct Numbers<T> {
    all: Vec<T>,
    /// How many of them are sorted and there once.
    settled: usize,
}

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self { all: Vec::new(), settled: 0 }
    }
}

impl<T: Copy + Ord> Numbers<T> {
    fn settle(&mut self) {
        if self.settled < self.all.len() {
            self.all.sort_unstable();
            self.all.dedup();
            self.settled = self.all.len();
        }
    }

    fn settle_if_many(&mut self) {
        if self.all.len() > 2 * self.settled + SURPLUS_MAX {
            self.settle();
        }
    }
}

/// Addresses of clients.
#[derive(Default)]
pub(super) struct Addresses {
    v4: Numbers<u32>,
    v6: Numbers<u128>,
}

impl Addresses {
    #[inline]
    pub(super) fn insert(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.v4.all.push(v4.to_bits()),
            IpAddr::V6(v6) => self.v6.all.push(v6.to_bits()),
        }
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        self.v4.all.extend_from_slice(&other.v4.all);
        self.v6.all.extend_from_slice(&other.v6.all);
        self.v4.settle_if_many();
        self.v6.settle_if_many();
    }

    /// How many there are at most.
    pub(super) const fn count_max(&self) -> usize {
        self.v4.all.len() + self.v6.all.len()
    }

    /// Whether there are so many different ones.
    pub(super) fn reach(&mut self, count: usize) -> bool {
        self.count_max() >= count && {
            self.v4.settle();
            self.v6.settle();
            self.count_max() >= count
        }
    }

    /// Appends each as a JSON string with a comma behind it, in the order of numbers, IPv4 first.
    pub(super) fn write(&mut self, out: &mut String) {
        self.v4.settle();
        self.v6.settle();
        out.reserve(self.v4.all.len() * 18 + self.v6.all.len() * 42);
        for address in &self.v4.all {
            out.push('"');
            let [a, b, c, d] = address.to_be_bytes();
            for (byte, end) in [(a, '.'), (b, '.'), (c, '.'), (d, '"')] {
                push_number(byte, out);
                out.push(end);
            }
            out.push(',');
        }
        for address in &self.v6.all {
            let text = Ipv6Addr::from_bits(*address).to_string();
            out.extend(["\"", &text, "\","]);
        }
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        self.v4.all.fill(0);
        self.v6.all.fill(0);
        std::hint::black_box((&self.v4.all, &self.v6.all));
    }
}

fn push_number(byte: u8, out: &mut String) {
    let digit = |number: u8| char::from(b'0' + number);
    if byte >= 100 {
        out.push(digit(byte / 100));
    }
    if byte >= 10 {
        out.push(digit(byte / 10 % 10));
    }
    out.push(digit(byte % 10));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_there_once_and_as_it_is_written() {
        let mut all = Addresses::default();
        let texts = ["203.0.113.255", "2001:db8::7", "192.0.2.0", "10.99.100.9", "::1"];
        for _ in 0..3 {
            let mut part = Addresses::default();
            texts.iter().for_each(|text| part.insert(text.parse().expect("an address")));
            all.absorb(&part);
        }
        assert!(!all.reach(6) && all.reach(5));
        let mut text = String::new();
        all.write(&mut text);
        assert_eq!(
            text,
            "\"10.99.100.9\",\"192.0.2.0\",\"203.0.113.255\",\"::1\",\"2001:db8::7\","
        );
        for byte in 0..=255 {
            let mut text = String::new();
            push_number(byte, &mut text);
            assert_eq!(text, byte.to_string());
        }
    }

    #[test]
    fn many_take_no_more_room_than_different_ones_ask_for() {
        let mut all = Addresses::default();
        for _ in 0..40 {
            let mut part = Addresses::default();
            (0..10_000_u32)
                .for_each(|bits| part.insert(std::net::Ipv4Addr::from_bits(bits).into()));
            all.absorb(&part);
        }
        assert!(all.count_max() < 100_000 && !all.reach(10_001));
    }
    #[test]
    fn many_at_once_are_settled_at_once_and_few_wait() {
        let mut all = Addresses::default();
        let mut absorb = |count: usize| {
            let mut part = Addresses::default();
            (0..count).for_each(|_| part.insert("2001:db8::7".parse().expect("an address")));
            all.absorb(&part);
            all.count_max()
        };
        assert_eq!(absorb(SURPLUS_MAX), SURPLUS_MAX);
        assert_eq!(absorb(1), 1);
        assert_eq!(absorb(SURPLUS_MAX + 1), SURPLUS_MAX + 2);
        assert_eq!(absorb(1), 1);
    }
}
