//! What the operator's files say of a client's network: its country, and the organisation that it is registered for.
//!
//! Where a record tells the network of a client, that network is looked up and not the address, so that what is
//! told together says no more than the network alone. Networks repeat, and what was found of them is remembered.

use std::{fmt, net::IpAddr, sync::Arc};

use super::{
    memo::{Memo, Seed},
    record::Text,
};
use crate::{
    policy::{Plan, longest_prefix},
    transform::{
        address::{self, Client},
        country::{Countries, Country},
        organisation::{ORGANISATION_BYTES_MAX, Organisations},
    },
};

/// How many networks and addresses are remembered with their country, and as many with their organisation, by each
/// worker.
const NETWORKS_REMEMBERED: usize = 4_096;

/// One worker's way to look networks up. Without files, nothing is known of any network.
#[derive(Default)]
pub(super) struct Lookup {
    countries: Option<Known<Countries, Country, 0>>,
    organisations: Option<Known<Organisations, (), ORGANISATION_BYTES_MAX>>,
    seed: Seed,
    scratch: Vec<u8>,
}

/// A file, and what it said of networks.
struct Known<F, V, const BYTES: usize> {
    file: Arc<F>,
    memo: Memo<V, BYTES>,
}

impl<F, V: Copy + Default, const BYTES: usize> Known<F, V, BYTES> {
    fn new(file: Arc<F>) -> Self {
        Self { file, memo: Memo::new(NETWORKS_REMEMBERED) }
    }
}

/// Where the organisation of a line is remembered.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrganisationPlace(usize);

impl Lookup {
    /// Takes a file that knows countries.
    pub(super) fn set_countries(&mut self, file: Option<Arc<Countries>>) {
        self.countries = file.map(Known::new);
    }

    /// Takes a file that knows organisations.
    pub(super) fn set_organisations(&mut self, file: Option<Arc<Organisations>>) {
        self.organisations = file.map(Known::new);
    }

    /// The country of a client: nothing where no file is given.
    #[inline(always)]
    pub(super) fn country(&mut self, plan: &Plan, host: Option<&[u8]>) -> Option<Country> {
        if self.countries.is_none() { None } else { self.country_of(plan, host?) }
    }

    #[inline(never)]
    fn country_of(&mut self, plan: &Plan, host: &[u8]) -> Option<Country> {
        let Known { file, memo } = self.countries.as_mut()?;
        let Some((address, prefix)) = told(plan, host) else { return Some(Country::UNKNOWN) };
        let hash = hash(&self.seed, address, prefix);
        if let Some(place) = memo.find(hash) {
            return Some(memo.at(place).value);
        }
        let country = file.of(address);
        memo.insert(hash, country, b"");
        Some(country)
    }

    /// The organisation of a client: nothing where no file is given.
    pub(super) fn organisation(
        &mut self,
        plan: &Plan,
        host: Option<&[u8]>,
    ) -> Option<OrganisationPlace> {
        let Known { file, memo } = self.organisations.as_mut()?;
        let (address, prefix) = told(plan, host?)?;
        let hash = hash(&self.seed, address, prefix);
        let place = match memo.find(hash) {
            Some(place) => place,
            None => {
                self.scratch.clear();
                file.of(address, prefix, &mut self.scratch);
                memo.insert(hash, (), &self.scratch)?
            }
        };
        (!memo.at(place).text().is_empty()).then_some(OrganisationPlace(place))
    }

    /// The organisation at a place.
    #[inline]
    pub(super) fn text(&self, place: OrganisationPlace) -> Option<Text<'_>> {
        self.organisations.as_ref().map(|known| known.memo.at(place.0).text())
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").finish_non_exhaustive()
    }
}

/// What is looked up for a client: its network where that is told, else its address; and how many bits of it may be
/// told, which are no more than of a network that does not identify where none is told.
fn told(plan: &Plan, host: &[u8]) -> Option<(IpAddr, u8)> {
    let parsed @ address::Parsed::Ip(whole) = address::parse(host)? else { return None };
    Some(match plan.told_network().map(|told| told.apply(parsed)) {
        Some(Client::V4 { network, prefix }) => (IpAddr::V4(network.into()), prefix),
        Some(Client::V6 { network, prefix }) => (IpAddr::V6(network.into()), prefix),
        _ => (whole, longest_prefix(whole)),
    })
}

fn hash(seed: &Seed, address: IpAddr, prefix: u8) -> u64 {
    let prefix = &[prefix][..];
    match address {
        IpAddr::V4(v4) => seed.hash_all(&[&v4.octets(), prefix], None),
        IpAddr::V6(v6) => seed.hash_all(&[&v6.octets(), prefix], None),
    }
}
