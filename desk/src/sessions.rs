//! Who is signed in where: a cookie in the browser, its hash in `desk/sessions.json`, so a restart signs nobody out.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use swabmesh_node::durable::{self, Access};
use swabmesh_node::keys::KeyError;
use swabmesh_node::page::secret::{Csrf, draw_secret, hashed};
use swabmesh_protocol::fact::Operator;
use swabmesh_protocol::id::Hash;
use swabmesh_protocol::time::Wall;

/// Sessions of one node; the one unused for longest ends when another begins. Source: guess, 16 desks and spare.
const SESSIONS_MAX: usize = 256;

/// Seconds without a request that somebody caused, after which the PIN is asked for again.
/// Source: guess; a tablet left on a table, but not a queue that pauses for lunch.
pub const IDLE_S_MAX: u64 = 15 * 60;

/// Seconds after which a session ends whatever happens: longer than a shift.
pub const SESSION_S_MAX: u64 = 16 * 3_600;

/// Seconds between two writes of when a session was last used.
const SEEN_KEPT_EVERY_S: u64 = 60;

/// One browser that somebody signed in with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    /// SHA-256 of the cookie: whoever reads the file cannot use it.
    cookie: Hash,
    operator: Operator,
    began: Wall,
    seen: Wall,
    locked: bool,
}

/// A request's session, if its cookie is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Who signed in.
    pub operator: Operator,
    /// What requests that change something must show.
    pub csrf: Csrf,
    /// Whether the PIN is wanted before anything else.
    pub locked: bool,
    /// The session among the others.
    cookie: Hash,
}

/// All sessions of a node.
#[derive(Debug)]
pub struct Sessions {
    path: PathBuf,
    open: Mutex<Vec<Session>>,
}

impl Sessions {
    /// The sessions in a directory. A file that cannot be read holds none: everybody signs in again.
    #[must_use]
    pub fn at(directory: &std::path::Path) -> Self {
        let path = directory.join("sessions.json");
        let open = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { path, open: Mutex::new(open) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session; returns the cookie's value, which is kept nowhere.
    ///
    /// # Errors
    /// [`KeyError::Random`].
    pub fn begin(&self, operator: Operator, now: Wall) -> Result<String, KeyError> {
        let cookie = draw_secret()?;
        let mut open = self.lock();
        open.retain(|session| !is_over(session, now));
        while open.len() >= SESSIONS_MAX {
            let oldest = open.iter().enumerate().min_by_key(|(_, session)| session.seen).map(|(at, _)| at);
            oldest.map(|at| open.remove(at));
        }
        open.push(Session { cookie: hashed(&cookie), operator, began: now, seen: now, locked: false });
        self.keep(&open);
        Ok(cookie)
    }

    /// Finds the session of a cookie. `used` says that a person caused the request: it puts off the lock.
    #[must_use]
    pub fn show(&self, cookie: &str, now: Wall, used: bool) -> Option<Shown> {
        let wanted = hashed(cookie);
        let mut open = self.lock();
        let session = open.iter_mut().find(|session| session.cookie == wanted)?;
        if is_over(session, now) {
            return None;
        }
        let idle_s = now.seconds().saturating_sub(session.seen.seconds());
        let locks = !session.locked && idle_s >= IDLE_S_MAX;
        session.locked |= locks;
        let shown = Shown {
            operator: session.operator.clone(),
            csrf: Csrf::of(cookie),
            locked: session.locked,
            cookie: wanted,
        };
        let refreshed = used && !session.locked && idle_s >= SEEN_KEPT_EVERY_S;
        if refreshed {
            session.seen = now;
        }
        if locks || refreshed {
            self.keep(&open);
        }
        Some(shown)
    }

    /// Asks for the PIN before the next request is answered, or lets go on after it was given.
    #[must_use]
    pub fn set_locked(&self, shown: Shown, locked: bool, now: Wall) -> Shown {
        let mut open = self.lock();
        if let Some(session) = open.iter_mut().find(|session| session.cookie == shown.cookie) {
            session.locked = locked;
            session.seen = now;
        }
        self.keep(&open);
        Shown { locked, ..shown }
    }

    /// Ends a session.
    pub fn end(&self, shown: &Shown) {
        let mut open = self.lock();
        open.retain(|session| session.cookie != shown.cookie);
        self.keep(&open);
    }

    fn keep(&self, open: &[Session]) {
        let text = serde_json::to_vec(open).unwrap_or_default();
        if let Err(error) = durable::replace(&self.path, &text, Access::Secret) {
            // Signing in again after a restart is better than a desk that stops because a disk is full.
            tracing::warn!(%error, "sessions last until the next start only");
        }
    }
}

fn is_over(session: &Session, now: Wall) -> bool {
    now.seconds().saturating_sub(session.began.seconds()) >= SESSION_S_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_649_462_400_000);

    fn later(seconds: u64) -> Wall {
        Wall(NOW.0 + seconds * 1_000)
    }

    #[test]
    fn a_session_survives_a_restart_and_the_file_does_not_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let cookie = Sessions::at(dir.path()).begin(Operator::new("li").unwrap(), NOW).unwrap();
        let sessions = Sessions::at(dir.path());
        let shown = sessions.show(&cookie, later(1), true).unwrap();
        assert_eq!(shown.operator.as_str(), "li");
        assert!(!std::fs::read_to_string(dir.path().join("sessions.json")).unwrap().contains(&cookie));
        assert!(shown.csrf.is(shown.csrf.as_str()) && !shown.csrf.is("") && !shown.csrf.is(&cookie));
        sessions.end(&shown);
        assert_eq!(sessions.show(&cookie, later(2), true), None);
    }

    #[test]
    fn a_session_nobody_uses_asks_for_the_pin_even_while_its_page_polls_and_ends_after_a_shift() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = Sessions::at(dir.path());
        let cookie = sessions.begin(Operator::new("li").unwrap(), NOW).unwrap();
        assert!(!sessions.show(&cookie, later(IDLE_S_MAX - 1), false).unwrap().locked);
        let shown = sessions.show(&cookie, later(IDLE_S_MAX), true).unwrap();
        assert!(shown.locked);
        assert!(!sessions.set_locked(shown, false, later(IDLE_S_MAX + 5)).locked);
        assert!(!sessions.show(&cookie, later(IDLE_S_MAX + 6), true).unwrap().locked);
        assert_eq!(sessions.show(&cookie, later(SESSION_S_MAX), true), None);
    }
}
