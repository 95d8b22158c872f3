//! Tries at guessing who somebody is: counted for each address and each person, and stopped.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use swabmesh_node::page::tries::{Patience, Tries as Counts};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::time::Wall;

/// Seconds from the first wrong try until tries are counted anew.
const WINDOW_S: u64 = 15 * 60;

/// Wrong tries at one person in a window. Source: guess; a name with a rare character is mistyped twice.
const PERSON_MAX: u32 = 5;

/// Wrong tries from one address in a window. Source: guess; a carrier puts thousands of phones behind one.
const ADDRESS_MAX: u32 = 60;

/// Addresses and persons remembered; the oldest is forgotten first.
const REMEMBERED_MAX: usize = 65_536;

/// What tries are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum By {
    /// Where they come from.
    Address(IpAddr),
    /// At whom.
    Person(Person),
    /// Who, signed in, names somebody else.
    Applicant(Person),
}

impl By {
    /// An address as it is counted: of IPv6 the network, within which one phone has as many as it likes.
    pub(super) fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(six) => IpAddr::V6((u128::from(six) >> 64 << 64).into()),
            four @ IpAddr::V4(_) => four,
        })
    }

    const fn patience(self) -> Patience {
        let most = match self {
            Self::Address(_) => ADDRESS_MAX,
            Self::Person(_) | Self::Applicant(_) => PERSON_MAX,
        };
        Patience::Window { most, window_s: WINDOW_S }
    }
}

/// The counts of this process.
#[derive(Debug)]
pub(super) struct Tries(Mutex<Counts<By>>);

impl Default for Tries {
    fn default() -> Self {
        Self(Mutex::new(Counts::new(BTreeMap::new(), REMEMBERED_MAX)))
    }
}

impl Tries {
    fn lock(&self) -> MutexGuard<'_, Counts<By>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a try before it is judged, so that many at once are no way around; whoever was right takes it back.
    ///
    /// # Errors
    /// Seconds to wait; the try is not judged.
    pub(super) fn begin(&self, by: &[By], now: Wall) -> Result<(), u64> {
        let mut counts = self.lock();
        if let Some(wait_s) = by.iter().filter_map(|by| counts.wait_s(by, by.patience(), now)).max() {
            return Err(wait_s);
        }
        for by in by {
            counts.count(by, by.patience(), now);
        }
        Ok(())
    }

    /// Takes a try back that was right: the person's count begins anew, the address has one less.
    pub(super) fn right(&self, by: &[By]) {
        let mut counts = self.lock();
        for by in by {
            match by {
                By::Person(_) | By::Applicant(_) => drop(counts.forget(by)),
                By::Address(_) => counts.take_back(by),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_seconds(1_649_433_600);

    fn address(text: &str) -> By {
        By::address(text.parse().unwrap())
    }

    #[test]
    fn five_wrong_tries_lock_a_person_wherever_they_come_from_until_the_window_is_over() {
        let tries = Tries::default();
        let who = By::Person(Person([1; 16]));
        for host in 0..PERSON_MAX {
            tries.begin(&[address(&format!("192.0.2.{host}")), who], NOW).unwrap();
        }
        let later = Wall::from_seconds(NOW.seconds() + 60);
        assert_eq!(tries.begin(&[address("192.0.2.99"), who], later), Err(WINDOW_S - 60));
        tries.begin(&[address("192.0.2.99"), By::Person(Person([2; 16]))], later).unwrap();
        tries.begin(&[who], Wall::from_seconds(NOW.seconds() + WINDOW_S)).unwrap();
    }

    #[test]
    fn an_address_is_stopped_by_wrong_tries_only() {
        let tries = Tries::default();
        let from = address("192.0.2.7");
        let person = |n: u32| By::Person(Person([u8::try_from(n % 251).unwrap(); 16]));
        for n in 0..10 * ADDRESS_MAX {
            tries.begin(&[from, person(n)], NOW).unwrap();
            tries.right(&[from, person(n)]);
        }
        for n in 0..ADDRESS_MAX {
            tries.begin(&[from, person(n)], NOW).unwrap();
        }
        assert!(tries.begin(&[from, person(200)], NOW).is_err());
        tries.begin(&[address("192.0.2.8"), person(200)], NOW).unwrap();
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.7"), address("192.0.2.7"));
    }
}
