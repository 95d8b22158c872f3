//! Who is signed in: a cookie in the browser, its hash and the pseudonym here. A restart signs everybody out; codes stay in their phones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};
use swabmesh_node::keys::{KeyError, draw};
use swabmesh_protocol::id::{Person, hex};
use swabmesh_protocol::time::Wall;

/// Sessions at a time, ≈ 100 bytes each; the oldest ends when another begins. Source: guess; 1 % of a city at once.
const SESSIONS_MAX: usize = 262_144;

/// Seconds after which a session ends.
pub(super) const SESSION_S: u64 = 12 * 3_600;

type Hashed = [u8; 32];

/// Somebody who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// Who; the number they signed in with is kept nowhere.
    pub(super) person: Person,
    /// What requests that change something must show.
    pub(super) csrf: String,
}

#[derive(Debug, Default)]
struct Open {
    of: BTreeMap<Hashed, (Person, u64)>,
    /// All have one lifetime: who began first ends first.
    in_order: VecDeque<(Hashed, u64)>,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Open>);

fn hashed(secret: &str) -> Hashed {
    Sha256::digest(secret.as_bytes()).into()
}

/// Derived from the cookie, so that it needs no place of its own.
fn csrf(cookie: &str) -> String {
    hex(&Sha256::new().chain_update(b"swabmesh resident csrf 1\0").chain_update(cookie).finalize())
}

impl Session {
    /// Whether a request shows what only this page knows.
    pub(super) fn is_csrf(&self, shown: &str) -> bool {
        // Comparing hashes tells nothing of the token by its duration.
        hashed(&self.csrf) == hashed(shown)
    }
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; returns the cookie's value, which is kept nowhere.
    pub(super) fn begin(&self, person: Person, now: Wall) -> Result<String, KeyError> {
        let cookie = hex(&draw::<32>()?);
        let (key, until) = (hashed(&cookie), now.seconds().saturating_add(SESSION_S));
        let mut open = self.lock();
        while let Some(&(first, ends)) = open.in_order.front()
            && (ends <= now.seconds() || open.in_order.len() >= SESSIONS_MAX)
        {
            open.in_order.pop_front();
            open.of.remove(&first);
        }
        open.of.insert(key, (person, until));
        open.in_order.push_back((key, until));
        Ok(cookie)
    }

    /// The session of a cookie.
    pub(super) fn show(&self, cookie: &str, now: Wall) -> Option<Session> {
        let held = self.lock().of.get(&hashed(cookie)).copied();
        let (person, _) = held.filter(|(_, until)| *until > now.seconds())?;
        Some(Session { person, csrf: csrf(cookie) })
    }

    /// Ends the session of a cookie.
    pub(super) fn end(&self, cookie: &str) {
        self.lock().of.remove(&hashed(cookie));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_seconds(1_649_433_600);
    const WHO: Person = Person([7; 16]);

    #[test]
    fn a_session_knows_the_person_until_its_time_is_over_or_somebody_ends_it() {
        let sessions = Sessions::default();
        let (one, other) = (sessions.begin(WHO, NOW).unwrap(), sessions.begin(WHO, NOW).unwrap());
        let shown = sessions.show(&one, NOW).unwrap();
        assert_eq!(shown.person, WHO);
        assert!(shown.is_csrf(&shown.csrf) && !shown.is_csrf("") && !shown.is_csrf(&one));
        sessions.end(&one);
        assert_eq!(sessions.show(&one, NOW), None);
        let over = Wall::from_seconds(NOW.seconds() + SESSION_S);
        assert!(sessions.show(&other, NOW).is_some() && sessions.show(&other, over).is_none());
    }

    #[test]
    fn when_there_are_too_many_the_oldest_ends() {
        let sessions = Sessions::default();
        let first = sessions.begin(WHO, NOW).unwrap();
        for _ in 0..SESSIONS_MAX - 1 {
            sessions.begin(WHO, NOW).unwrap();
        }
        assert!(sessions.show(&first, NOW).is_some());
        let last = sessions.begin(WHO, NOW).unwrap();
        assert!(sessions.show(&first, NOW).is_none() && sessions.show(&last, NOW).is_some());
        let open = sessions.lock();
        assert_eq!((open.of.len(), open.in_order.len()), (SESSIONS_MAX, SESSIONS_MAX));
    }
}
