//! The country of a network, from a file in the MMDB form that the operator gives.
//!
//! What comes out is a country's two letters (ISO 3166-1) and nothing else of what such files have: no city,
//! no place. What the file does not know is `ZZ`, which that standard leaves to its users.

use std::{fmt, net::IpAddr};

use super::mmdb::{Database, NotMmdb};

const LETTERS: u16 = 26;

/// A country, as two capital letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country(u16);

impl Country {
    /// How many there could be.
    pub const COUNT: usize = (LETTERS * LETTERS) as usize;

    /// No country that is known.
    pub const UNKNOWN: Self = Self(LETTERS * LETTERS - 1);

    /// The country of two capital letters; what is anything else is unknown.
    #[must_use]
    pub fn of(code: &str) -> Self {
        match *code.as_bytes() {
            [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => {
                Self(u16::from(first - b'A') * LETTERS + u16::from(second - b'A'))
            }
            _ => Self::UNKNOWN,
        }
    }

    /// The country of that place in the order of letters.
    ///
    /// # Panics
    ///
    /// When there are not so many.
    #[must_use]
    pub fn at(index: usize) -> Self {
        assert!(index < Self::COUNT, "{index} is a place among {}", Self::COUNT);
        Self(index as u16)
    }

    /// Its two letters.
    #[inline]
    #[must_use]
    pub const fn letters(self) -> [u8; 2] {
        [b'A' + (self.0 / LETTERS) as u8, b'A' + (self.0 % LETTERS) as u8]
    }

    /// Its place in the order of letters.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl Default for Country {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.letters();
        write!(f, "{}{}", char::from(first), char::from(second))
    }
}

/// What a file says of networks.
pub struct Countries {
    database: Database,
}

impl Countries {
    /// Takes the bytes of a file.
    ///
    /// # Errors
    ///
    /// When they are not in the MMDB form.
    pub fn new(file: Vec<u8>) -> Result<Self, NotMmdb> {
        Database::new(file).map(|database| Self { database })
    }

    /// The country of an address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Country {
        // The keys of MaxMind and DB-IP, then those of others.
        let paths: [&[&str]; 3] = [&["country", "iso_code"], &["country_code"], &["country"]];
        self.database.text(address, &paths).map_or(Country::UNKNOWN, |(code, _)| Country::of(code))
    }
}

impl fmt::Debug for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countries").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_capital_letters() {
        for index in 0..Country::COUNT {
            let country = Country::at(index);
            assert_eq!(country.index(), index);
            assert_eq!(Country::of(&country.to_string()), country);
        }
        assert_eq!(
            (Country::at(0).to_string(), Country::UNKNOWN.to_string()),
            ("AA".into(), "ZZ".into())
        );
        for code in ["", "D", "de", "DEU", "D1", "\u{c4}"] {
            assert_eq!(Country::of(code), Country::UNKNOWN, "{code}");
        }
    }
}
