//! Views for people, put together from the tables: tubes, boxes, a person's results, recalls, digests.

use sha2::{Digest, Sha256};
use swabmesh_protocol::copies::Custody;
use swabmesh_protocol::fact::{Fact, Subject};
use swabmesh_protocol::id::{Barcode, EntryId, FeedId, Hash, Person, SeqNo};
use swabmesh_protocol::io::Prior;
use swabmesh_protocol::project::{document_facts, entries, head, prior, receipted, subjects};
use swabmesh_protocol::results::{Recall, Retest, recalls};
use swabmesh_protocol::time::Stamp;
use swabmesh_protocol::tube::Document;
use swabmesh_protocol::tube::transport::BoxView;
use swabmesh_protocol::tube::view::{Member, TubeView};
use swabmesh_protocol::view::{View, ViewError};

use crate::api::{DocumentHeads, HeadsDigest, PersonResult, RecallLine, RecallList, RegistrationLine, TubeLine};

/// Tubes that a registration is followed through when it was moved. Source: guess; a second move is rare already.
const MOVES_FOLLOWED_MAX: u8 = 4;

/// Registrations of one person that are looked at.
const REGISTRATIONS_MAX: usize = 64;

/// Documents read at a time while all of them are walked.
const WALK_DOCUMENTS: usize = 256;

/// Entries of the own feed looked at for one registration wanted: opening, sealing and corrections lie between.
const ENTRIES_PER_REGISTRATION: u64 = 4;

/// Derives the document of a tube or box; `None` when nobody spoke of it.
fn document<V: View>(view: &V, subject: Subject) -> Result<Option<Document>, ViewError> {
    let facts = document_facts(view, &subject)?;
    if facts.is_empty() {
        return Ok(None);
    }
    let is_held = |entry: EntryId| {
        // A head that cannot be read holds its facts back, which is what is known.
        head(view, &entry.feed).ok().flatten().is_some_and(|record| record.height >= entry.seq)
    };
    Ok(Some(Document::build(subject, facts, &is_held)))
}

/// Shows a tube; `None` when nobody spoke of it.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn tube<V: View>(view: &V, barcode: &Barcode) -> Result<Option<TubeView>, ViewError> {
    tube_within(view, barcode, MOVES_FOLLOWED_MAX)
}

fn tube_within<V: View>(view: &V, barcode: &Barcode, moves: u8) -> Result<Option<TubeView>, ViewError> {
    let Some(document) = document(view, Subject::Tube(barcode.clone()))? else { return Ok(None) };
    let elsewhere = |from: &Barcode, registration: EntryId| -> Option<Member> {
        let before = tube_within(view, from, moves.checked_sub(1)?).ok()??;
        before.members.into_iter().find(|member| member.registration == registration)
    };
    Ok(document.tube_view(&elsewhere))
}

/// Shows a box; `None` when nobody spoke of it.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn transport<V: View>(view: &V, barcode: &Barcode) -> Result<Option<BoxView>, ViewError> {
    Ok(document(view, Subject::Box(barcode.clone()))?.and_then(|document| document.box_view()))
}

/// Lists tubes by barcode, at most `limit` after `after`.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn tubes<V: View>(view: &V, after: Option<Barcode>, limit: usize) -> Result<Vec<TubeLine>, ViewError> {
    let mut lines = Vec::new();
    for subject in subjects(view, after.map(Subject::Tube).as_ref(), limit)? {
        let Subject::Tube(barcode) = subject else { break };
        let Some(shown) = tube(view, &barcode)? else { continue };
        lines.push(TubeLine {
            tube: barcode,
            pool: shown.pool,
            count: shown.count,
            sealed: !shown.seals.is_empty(),
            result: shown.verdict.map(|verdict| verdict.reading),
            conflicts: shown.conflicts.len(),
        });
    }
    Ok(lines)
}

/// The tubes a person is in, or was registered into, oldest first.
fn tubes_of<V: View>(view: &V, person: &Person) -> Result<Vec<(Prior, TubeView)>, ViewError> {
    let mut tubes = Vec::new();
    for registration in prior(view, person, Stamp::default(), REGISTRATIONS_MAX)? {
        let mut at = registration.tube.clone();
        // Moved registrations are where they were moved to.
        for _ in 0..MOVES_FOLLOWED_MAX {
            let Some(shown) = tube(view, &at)? else { break };
            let member = shown.members.iter().find(|member| member.registration == registration.registration);
            match member.map(|member| (member.counts, member.moved_to.first())) {
                Some((false, Some(to))) if *to != at => at = to.clone(),
                Some((true, _)) => {
                    tubes.push((registration, shown));
                    break;
                }
                Some((false, _)) | None => break,
            }
        }
    }
    Ok(tubes)
}

/// Tells one person the results of their registrations, newest last (T4).
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn results_of<V: View>(view: &V, person: &Person) -> Result<Vec<PersonResult>, ViewError> {
    let tubes = tubes_of(view, person)?;
    let views: Vec<TubeView> = tubes.iter().map(|(_, shown)| shown.clone()).collect();
    let result = |(registration, shown): &(Prior, TubeView)| {
        let own = |_: Person| views.clone();
        let recall = recalls(shown, &own).into_iter().find(|recall| recall.registration == registration.registration);
        PersonResult {
            registration: registration.registration,
            registered_at: registration.stamp.wall(),
            tube: shown.barcode.clone(),
            result: shown.verdict.map(|verdict| verdict.reading),
            disputed: shown.verdict.is_some_and(|verdict| verdict.disputed),
            retest: recall.is_some_and(|recall| recall.retest == Retest::Awaited),
        }
    };
    Ok(tubes.iter().map(result).collect())
}

/// Lists everyone in a positive pool (T3); `None` when nobody spoke of the tube.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn recall<V: View>(view: &V, barcode: &Barcode) -> Result<Option<RecallList>, ViewError> {
    let Some(pool) = tube(view, barcode)? else { return Ok(None) };
    let of_person = |person: Person| {
        // A tube that cannot be read clears nobody.
        tubes_of(view, &person).unwrap_or_default().into_iter().map(|(_, shown)| shown).collect()
    };
    let line = |recall: Recall| {
        let member = pool.members.iter().find(|member| member.registration == recall.registration);
        let registered = member.and_then(|member| member.registered.as_ref());
        RecallLine {
            name: registered.map(|registered| registered.name.to_string()),
            last_four: registered.map(|registered| registered.last_four.to_string()),
            site: registered.map(|registered| registered.by.node),
            recall,
        }
    };
    let people = recalls(&pool, &of_person).into_iter().map(line).collect();
    Ok(Some(RecallList { tube: pool.barcode.clone(), result: pool.verdict.map(|verdict| verdict.reading), people }))
}

/// Lists the newest registrations of a feed, newest first; another node holds it durably up to `neighbour`.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn registrations<V: View>(
    view: &V,
    feed: FeedId,
    neighbour: SeqNo,
    limit: usize,
) -> Result<Vec<RegistrationLine>, ViewError> {
    let Some(record) = head(view, &feed)? else { return Ok(Vec::new()) };
    let receipted = receipted(view, &feed, record.height)?;
    let span = ENTRIES_PER_REGISTRATION.saturating_mul(u64::try_from(limit).unwrap_or(u64::MAX));
    let from = SeqNo(record.height.0.saturating_sub(span).saturating_add(1));
    let mut found = Vec::new();
    for entry in entries(view, &feed, from, record.height)? {
        let entry = entry?;
        if let Ok(Fact::Registered(registered)) = Fact::from_bytes(&entry.fact) {
            found.push(RegistrationLine {
                registration: EntryId { feed, seq: entry.seq },
                at: entry.stamp.wall(),
                tube: registered.tube,
                person: registered.person,
                name: registered.name.to_string(),
                last_four: registered.last_four.to_string(),
                route: registered.route,
                operator: registered.operator.to_string(),
                held: Custody::of(entry.seq, neighbour, receipted),
            });
        }
    }
    found.reverse();
    found.truncate(limit);
    Ok(found)
}

/// Digests the heads of all documents: nodes that hold the same facts agree on it.
///
/// # Errors
/// [`ViewError`]: our disk.
pub fn heads<V: View>(view: &V) -> Result<HeadsDigest, ViewError> {
    let mut hash = Sha256::new();
    let mut each = Vec::new();
    let mut held_back = 0;
    let mut after = None;
    loop {
        let next = subjects(view, after.as_ref(), WALK_DOCUMENTS)?;
        for subject in &next {
            let Some(document) = document(view, subject.clone())? else { continue };
            let digest = document.heads_digest();
            let (kind, barcode) = match subject {
                Subject::Tube(barcode) => (b"tube ", barcode),
                Subject::Box(barcode) => (b"box\0 ", barcode),
            };
            hash.update(kind);
            hash.update(barcode.as_str());
            hash.update([0]);
            hash.update(digest.0);
            held_back += document.held_back().len();
            each.push(DocumentHeads { subject: subject.clone(), digest });
        }
        if next.len() < WALK_DOCUMENTS {
            break;
        }
        after = next.into_iter().last();
    }
    Ok(HeadsDigest { digest: Hash(hash.finalize().into()), documents: each.len(), held_back, each })
}

#[cfg(test)]
mod tests;
