//! Who is signed in, while the process runs: a cookie in the browser, its hash here. A restart signs everybody out.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use swabmesh_protocol::id::Hash;

use super::secret::{Csrf, draw_secret, hashed};
use crate::keys::KeyError;

/// A request's session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session<T> {
    /// Who signed in.
    pub who: T,
    /// What requests that change something must show.
    pub csrf: Csrf,
}

#[derive(Debug)]
struct Open<T> {
    of: BTreeMap<Hash, (T, Instant)>,
    /// All have one lifetime: who began first ends first.
    in_order: VecDeque<(Hash, Instant)>,
}

/// All sessions of a page; all last equally long.
#[derive(Debug)]
pub struct Sessions<T> {
    open: Mutex<Open<T>>,
    at_once_max: usize,
    last: Duration,
}

impl<T: Clone> Sessions<T> {
    /// No sessions yet; of more than `at_once_max` the oldest ends when another begins.
    #[must_use]
    pub const fn new(at_once_max: usize, last: Duration) -> Self {
        let open = Open { of: BTreeMap::new(), in_order: VecDeque::new() };
        Self { open: Mutex::new(open), at_once_max, last }
    }

    fn lock(&self) -> MutexGuard<'_, Open<T>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; returns its secret, which is kept nowhere.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn begin(&self, who: T, now: Instant) -> Result<String, KeyError> {
        let secret = draw_secret()?;
        let (key, until) = (hashed(&secret), now + self.last);
        let mut open = self.lock();
        while let Some(&(first, ends)) = open.in_order.front()
            && (ends <= now || open.in_order.len() >= self.at_once_max)
        {
            open.in_order.pop_front();
            open.of.remove(&first);
        }
        open.of.insert(key, (who, until));
        open.in_order.push_back((key, until));
        Ok(secret)
    }

    /// The session of a secret.
    #[must_use]
    pub fn show(&self, secret: &str, now: Instant) -> Option<Session<T>> {
        let held = self.lock().of.get(&hashed(secret)).cloned();
        let (who, _) = held.filter(|(_, until)| *until > now)?;
        Some(Session { who, csrf: Csrf::of(secret) })
    }

    /// Ends the session of a secret.
    pub fn end(&self, secret: &str) {
        self.lock().of.remove(&hashed(secret));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Duration = Duration::from_secs(60);

    #[test]
    fn a_session_knows_the_person_until_its_time_is_over_or_somebody_ends_it() {
        let (sessions, now) = (Sessions::new(9, LAST), Instant::now());
        let (one, other) = (sessions.begin("li", now).unwrap(), sessions.begin("li", now).unwrap());
        let shown = sessions.show(&one, now).unwrap();
        assert_eq!(shown.who, "li");
        assert!(shown.csrf.is(shown.csrf.as_str()) && !shown.csrf.is("") && !shown.csrf.is(&one));
        sessions.end(&one);
        assert_eq!(sessions.show(&one, now), None);
        assert!(sessions.show(&other, now).is_some() && sessions.show(&other, now + LAST).is_none());
    }

    #[test]
    fn when_there_are_too_many_the_oldest_ends() {
        let (sessions, now) = (Sessions::new(100, LAST), Instant::now());
        let first = sessions.begin((), now).unwrap();
        for _ in 0..99 {
            sessions.begin((), now).unwrap();
        }
        assert!(sessions.show(&first, now).is_some());
        let last = sessions.begin((), now).unwrap();
        assert!(sessions.show(&first, now).is_none() && sessions.show(&last, now).is_some());
        let open = sessions.lock();
        assert_eq!((open.of.len(), open.in_order.len()), (100, 100));
    }
}
