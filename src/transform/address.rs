//! The client address: read strictly, decoded, and cut down to a network.
//!
//! Text goes in, a [`Client`] comes out, and only a [`Client`] can be written. An address that
//! carries another one (IPv4-mapped, 6to4, NAT64 ...) is decoded first: a 6to4 address cut to /48
//! would still hold all 32 bits of the IPv4 address inside.
//!
//! What is not certainly an address or a host name is refused, never passed on and never guessed
//! at: `010.1.1.1` is two different addresses to two different programs. The file does not resolve
//! names, does not keep ports or zones, and does not choose how many bits to keep: whoever builds a
//! [`Truncation`] says so. It does not pick from forwarded lists either.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use wide::u8x16;

use super::pseudonym::{Canonical, Token};

/// The longest host name, in bytes, without a final dot (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;

/// The longest label of a host name, in bytes (RFC 1035, section 2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// The longest zone, in bytes: Linux allows 15 for an interface name, others write numbers.
const ZONE_BYTES_MAX: usize = 15;

/// What the text of a client is. It still identifies: it has no `Debug`, and the only thing to do
/// with it is [`Truncation::apply`].
#[derive(Clone, Copy)]
pub enum Parsed {
    /// An address. One that was embedded in another is already decoded.
    Ip(IpAddr),
    /// A Teredo address: it holds the addresses of a server and, inverted, of the client, so that
    /// no part of it is worth keeping.
    Teredo,
    /// A host name. Which one is not kept.
    Hostname,
}

/// A client that no longer identifies, or was exempted from that by the policy.
///
/// Invariant: the bits of `network` behind the first `prefix` are zero. [`Truncation::apply`]
/// makes no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// An IPv4 network.
    V4 {
        /// The address of the network, as a number.
        network: u32,
        /// How many leading bits were kept.
        prefix: u8,
    },
    /// An IPv6 network.
    V6 {
        /// The address of the network, as a number.
        network: u128,
        /// How many leading bits were kept.
        prefix: u8,
    },
    /// An address of one's own networks, whole.
    Exempt(IpAddr),
    /// A pseudonym for the length of an epoch.
    Token(Token),
    /// Some Teredo address.
    Teredo,
    /// Some host name.
    Hostname,
}

/// Reads the text of a client; `None` refuses it.
///
/// Accepted are `addr`, `addr:port`, `[v6]`, `[v6]:port`, `v6%zone`, `[v6%zone]:port` and a host
/// name. A host name with a port is refused, as no server logs one in place of an address.
///
/// An IPv6 address followed by `:port` without brackets is ambiguous. Where the whole is no address
/// (a port of five digits, or eight groups before it) it is refused. Where it happens to be one
/// (`2001:db8::1:443`) the port becomes its last sixteen bits, which every prefix cuts off. Only
/// where the address carries an IPv4 address in its lowest bits can this go wrong, and then towards
/// less: `64:ff9b::c000:201:80` is read as plain IPv6 and becomes `64:ff9b::/32`, and `::1:443`
/// becomes the network of 0.1.4.67, an address that nobody has.
#[inline]
#[must_use]
pub fn parse(text: &[u8]) -> Option<Parsed> {
    match dotted_quad(text) {
        Some(v4) => Some(Parsed::Ip(IpAddr::V4(Ipv4Addr::from_bits(v4)))),
        None => parse_other(text),
    }
}

/// All notations but the plain dotted quad.
///
/// The first colon tells them apart: a group of an IPv6 address has at most four digits, and an
/// IPv4 address has at least seven bytes.
fn parse_other(text: &[u8]) -> Option<Parsed> {
    match text.iter().position(|&b| b == b':') {
        None => is_host_name(text).then_some(Parsed::Hostname),
        Some(_) if text[0] == b'[' => bracketed(&text[1..]),
        Some(0..=4) => zoned(text).map(decode),
        Some(colon) => quad_and_port(&text[..colon], &text[colon + 1..]),
    }
}

/// What follows an opening bracket: an IPv6 address, the closing one, and perhaps a port.
fn bracketed(text: &[u8]) -> Option<Parsed> {
    let end = memchr::memchr(b']', text)?;
    let after = &text[end + 1..];
    let port_is_fine = after.is_empty() || after.strip_prefix(b":").is_some_and(is_port);
    if port_is_fine { zoned(&text[..end]).map(decode) } else { None }
}

/// An IPv4 address and its port.
fn quad_and_port(address: &[u8], port: &[u8]) -> Option<Parsed> {
    let v4 = dotted_quad(address)?;
    is_port(port).then_some(Parsed::Ip(IpAddr::V4(Ipv4Addr::from_bits(v4))))
}

/// An IPv6 address with or without `%zone`. The zone names an interface of the server and goes.
fn zoned(text: &[u8]) -> Option<u128> {
    if let Some(bits) = hextets(text) {
        return Some(bits);
    }
    match memchr::memchr(b'%', text) {
        Some(at) if is_zone(&text[at + 1..]) => std_v6(&text[..at]),
        Some(_) => None,
        None => std_v6(text),
    }
}

fn is_zone(text: &[u8]) -> bool {
    let allowed = |b: &u8| b.is_ascii_alphanumeric() || b"._-~".contains(b);
    (1..=ZONE_BYTES_MAX).contains(&text.len()) && text.iter().all(allowed)
}

fn is_port(text: &[u8]) -> bool {
    let digits = (1..=5).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    digits && text.iter().fold(0, |port, b| port * 10 + u32::from(b - b'0')) <= 65_535
}

/// Whether the text is a host name that nothing could take for an address.
///
/// Names by the rules of RFC 1123, with an underscore tolerated inside a label as it occurs in
/// reverse names. The last label must not be a number by the rule of the WHATWG URL standard
/// ("ends in a number"), or else `198.051.100.077` and `3325256781` would be names.
fn is_host_name(text: &[u8]) -> bool {
    let name = text.strip_suffix(b".").unwrap_or(text);
    let last = name.rsplit(|&b| b == b'.').next().unwrap_or_default();
    name.len() <= NAME_BYTES_MAX && name.split(|&b| b == b'.').all(is_label) && !is_number(last)
}

fn is_label(label: &[u8]) -> bool {
    let (Some(first), Some(last)) = (label.first(), label.last()) else { return false };
    label.len() <= LABEL_BYTES_MAX
        && first.is_ascii_alphanumeric()
        && last.is_ascii_alphanumeric()
        && label.iter().all(|&b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_number(label: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    label.iter().all(u8::is_ascii_digit)
        || label.strip_prefix(b"0x").is_some_and(hex)
        || label.strip_prefix(b"0X").is_some_and(hex)
}

/// Takes the IPv4 address out of an IPv6 address that carries one.
///
/// The all-zero address of 6to4, NAT64 and Teredo stays what it is: no client has it, but it is
/// what truncation leaves of the neighbours of these ranges (`64:ff9b:1::5` becomes `64:ff9b::`),
/// and reading our own output again must not change it.
///
/// Two carriers are left alone. The local-use NAT64 prefix `64:ff9b:1::/48` (RFC 8215) and the
/// interface id of ISATAP (RFC 5214) hold IPv4 bits only behind bit 48, where they are cut off
/// by every prefix that is not marked as identifying; where the bits of the former begin depends
/// on a network's own choice (RFC 6052), so that they could not be found anyway.
fn decode(bits: u128) -> Parsed {
    const MAPPED: u128 = 0xffff;
    const NAT64: u128 = 0x0064_ff9b << 64;
    const TEREDO: u128 = 0x2001_0000;
    let v4 = |bits: u128| Parsed::Ip(IpAddr::V4(Ipv4Addr::from_bits((bits & 0xffff_ffff) as u32)));
    let is_network = bits.trailing_zeros() >= 96;
    match bits >> 32 {
        MAPPED => v4(bits),
        0 if bits > 1 => v4(bits),
        NAT64 if !is_network => v4(bits),
        _ if bits >> 112 == 0x2002 && bits.trailing_zeros() < 112 => v4(bits >> 80),
        _ if bits >> 96 == TEREDO && !is_network => Parsed::Teredo,
        _ => Parsed::Ip(IpAddr::V6(Ipv6Addr::from_bits(bits))),
    }
}

/// A dotted quad as strict as `std`: four decimal numbers up to 255 without leading zeros.
///
/// Almost every line has one, and a loop over its bytes mispredicts at each dot. So all bytes are
/// looked at together, and every finding is gathered in `wrong`, which alone decides. Whoever
/// changes this should know that the tests compare with `std` on addresses, mutants and noise.
#[inline]
fn dotted_quad(text: &[u8]) -> Option<u32> {
    let length = text.len();
    if !(7..=15).contains(&length) {
        return None;
    }
    let (dots, mut wrong) = dots(text);
    let after_first = dots & dots.wrapping_sub(1);
    let after_second = after_first & after_first.wrapping_sub(1);
    wrong |= after_second & after_second.wrapping_sub(1) != 0;
    let at = |mask: u32| mask.trailing_zeros() as usize;
    let (first, second, third) = (at(dots), at(after_first), at(after_second));
    // Each number is taken out of four bytes that are there even in the shortest address: those
    // from its beginning, or those that end with it.
    let a = octet(four(text, 0)?, first);
    let b = octet(four(text, first + 1)?, second.wrapping_sub(first + 1));
    let c = octet(four(text, second)? >> 8, third.wrapping_sub(second + 1));
    let count = length.wrapping_sub(third + 1);
    let d = octet(four(text, length - 4)? >> 8 >> (24 - 8 * (count & 3)), count);
    wrong |= a.1 | b.1 | c.1 | d.1;
    (!wrong).then_some(a.0 << 24 | b.0 << 16 | c.0 << 8 | d.0)
}

/// The dots among the bytes, a bit each, and whether there is more than dots and digits.
#[inline]
fn dots(text: &[u8]) -> (u32, bool) {
    let bytes = u8x16::new(load(text).to_le_bytes());
    let inside = (1u32 << text.len()) - 1;
    let dots = bytes.simd_eq(u8x16::splat(b'.')).to_bitmask();
    // Below `0` the difference wraps to a large number.
    let digits = (bytes - u8x16::splat(b'0')).simd_lt(u8x16::splat(10)).to_bitmask();
    (dots & inside, (dots | digits) & inside != inside)
}

/// The four bytes of `text` from `start`, the first one lowest.
#[inline]
fn four(text: &[u8], start: usize) -> Option<u32> {
    text.get(start..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// The value of the `count` lowest bytes, digits for certain, and whether they are not an octet.
#[inline]
fn octet(digits: u32, count: usize) -> (u32, bool) {
    const LEAST: [u32; 4] = [u32::MAX, 0, 10, 100];
    let least = LEAST.get(count).copied().unwrap_or(u32::MAX);
    // The digits move up so that the ones are always in the third byte, behind zeros.
    let aligned = (digits & 0x0f0f_0f0f) << (8 * (3usize.wrapping_sub(count) & 3));
    let value = (aligned & 0xff) * 100 + ((aligned >> 8) & 0xff) * 10 + ((aligned >> 16) & 0xff);
    (value, (value > 255) | (value < least))
}

/// Up to sixteen bytes, from seven, as a number whose first byte is the lowest.
#[inline]
fn load(text: &[u8]) -> u128 {
    let length = text.len();
    if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let tail = u128::from(u64::from_le_bytes(*tail));
        return u128::from(u64::from_le_bytes(*head)) | tail << ((length - 8) * 8);
    }
    let mut padded = [0; 16];
    padded[..length].copy_from_slice(text);
    u128::from_le_bytes(padded)
}

/// The value of a hexadecimal digit, or 255.
const HEX: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};

/// An IPv6 address in hexadecimal groups. `None` does not refuse: it leaves the text to `std`,
/// which takes three times as long. What is accepted here equals what `std` makes of it.
fn hextets(text: &[u8]) -> Option<u128> {
    let (mut bits, mut groups, mut gap) = (0u128, 0, None);
    let mut rest = text;
    if let Some(after) = text.strip_prefix(b"::") {
        (rest, gap) = (after, Some(0));
        if after.is_empty() {
            return Some(0);
        }
    }
    loop {
        let (group, length) = hextet(rest)?;
        bits = bits << 16 | u128::from(group);
        groups += 1;
        rest = &rest[length..];
        let Some((b':', after)) = rest.split_first() else { break };
        rest = after;
        if groups == 8 {
            return None;
        }
        if let Some((b':', after)) = rest.split_first() {
            if gap.replace(groups).is_some() {
                return None;
            }
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
    }
    match gap {
        _ if !rest.is_empty() => None,
        None => (groups == 8).then_some(bits),
        Some(before) => spread(bits, groups, before),
    }
}

/// Puts `bits` of `groups` groups in their places when `::` stands behind the group `before`.
#[inline]
fn spread(bits: u128, groups: u32, before: u32) -> Option<u128> {
    if groups > 7 {
        return None;
    }
    let behind = 16 * (groups - before);
    let low = bits & ((1 << behind) - 1);
    let high = if before == 0 { 0 } else { bits >> behind << (128 - 16 * before) };
    Some(high | low)
}

/// The hexadecimal number that `text` begins with, of one to four digits, and its length.
#[inline]
fn hextet(text: &[u8]) -> Option<(u16, usize)> {
    let (mut value, mut length) = (0, 0);
    for &byte in text.iter().take(4) {
        let digit = HEX[byte as usize];
        if digit > 15 {
            break;
        }
        value = value << 4 | u16::from(digit);
        length += 1;
    }
    (length > 0).then_some((value, length))
}

/// What `std` makes of the text as an IPv6 address: it knows the dotted tail and has the last word.
fn std_v6(text: &[u8]) -> Option<u128> {
    std::str::from_utf8(text).ok()?.parse::<Ipv6Addr>().ok().map(Ipv6Addr::to_bits)
}

/// How many bits of an address are kept, and the networks whose addresses are kept whole.
#[derive(Clone, Debug)]
pub struct Truncation {
    ipv4_prefix: u8,
    ipv6_prefix: u8,
    ipv4_mask: u32,
    ipv6_mask: u128,
    exempt_ipv4: Vec<Ipv4Net>,
    exempt_ipv6: Vec<Ipv6Net>,
}

impl Truncation {
    /// Keeps so many leading bits, at most 32 and 128, and the addresses of `exempt` networks whole.
    ///
    /// A network inside `::ffff:0:0/96` is read as the IPv4 network that it maps, as addresses are.
    #[must_use]
    pub fn new(ipv4_prefix: u8, ipv6_prefix: u8, exempt: Vec<IpNet>) -> Self {
        let (ipv4_prefix, ipv6_prefix) = (ipv4_prefix.min(32), ipv6_prefix.min(128));
        let ipv4_mask = u32::MAX.checked_shl(32 - u32::from(ipv4_prefix)).unwrap_or(0);
        let ipv6_mask = u128::MAX.checked_shl(128 - u32::from(ipv6_prefix)).unwrap_or(0);
        let (mut exempt_ipv4, mut exempt_ipv6) = (Vec::new(), Vec::new());
        for network in exempt {
            match network {
                IpNet::V4(v4) => exempt_ipv4.push(v4),
                IpNet::V6(v6) => match unmap(v6) {
                    Some(v4) => exempt_ipv4.push(v4),
                    None => exempt_ipv6.push(v6),
                },
            }
        }
        Self { ipv4_prefix, ipv6_prefix, ipv4_mask, ipv6_mask, exempt_ipv4, exempt_ipv6 }
    }

    /// Keeps addresses whole, for [`Client::canonical`] and nothing else.
    #[must_use]
    pub fn none(exempt: Vec<IpNet>) -> Self {
        Self::new(32, 128, exempt)
    }

    /// Reads the text of a client and cuts it down; `None` refuses it.
    ///
    /// ```
    /// use tamis::transform::address::{CLIENT_BYTES_MAX, Truncation};
    ///
    /// let truncation = Truncation::new(16, 32, Vec::new());
    /// let mut text = [0; CLIENT_BYTES_MAX];
    /// let length = truncation.client(b"::ffff:203.0.113.77").unwrap().write(&mut text);
    /// assert_eq!(&text[..length], b"203.0.0.0/16");
    /// assert!(truncation.client(b"203.0.113.077").is_none());
    /// ```
    #[inline]
    #[must_use]
    pub fn client(&self, text: &[u8]) -> Option<Client> {
        match dotted_quad(text) {
            Some(bits) => Some(self.cut_v4(bits)),
            None => Some(self.apply(parse_other(text)?)),
        }
    }

    /// Cuts down what [`parse`] read.
    #[inline]
    #[must_use]
    pub fn apply(&self, parsed: Parsed) -> Client {
        match parsed {
            Parsed::Ip(IpAddr::V4(v4)) => self.cut_v4(v4.to_bits()),
            // A `Parsed` can be made without `parse`, and a carrier must not pass undecoded.
            Parsed::Ip(IpAddr::V6(v6)) => match decode(v6.to_bits()) {
                Parsed::Ip(IpAddr::V6(v6)) => self.cut_v6(v6),
                Parsed::Ip(IpAddr::V4(v4)) => self.cut_v4(v4.to_bits()),
                Parsed::Teredo | Parsed::Hostname => Client::Teredo,
            },
            Parsed::Teredo => Client::Teredo,
            Parsed::Hostname => Client::Hostname,
        }
    }

    #[inline]
    fn cut_v4(&self, bits: u32) -> Client {
        let address = Ipv4Addr::from_bits(bits);
        if self.exempt_ipv4.iter().any(|network| network.contains(&address)) {
            return Client::Exempt(IpAddr::V4(address));
        }
        Client::V4 { network: bits & self.ipv4_mask, prefix: self.ipv4_prefix }
    }

    #[inline]
    fn cut_v6(&self, address: Ipv6Addr) -> Client {
        if self.exempt_ipv6.iter().any(|network| network.contains(&address)) {
            return Client::Exempt(IpAddr::V6(address));
        }
        Client::V6 { network: address.to_bits() & self.ipv6_mask, prefix: self.ipv6_prefix }
    }
}

/// The IPv4 network that an IPv6 network maps, if it maps one.
fn unmap(network: Ipv6Net) -> Option<Ipv4Net> {
    let address = network.network().to_ipv4_mapped()?;
    Ipv4Net::new(address, network.prefix_len().checked_sub(96)?).ok()
}

/// How many bytes the text of a client takes at most, with the surplus of the last copy.
pub const CLIENT_BYTES_MAX: usize = 56;

impl Client {
    /// What a token is made of, where the client is an address that was kept whole and is not exempt.
    #[inline]
    #[must_use]
    pub fn canonical(&self) -> Option<Canonical> {
        match *self {
            Self::V4 { network, prefix: 32 } => Some(Canonical::v4(network)),
            Self::V6 { network, prefix: 128 } => Some(Canonical::v6(network)),
            _ => None,
        }
    }

    /// Writes the text for JSON and CSV to the beginning of `out`: `203.0.0.0/16`, `2001:db8::/32`, an
    /// exempt address without a prefix, a token, `teredo` or `hostname`. Returns its length; what follows
    /// it may have been overwritten.
    #[inline]
    pub fn write(&self, out: &mut [u8; CLIENT_BYTES_MAX]) -> usize {
        match *self {
            Self::V4 { network, prefix } => write_v4(network, Some(prefix), out),
            Self::V6 { network, prefix } => write_v6(network, Some(prefix), out),
            Self::Exempt(IpAddr::V4(v4)) => write_v4(v4.to_bits(), None, out),
            Self::Exempt(IpAddr::V6(v6)) => write_v6(v6.to_bits(), None, out),
            Self::Token(token) => token.write(out),
            Self::Teredo => write_word(b"teredo", out),
            Self::Hostname => write_word(b"hostname", out),
        }
    }

    /// Writes a bare address in the same way, for log formats that know nothing else: `203.0.0.0`,
    /// `2001:db8::`, and `0.0.0.0` where there is none. A token stays one.
    #[inline]
    pub fn write_bare(&self, out: &mut [u8; CLIENT_BYTES_MAX]) -> usize {
        match *self {
            Self::V4 { network, .. } => write_v4(network, None, out),
            Self::V6 { network, .. } => write_v6(network, None, out),
            Self::Exempt(_) | Self::Token(_) => self.write(out),
            Self::Teredo | Self::Hostname => write_word(b"0.0.0.0", out),
        }
    }
}

fn write_word<const N: usize>(word: &[u8; N], out: &mut [u8; CLIENT_BYTES_MAX]) -> usize {
    out[..N].copy_from_slice(word);
    N
}

/// Each octet as text with a dot behind it, and the length of the text without the dot.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut table = [([0; 4], 0); 256];
    let mut value = 0;
    while value < 256 {
        let digits = [value / 100, value / 10 % 10, value % 10];
        let first = if value >= 100 { 0 } else { (value < 10) as usize + 1 };
        let mut at = first;
        while at < 3 {
            table[value].0[at - first] = b'0' + digits[at] as u8;
            at += 1;
        }
        table[value].0[3 - first] = b'.';
        table[value].1 = (3 - first) as u8;
        value += 1;
    }
    table
};

#[inline]
fn write_v4(bits: u32, prefix: Option<u8>, text: &mut [u8; CLIENT_BYTES_MAX]) -> usize {
    let mut length = 0;
    for octet in bits.to_be_bytes() {
        let (digits, count) = OCTETS[octet as usize];
        text[length..length + 4].copy_from_slice(&digits);
        length += count as usize + 1;
    }
    length -= 1;
    if let Some(prefix) = prefix {
        length = put_prefix(prefix, text, length);
    }
    length
}

/// Writes `/prefix` into `text` at `length` and returns the new length.
#[inline]
fn put_prefix(prefix: u8, text: &mut [u8], length: usize) -> usize {
    let (digits, count) = OCTETS[prefix as usize];
    text[length] = b'/';
    text[length + 1..length + 5].copy_from_slice(&digits);
    length + 1 + count as usize
}

/// Writes an IPv6 address as RFC 5952 wants it: lower case, no leading zeros, and `::` for the
/// first of the longest runs of two or more zero groups.
fn write_v6(bits: u128, prefix: Option<u8>, text: &mut [u8; CLIENT_BYTES_MAX]) -> usize {
    let (first, last) = longest_zeros(bits);
    let (mut length, mut at) = (0, 0);
    while at < 8 {
        if at == first {
            text[length..length + 2].copy_from_slice(b"::");
            length += 2;
            at = last;
            continue;
        }
        if at > 0 && at != last {
            text[length] = b':';
            length += 1;
        }
        length = put_hextet((bits >> (112 - 16 * at)) as u16, text, length);
        at += 1;
    }
    if let Some(prefix) = prefix {
        length = put_prefix(prefix, text, length);
    }
    length
}

#[inline]
fn put_hextet(group: u16, text: &mut [u8], length: usize) -> usize {
    let count = (4 - group.leading_zeros() as usize / 4).max(1);
    for at in 0..count {
        let digit = group >> (4 * (count - 1 - at)) & 15;
        text[length + at] = b"0123456789abcdef"[digit as usize];
    }
    length + count
}

/// The first of the longest runs of zero groups, as a half-open range; past the end if every run
/// is shorter than two.
fn longest_zeros(bits: u128) -> (usize, usize) {
    // What truncation leaves ends in zeros, and no run is longer than one of four or more.
    let tail = (bits.trailing_zeros() / 16) as usize;
    if tail >= 4 {
        return (8 - tail, 8);
    }
    let (mut best, mut start) = ((usize::MAX, usize::MAX), 0);
    let mut longest = 1;
    for at in 0..8 {
        if (bits >> (112 - 16 * at)) as u16 != 0 {
            start = at + 1;
        } else if at + 1 - start > longest {
            longest = at + 1 - start;
            best = (start, at + 1);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn baseline() -> Truncation {
        Truncation::new(16, 32, Vec::new())
    }

    fn text(client: &Client) -> String {
        let mut text = [0; CLIENT_BYTES_MAX];
        let length = client.write(&mut text);
        std::str::from_utf8(&text[..length]).unwrap().to_owned()
    }

    fn bare(client: &Client) -> String {
        let mut text = [0; CLIENT_BYTES_MAX];
        let length = client.write_bare(&mut text);
        std::str::from_utf8(&text[..length]).unwrap().to_owned()
    }

    /// What the baseline prefixes make of `input`, by both entries; empty when it is refused.
    #[track_caller]
    fn check(input: &str, expect: &str) {
        let cut = baseline();
        let client = cut.client(input.as_bytes());
        assert_eq!(client, parse(input.as_bytes()).map(|parsed| cut.apply(parsed)), "{input}");
        assert_eq!(client.map_or(String::new(), |client| text(&client)), expect, "{input}");
    }

    /// The same for many inputs with a `|` between them.
    #[track_caller]
    fn check_each(inputs: &str, expect: &str) {
        inputs.split('|').for_each(|input| check(input, expect));
    }

    #[track_caller]
    fn check_cut(input: &str, ipv4: u8, ipv6: u8, expect: &str, expect_bare: &str) {
        let client = Truncation::new(ipv4, ipv6, Vec::new()).client(input.as_bytes()).unwrap();
        assert_eq!((&*text(&client), &*bare(&client)), (expect, expect_bare), "{input}");
    }

    #[track_caller]
    fn check_exempt(network: &str, input: &str, expect: &str) {
        let cut = Truncation::new(16, 32, vec![network.parse().unwrap()]);
        assert_eq!(text(&cut.client(input.as_bytes()).unwrap()), expect, "{network} {input}");
    }

    #[test]
    fn addresses_in_every_notation() {
        check("203.0.113.77", "203.0.0.0/16");
        check("198.51.100.9", "198.51.0.0/16");
        check("0.0.0.0", "0.0.0.0/16");
        check("255.255.255.255", "255.255.0.0/16");
        check("1.2.3.4", "1.2.0.0/16");
        check("203.0.113.77:0", "203.0.0.0/16");
        check("203.0.113.77:65535", "203.0.0.0/16");
        check("203.0.113.77:00080", "203.0.0.0/16");
        check("2001:db8::1", "2001:db8::/32");
        check("2001:DB8::ABCD", "2001:db8::/32");
        check("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::/32");
        check("2001:db8:1:2:3:4:5:6", "2001:db8::/32");
        check("2001:db8:1:2:3:4:5::", "2001:db8::/32");
        check("2001:db8::192.0.2.1", "2001:db8::/32");
        check("[2001:db8::1]", "2001:db8::/32");
        check("[2001:db8::1]:443", "2001:db8::/32");
        check("fe80::1%eth0", "fe80::/32");
        check("fe80::1%3", "fe80::/32");
        check("[fe80::1%br-lan.7]:443", "fe80::/32");
        check("[fe80::1%eth0]", "fe80::/32");
        check("::", "::/32");
        check("::1", "::/32");
        check("[::]:80", "::/32");
        // Seven groups and nothing for the eighth: the short way reads them too.
        assert_eq!(hextets(b"2001:db8:1:2:3:4:5::"), std_v6(b"2001:db8:1:2:3:4:5::"));
    }

    #[test]
    fn refused_addresses() {
        check_each(
            "|-| |unix:|_obf|_|unknown:80|1|1.2|1.2.3|1.2.3.4.5|192.0.2.1.|192.0.2.|\
             .192.0.2.1|192..2.1|192.0.2.256|192.0.2.1000|256.256.2.1|256.256.256.256|198.051.100.077|192.0.2.01|\
             192.0.02.1|00.0.2.1|3325256781|0xC6336401|0xc6.0x33.0x64.0x01|0300.0.2.1|\
             192.0.2.0x1|192.0.513|192.0.2.1 | 192.0.2.1|\t192.0.2.1|192.0.2.1\0|+192.0.2.1|\
             192.0.2.-1|192.0.2.1/24|192.0.2.1,198.51.100.1|192.0.2.1, 198.51.100.1|\
             192.0.2.1:|192.0.2.1:65536|192.0.2.1:000080|192.0.2.1:8a|192.0.2.1:-1|\
             192.0.2.1:80:80|[192.0.2.1]|[192.0.2.1]:80|192.0.2.1%eth0|\u{661}92.0.2.1|\
             192\u{3002}0.2.1",
            "",
        );
        check_each(
            ":|:::|:1|1:|1::2::3|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|::12345|2001:db8::1::|\
             2001:db8:1:2:3:4:5:6::|::1:2:3:4:5:6:7:8|2001:db8::g|[::1|::1]|[]|[]:80|[::1]80|\
             [::1]:|[::1]:65536|[::1]:80 |[[::1]]|[::1]]|::1/128|::ffff:192.0.2.01|\
             ::ffff:192.0.2|::ffff:192.0.2.256|::ffff:192.0.2.1:80|2001:db8::1%|\
             2001:db8::1%eth 0|[2001:db8::1%]:80|2001:db8::1%a%b|%eth0|\
             fe80::1%aaaaaaaaaaaaaaaa|fe80::1%eth0:80|2001:db8::1 | 2001:db8::1|2001:db8::1.|\
             2001:db8::1,::1|0x2001:db8::1|2001:db8::-1",
            "",
        );
    }

    #[test]
    fn a_port_without_brackets() {
        check("2001:db8::1:443", "2001:db8::/32");
        check("2001:db8::1:44300", "");
        check("2001:db8:1:2:3:4:5:6:443", "");
        check("2001:db8:1:2:3:4::443", "2001:db8::/32");
        check("2001:db8:1:2:3:4:5::443", "");
        check("64:ff9b::c000:201:80", "64:ff9b::/32");
        check("::ffff:c000:201:80", "::/32");
        check("::1:443", "0.1.0.0/16");
    }

    #[test]
    fn carriers_become_what_they_carry() {
        check("::ffff:203.0.113.77", "203.0.0.0/16");
        check("::ffff:cb00:714d", "203.0.0.0/16");
        check("0:0:0:0:0:FFFF:CB00:714D", "203.0.0.0/16");
        check("[::ffff:203.0.113.77]:443", "203.0.0.0/16");
        check("::ffff:203.0.113.77%1", "203.0.0.0/16");
        check("::203.0.113.77", "203.0.0.0/16");
        check("::cb00:714d", "203.0.0.0/16");
        check("::2", "0.0.0.0/16");
        check("2002:cb00:714d::1", "203.0.0.0/16");
        check("2002:cb00:714d:1:2:3:4:5", "203.0.0.0/16");
        check("64:ff9b::203.0.113.77", "203.0.0.0/16");
        check("64:ff9b::cb00:714d", "203.0.0.0/16");
        check("2001:0:4136:e378:8000:63bf:3fff:fdd2", "teredo");
        check("2001::1", "teredo");
    }

    #[test]
    fn what_only_looks_like_a_carrier() {
        check("2001:1::1", "2001:1::/32");
        check("2003::1", "2003::/32");
        check("64:ff9b:1::cb00:714d", "64:ff9b::/32");
        check("64:ff9b::1:cb00:714d", "64:ff9b::/32");
        check("::fffe:cb00:714d", "::/32");
        check("::ffff:0:203.0.113.77", "::/32");
        check("2001:db8::5efe:203.0.113.77", "2001:db8::/32");
        check("64:ff9b::", "64:ff9b::/32");
        check("2001::", "2001::/32");
        check("2002::", "2002::/32");
        check_cut("64:ff9b:1:cb00:71:4d00::", 16, 48, "64:ff9b:1::/48", "64:ff9b:1::");
    }

    #[test]
    fn a_carrier_built_by_hand_is_decoded_too() {
        let built = Parsed::Ip("2002:cb00:714d::1".parse().unwrap());
        assert_eq!(baseline().apply(built), Client::V4 { network: 0xcb00_0000, prefix: 16 });
        let built = Parsed::Ip("2001:0:4136:e378::1".parse().unwrap());
        assert_eq!(baseline().apply(built), Client::Teredo);
    }

    #[test]
    fn host_names() {
        let label = "a".repeat(63);
        let long = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        check_each(
            "localhost|a|client.example.com|client.example.com.|dsl-192-0-2-77.isp.example|\
             3com.example|1.2.3.example|xn--bcher-kva.example|my_host.example|cafe|\
             EXAMPLE.COM|192.0.2.1.example|0xg|example.0xg1|example.1a",
            "hostname",
        );
        check(&long, "hostname");
        check(&format!("{long}."), "hostname");
        check_each(
            ".|..|example..com|.example.com|example.com..|-a.example|a-.example|_a.example|\
             a_.example|a b.example|example.com:80|example.123|123|example.0x1f|example.0X|\
             0x|example.1.|b\u{fc}cher.example|a@example.com|example.com/|*.example.com",
            "",
        );
        check(&format!("a{long}"), "");
        check(&format!("{label}a.example"), "");
    }

    #[test]
    fn canonical_text_of_every_prefix() {
        check_cut("203.0.113.77", 8, 32, "203.0.0.0/8", "203.0.0.0");
        check_cut("203.0.113.77", 24, 32, "203.0.113.0/24", "203.0.113.0");
        check_cut("203.0.113.255", 25, 32, "203.0.113.128/25", "203.0.113.128");
        check_cut("203.0.113.77", 0, 32, "0.0.0.0/0", "0.0.0.0");
        check_cut("203.0.113.77", 200, 32, "203.0.113.77/32", "203.0.113.77");
        check_cut("2001:db8:1:2::9", 16, 48, "2001:db8:1::/48", "2001:db8:1::");
        check_cut("2001:0:c:2::9", 16, 16, "teredo", "0.0.0.0");
        check_cut("2001:db8::9", 16, 16, "2001::/16", "2001::");
        check_cut("2001:db8:0:2::9", 16, 48, "2001:db8::/48", "2001:db8::");
        check_cut("2a00:0:c:2::9", 16, 48, "2a00:0:c::/48", "2a00:0:c::");
        check_cut("::1", 16, 48, "::/48", "::");
        check_cut("2001:db8::9", 16, 0, "::/0", "::");
        check_cut("2001:db8::1:0:0:1", 16, 128, "2001:db8::1:0:0:1/128", "2001:db8::1:0:0:1");
        check_cut(
            "2001:db8:0:1:1:1:1:1",
            16,
            255,
            "2001:db8:0:1:1:1:1:1/128",
            "2001:db8:0:1:1:1:1:1",
        );
        check_cut("client.example.com", 16, 32, "hostname", "0.0.0.0");
    }

    #[test]
    fn tokens_are_made_of_whole_addresses_only() {
        let of = |input: &str, ipv4: u8, ipv6: u8| {
            let exempt = vec!["10.0.0.0/8".parse().unwrap()];
            Truncation::new(ipv4, ipv6, exempt).client(input.as_bytes()).unwrap().canonical()
        };
        let whole = |input: &str| of(input, 32, 128).map(|canonical| canonical.parts());
        assert_eq!(whole("203.0.113.77"), Some((0xcb00_714d << 32, false)));
        assert_eq!(whole("2001:db8::1"), Some((0x2001_0db8 << 32, true)));
        for input in ["10.1.2.3", "client.example.com", "2001:0:4136:e378::1"] {
            assert!(whole(input).is_none(), "{input}");
        }
        assert!(of("203.0.113.77", 31, 127).is_none() && of("2001:db8::1", 31, 127).is_none());
    }

    #[test]
    fn exempt_networks() {
        check_exempt("10.0.0.0/8", "10.1.2.3", "10.1.2.3");
        check_exempt("10.0.0.0/8", "10.1.2.3:80", "10.1.2.3");
        check_exempt("10.0.0.0/8", "11.1.2.3", "11.1.0.0/16");
        check_exempt("10.0.0.0/8", "::ffff:10.1.2.3", "10.1.2.3");
        check_exempt("::ffff:10.0.0.0/104", "10.1.2.3", "10.1.2.3");
        check_exempt("fd00::/8", "fd00:1::0:5", "fd00:1::5");
        check_exempt("fd00::/8", "fd00:1:0:2:3:0:0:5", "fd00:1:0:2:3::5");
        check_exempt("fd00::/8", "2001:db8::1", "2001:db8::/32");
        check_exempt("::1/128", "::1", "::1");
        check_exempt("0.0.0.0/0", "2001:db8::1", "2001:db8::/32");
    }

    /// The strict reading, by `std` alone.
    fn plain(text: &str) -> Option<u32> {
        text.parse::<Ipv4Addr>().ok().map(Ipv4Addr::to_bits)
    }

    /// Addresses and what is one slip away from them.
    fn nearly_v4() -> impl Strategy<Value = String> {
        let octet =
            prop_oneof![4 => "[0-9]{1,3}", 1 => "[0-9a.:/ -]{0,4}", 4 => "(25[0-5]|1[0-9]{2})"];
        let dots = prop_oneof![9 => Just("."), 1 => Just(""), 1 => Just(".."), 1 => Just("/")];
        proptest::collection::vec((octet, dots), 3..=5).prop_map(|parts| {
            let mut text: String =
                parts.iter().map(|(octet, dot)| format!("{octet}{dot}")).collect();
            text.pop();
            text
        })
    }

    fn nearly_v6() -> impl Strategy<Value = String> {
        let group =
            prop_oneof![9 => "[0-9a-fA-F]{1,4}", 2 => Just("0".to_owned()), 1 => "[0-9a-g.]{0,5}"];
        let colons = prop_oneof![12 => Just(":"), 2 => Just("::"), 1 => Just("")];
        (
            prop_oneof![8 => Just(""), 2 => Just("::"), 1 => Just(":")],
            proptest::collection::vec((group, colons), 0..=9),
            any::<bool>(),
        )
            .prop_map(|(head, parts, cut)| {
                let mut text = head.to_owned();
                parts.iter().for_each(|(group, colons)| text.extend([group.as_str(), *colons]));
                if cut && text.ends_with(':') {
                    text.truncate(text.trim_end_matches(':').len());
                }
                text
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn quads_equal_std(text in nearly_v4()) {
            prop_assert_eq!(dotted_quad(text.as_bytes()), plain(&text));
        }

        #[test]
        fn quads_of_noise_equal_std(text in "[0-9.]{5,17}") {
            prop_assert_eq!(dotted_quad(text.as_bytes()), plain(&text));
        }

        #[test]
        fn quads_of_any_bytes_equal_std(v4: u32, at in 0..15usize, byte: u8) {
            let mut bytes = Ipv4Addr::from_bits(v4).to_string().into_bytes();
            let index = at % bytes.len();
            bytes[index] = byte;
            let expect = std::str::from_utf8(&bytes).ok().and_then(plain);
            prop_assert_eq!(dotted_quad(&bytes), expect);
        }

        #[test]
        fn hextets_are_sound(text in nearly_v6()) {
            if let Some(bits) = hextets(text.as_bytes()) {
                prop_assert_eq!(Some(bits), std_v6(text.as_bytes()));
            } else if !text.contains('.') {
                prop_assert_eq!(std_v6(text.as_bytes()), None);
            }
        }

        #[test]
        fn hextets_read_what_std_writes(bits: u128, mask: u8) {
            let zeros = (0..8).filter(|group| mask >> group & 1 != 0);
            let bits = zeros.fold(bits, |bits, group| bits & !(0xffff << (16 * group)));
            let address = Ipv6Addr::from_bits(bits);
            if address.to_ipv4_mapped().is_none() {
                let mut text = [0; CLIENT_BYTES_MAX];
                let length = write_v6(bits, None, &mut text);
                let expect = address.to_string();
                prop_assert_eq!(&text[..length], expect.as_bytes());
            }
            prop_assert_eq!(zoned(address.to_string().as_bytes()), Some(bits));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = baseline().client(&bytes);
        }

        #[test]
        fn no_host_bits_and_nothing_changes_twice(
            bits: u128, kind in 0..8u32, ipv4 in 0..=32u8, ipv6 in 0..=128u8,
        ) {
            let bits = match kind {
                0 => bits >> 64,
                1 => bits >> 96,
                2 => 0xffff << 32 | bits >> 96,
                3 => 0x2002 << 112 | bits >> 16,
                4 => 0x0064_ff9b << 96 | bits >> 96,
                5 => 0x2001 << 112 | bits >> 32,
                6 => 0x2001_0db8 << 96 | bits >> 32,
                _ => bits,
            };
            let cut = Truncation::new(ipv4, ipv6, Vec::new());
            let once = cut.client(Ipv6Addr::from_bits(bits).to_string().as_bytes()).unwrap();
            let host_bits = match once {
                Client::V4 { network, prefix } => network.checked_shl(prefix.into()).unwrap_or(0) != 0,
                Client::V6 { network, prefix } => network.checked_shl(prefix.into()).unwrap_or(0) != 0,
                other => other != Client::Teredo,
            };
            prop_assert!(!host_bits);
            if once != Client::Teredo {
                prop_assert_eq!(cut.client(bare(&once).as_bytes()), Some(once));
            }
        }

        #[test]
        fn carriers_equal_the_address(v4 in 1..=u32::MAX, low: u128, ipv4 in 0..=32u8) {
            let cut = Truncation::new(ipv4, 48, vec!["10.0.0.0/8".parse().unwrap()]);
            let address = Ipv4Addr::from_bits(v4);
            let expect = cut.client(address.to_string().as_bytes());
            let v4 = u128::from(v4);
            let six = Ipv6Addr::from_bits(0x2002 << 112 | v4 << 80 | low >> 48);
            for carrier in [
                format!("::ffff:{address}"),
                format!("::ffff:{:x}:{:x}", v4 >> 16, v4 & 0xffff),
                format!("64:ff9b::{address}"),
                format!("64:ff9b::{:x}:{:x}", v4 >> 16, v4 & 0xffff),
                six.to_string(),
                format!("[{six}]:443"),
                format!("{address}:443"),
            ] {
                prop_assert_eq!(cut.client(carrier.as_bytes()), expect, "{}", carrier);
            }
            if v4 > 1 {
                prop_assert_eq!(cut.client(format!("::{address}").as_bytes()), expect);
            }
        }
    }
}
