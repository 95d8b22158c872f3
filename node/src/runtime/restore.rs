//! From what the disk holds to what the core starts from: the tables catch up with the journal, then both are read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use swabmesh_protocol::fact::{Fact, Role};
use swabmesh_protocol::id::{Epoch, NodeKey};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::project::{self, Relayout};
use swabmesh_protocol::replica::{Identity, Signed};
use swabmesh_protocol::restore::{self, Found, Frame, Skipped};
use swabmesh_protocol::roster::Roster;
use swabmesh_protocol::time::MS_PER_S;
use swabmesh_protocol::view::Batch;

use super::StartError;
use super::indexer::{Applier, ApplyError};
use super::tables::{Tables, arrival};
use crate::store::error::StoreError;
use crate::store::frame;
use crate::store::recovery::IndexFound;
use crate::store::{Opened, Store};

/// Between two lines that say how far a long start came.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What a node starts from.
pub(super) struct Restored {
    /// For the core.
    pub(super) found: Found,
    /// Chunks of the journal that do not continue what the tables hold: offered again when what lies before them came.
    pub(super) stranded: Vec<Vec<u8>>,
}

/// The lifetime of the store to go on in: a new one when own entries may be missing, so that no number is used twice
/// (rule N5). The old feed stays as it is, and comes back from peers.
pub(super) fn epoch(opened: &Opened, drawn: u64) -> Result<Epoch, StoreError> {
    let recovery = &opened.recovery;
    let own_entries_may_be_missing =
        matches!(recovery.index, IndexFound::Rebuilt { .. }) || !recovery.missing.is_empty();
    if !own_entries_may_be_missing {
        return Ok(Epoch(opened.epoch));
    }
    tracing::warn!(missing = ?recovery.missing, "entries were lost with the damage: going on in a new epoch");
    opened.store.renew_epoch(drawn)?;
    Ok(Epoch(drawn))
}

/// Applies what the journal holds and the tables do not, then reads both.
pub(super) fn restore(
    store: &Store,
    tables: &Tables,
    applier: &mut Applier,
    identity: &Identity,
    signed: Signed,
) -> Result<Restored, StartError> {
    relayout(tables, applier)?;
    catch_up(store, tables, applier, identity, &signed)?;
    let mut stranded = Vec::new();
    let mut failed = None;
    let frames = store.frames(frame::Arrival::NONE).map_while(|frame| {
        frame.map(|frame| (arrival(frame.arrival), frame.payload)).map_err(|error| failed = Some(error)).ok()
    });
    let found = restore::held(identity, signed, tables, frames)?;
    if let Some(error) = failed {
        return Err(error.into());
    }
    for (at, why) in &found.skipped {
        tracing::warn!(arrival = at.0, %why, "{why}");
        if *why == Skipped::Gap
            && let Some(frame) = store.frames(frame::Arrival(at.0)).next()
        {
            stranded.push(frame?.payload);
        }
    }
    Ok(Restored { found, stranded })
}

/// Rewrites the rows of an older layout, if there are any.
fn relayout(tables: &Tables, applier: &mut Applier) -> Result<(), StartError> {
    let Some(mut relayout) = Relayout::begin(tables)? else { return Ok(()) };
    let mut told = Instant::now();
    loop {
        let mut batch = Batch::new(tables);
        let more = relayout.step(&mut batch)?;
        applier.hand_over(batch.into_writes(), Arrival(0))?;
        // The next step reads what this one wrote.
        applier.settle()?;
        if !more {
            return Ok(());
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tracing::info!("the index gets the layout of this version");
        }
    }
}

fn catch_up(
    store: &Store,
    tables: &Tables,
    applier: &mut Applier,
    identity: &Identity,
    signed: &Signed,
) -> Result<(), StartError> {
    let through = project::indexed(tables)?;
    let roles = roles(store, tables, identity, signed)?;
    let policy = Policy::open(&signed.policy, &identity.root).unwrap_or_default();
    let window_ms = policy.duplicate_window_s.saturating_mul(MS_PER_S);
    let (last, mut told) = (store.health().last, Instant::now());
    for frame in store.frames(frame::Arrival(through.0).next()) {
        let frame = frame?;
        let at = arrival(frame.arrival);
        match restore::frame(frame.payload, identity) {
            Some(Frame::Certificate(node, bytes)) => applier.hand_over(vec![restore::kept(&node, bytes)], at)?,
            Some(Frame::Chunk(sealed)) => {
                let role = roles.get(&sealed.header().writer).copied();
                applier.chunk(at, sealed.into_bytes(), role, window_ms).map(drop).or_else(unless_unreadable)?;
            }
            None => applier.hand_over(Vec::new(), at)?,
        }
        applier.make_room()?;
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            tracing::info!(frame = at.0, of = last.0, "the tables follow the journal");
        }
    }
    applier.settle()?;
    Ok(())
}

/// A chunk that does not read stays in the journal and is told of; everything else stops the start.
fn unless_unreadable(error: ApplyError) -> Result<(), StartError> {
    match error {
        ApplyError::Store(error) => Err(error.into()),
        ApplyError::View(error) => Err(error.into()),
        ApplyError::Chunk(_) => Ok(()),
    }
}

/// Who wrote what: certificates are read before any chunk is applied.
fn roles(
    store: &Store,
    tables: &Tables,
    identity: &Identity,
    signed: &Signed,
) -> Result<BTreeMap<NodeKey, Role>, StartError> {
    let mut roster = Roster::new(identity.root);
    // A certificate that the root did not sign gives nobody a role.
    let mut enrol = |certificate: &[u8]| drop(roster.enrol(certificate));
    enrol(&identity.certificate);
    signed.certificates.iter().for_each(|certificate| enrol(certificate));
    restore::certificates(tables)?.iter().for_each(|certificate| enrol(certificate));
    let told = project::control(tables)?.into_iter().filter_map(|(_, fact)| fact.into_certificate());
    told.for_each(|certificate| enrol(&certificate));
    // Only an authority enrols, so a day's registrations need not be opened for it.
    let mut passed_over = BTreeSet::new();
    loop {
        for frame in store.frames(frame::Arrival::NONE) {
            match restore::frame(frame?.payload, identity) {
                Some(Frame::Certificate(_, bytes)) => drop(roster.enrol(&bytes)),
                Some(Frame::Chunk(sealed)) if may_enrol(&roster, &sealed.header().writer) => {
                    let entries = sealed.reopen().map(|chunk| chunk.entries).unwrap_or_default();
                    let facts = entries.iter().filter_map(|entry| Fact::from_bytes(&entry.fact).ok());
                    facts.filter_map(Fact::into_certificate).for_each(|certificate| drop(roster.enrol(&certificate)));
                }
                Some(Frame::Chunk(sealed)) => drop(passed_over.insert(sealed.header().writer)),
                None => {}
            }
        }
        // Somebody may have turned out to be one by what was read behind it.
        let before = passed_over.len();
        passed_over.retain(|writer| !may_enrol(&roster, writer));
        if passed_over.len() == before {
            break;
        }
    }
    Ok(roster.certificates().map(|certificate| (certificate.node, certificate.role)).collect())
}

fn may_enrol(roster: &Roster, writer: &NodeKey) -> bool {
    roster.role(writer) == Some(Role::Authority)
}

/// The newest frame that the tables reflect.
pub(super) fn reflected(tables: &Tables, store: &Store) -> Result<Arrival, StartError> {
    Ok(project::indexed(tables)?.max(arrival(store.health().indexed_through)))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use swabmesh_protocol::certificate::Certificate;
    use swabmesh_protocol::chunk::OpenedChunk;
    use swabmesh_protocol::entry::node_key;
    use swabmesh_protocol::fact::Enrolled;
    use swabmesh_protocol::id::{FeedHeader, Hash, Lane, SeqNo};
    use swabmesh_protocol::text::Text;
    use swabmesh_protocol::time::Stamp;
    use swabmesh_protocol::view::{Table, View, Write};

    use super::*;
    use crate::store::options::StoreOptions;

    /// Bytes of a visit, which was the key of a row in version 1.
    const VISIT_BYTES: usize = 48;

    fn visit(number: u16) -> Vec<u8> {
        let [high, low] = number.to_be_bytes();
        [&[low; 16], [high; VISIT_BYTES - 16].as_slice()].concat()
    }

    #[test]
    fn an_index_of_the_older_layout_is_rewritten_at_a_start_and_only_then() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::new(1)).unwrap().store;
        let tables = Tables::new(store.clone());
        let mut applier = Applier::new(tables.clone(), true);
        let old = |number| Write { table: Table::People, key: visit(number), value: Some(b"what it said".to_vec()) };
        applier.hand_over((0..1_000).map(old).collect(), Arrival(0)).unwrap();
        applier.settle().unwrap();
        relayout(&tables, &mut applier).unwrap();
        let rows = tables.scan(Table::People, &[], &[0xff; 64], 2_000).unwrap();
        let visits: Vec<Vec<u8>> =
            rows.iter().flat_map(|(_, value)| value.chunks(VISIT_BYTES).map(<[u8]>::to_vec)).collect();
        let mut expected: Vec<Vec<u8>> = (0..1_000).map(visit).collect();
        expected.sort();
        assert_eq!((rows.len(), visits), (256, expected), "a row for each beginning of a person");
        assert!(Relayout::begin(&tables).unwrap().is_none());
        drop(applier);
        store.close().unwrap();
    }

    /// A root, and what it signs.
    fn signed(number: u8, role: Role, serial: u32) -> (SigningKey, Vec<u8>) {
        let key = SigningKey::from_bytes(&[number; 32]);
        let name = Text::new(format!("node {number}")).unwrap();
        let certificate =
            Certificate { node: node_key(&key), role, name, lane: Lane(1), serial, from: 0, until: u64::MAX >> 1 };
        (key, certificate.sign(&root()))
    }

    fn root() -> SigningKey {
        SigningKey::from_bytes(&[1; 32])
    }

    /// A frame of the journal in which a node enrols another.
    fn enrolling(key: &SigningKey, certificate: Vec<u8>) -> Vec<u8> {
        let header = FeedHeader { writer: node_key(key), epoch: Epoch(1), lane: Lane(1) };
        let fact = Fact::from(Enrolled { certificate: certificate.into() });
        let said = vec![(Stamp(1), fact.to_bytes())];
        OpenedChunk::write(key, header, (SeqNo(0), Hash::ZERO), said).seal().into_bytes()
    }

    #[test]
    fn whoever_an_authority_enrols_has_a_role_wherever_in_the_journal_that_stands() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &StoreOptions::new(1)).unwrap().store;
        let (own, own_certificate) = signed(2, Role::Authority, 1);
        let (office, office_before) = signed(3, Role::Site, 1);
        let (_, office_since) = signed(3, Role::Authority, 2);
        let (site, enrolled_by_office) = signed(4, Role::Site, 1);
        let (laboratory, enrolled_by_site) = signed(5, Role::Lab, 1);
        // The office enrols before the certificate is read that makes an authority of it; what a site says enrols nobody.
        for bytes in [enrolling(&office, enrolled_by_office), enrolling(&site, enrolled_by_site), office_since] {
            let (done, durable) = std::sync::mpsc::sync_channel(1);
            let told = Box::new(move |result| drop(done.send(result)));
            assert!(store.persist(frame::FrameKind::Foreign, bytes, told).is_ok());
            durable.recv().unwrap().unwrap();
        }
        let identity = Identity {
            epoch: Epoch(1),
            key: own,
            certificate: own_certificate,
            root: root().verifying_key(),
            seed: [0; 32],
            issuers: Vec::new(),
        };
        let known = Signed { certificates: vec![office_before], ..Signed::default() };
        let roles = roles(&store, &Tables::new(store.clone()), &identity, &known).unwrap();
        let role = |key: &SigningKey| roles.get(&node_key(key)).copied();
        assert_eq!(role(&office), Some(Role::Authority));
        assert_eq!(role(&site), Some(Role::Site));
        assert_eq!(role(&laboratory), None);
        store.close().unwrap();
    }
}
