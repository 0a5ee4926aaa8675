//! A small file in the MMDB form, with the countries or organisations that a test wants.
//!
//! After the MaxMind DB file format specification 2.0: a binary tree with records of 24 bits, the data behind
//! it, and the metadata at the end.

const RECORD_BITS: u16 = 24;

/// A network: its address as IPv6 (IPv4 ones in `::/96`), the length of the prefix, and what is known of it.
pub(crate) type Network<'a> = (u128, usize, &'a str);

/// An IPv4 network.
pub(crate) fn v4(octets: [u8; 4], length: usize, known: &str) -> Network<'_> {
    (u128::from(u32::from_be_bytes(octets)), 96 + length, known)
}

/// A file that knows the countries of these networks, none of which lies in another.
pub(crate) fn countries(networks: &[Network<'_>]) -> Vec<u8> {
    file(networks, |out, country| {
        put_map(out, &[("country", &map(&[("iso_code", &text(country))]))])
    })
}

/// A file that knows the organisations of these networks, none of which lies in another.
pub(crate) fn organisations(networks: &[Network<'_>]) -> Vec<u8> {
    file(networks, |out, name| {
        let system = ("autonomous_system_number", &number(6, 64_496)[..]);
        put_map(out, &[system, ("autonomous_system_organization", &text(name))])
    })
}

fn file(networks: &[Network<'_>], put: impl Fn(&mut Vec<u8>, &str)) -> Vec<u8> {
    let mut data = Vec::new();
    let mut tree = vec![[None; 2]];
    for (network, length, known) in networks {
        let found = Child::Data(data.len());
        put(&mut data, known);
        let mut node = 0;
        for bit in 0..*length {
            let side = usize::from(network >> (127 - bit) & 1 == 1);
            if bit + 1 == *length {
                tree[node][side] = Some(found);
            } else if let Some(Child::Node(next)) = tree[node][side] {
                node = next;
            } else {
                tree.push([None; 2]);
                tree[node][side] = Some(Child::Node(tree.len() - 1));
                node = tree.len() - 1;
            }
        }
    }
    let count = tree.len();
    let mut out = Vec::new();
    for child in tree.iter().flatten() {
        let record = match child {
            None => count,
            Some(Child::Node(node)) => *node,
            Some(Child::Data(offset)) => count + 16 + offset,
        };
        out.extend_from_slice(&(record as u32).to_be_bytes()[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let metadata = [
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", vec![1, 2, 1]),
        ("database_type", text("Test")),
        ("description", map(&[])),
        ("ip_version", number(5, 6)),
        ("languages", vec![0, 4]),
        ("node_count", number(6, count as u16)),
        ("record_size", number(5, RECORD_BITS)),
    ];
    let metadata: Vec<_> = metadata.iter().map(|(key, value)| (*key, &value[..])).collect();
    put_map(&mut out, &metadata);
    out
}

#[derive(Clone, Copy)]
enum Child {
    Node(usize),
    Data(usize),
}

fn text(text: &str) -> Vec<u8> {
    const LONG: usize = 29;
    let length = match text.len() {
        short @ ..LONG => vec![2 << 5 | short as u8],
        long => vec![2 << 5 | LONG as u8, u8::try_from(long - LONG).expect("under 285 bytes")],
    };
    [&length, text.as_bytes()].concat()
}

fn number(kind: u8, number: u16) -> Vec<u8> {
    [&[kind << 5 | 2][..], &number.to_be_bytes()].concat()
}

fn map(pairs: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    put_map(&mut out, pairs);
    out
}

fn put_map(out: &mut Vec<u8>, pairs: &[(&str, &[u8])]) {
    out.push(7 << 5 | pairs.len() as u8);
    for (key, value) in pairs {
        out.extend_from_slice(&text(key));
        out.extend_from_slice(value);
    }
}
