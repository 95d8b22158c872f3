//! An authority made for tests, with everything real but the running core.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use swabmesh_protocol::chunk::OpenedChunk;
use swabmesh_protocol::code::{Credential, OfKind, StatusRef, issue, text};
use swabmesh_protocol::copies::Counts;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{Fact, Issued, Remark, Revoked, Role};
use swabmesh_protocol::id::{CodeId, Epoch, FeedHeader, Hash, Lane, Person, SeqNo};
use swabmesh_protocol::io::Arrival;
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::project::{Rules, apply};
use swabmesh_protocol::replica::{Status, Validity};
use swabmesh_protocol::status::StatusLists;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Stamp, Wall};
use swabmesh_protocol::trust::TrustList;
use swabmesh_protocol::verify::Knowledge;
use swabmesh_protocol::view::{Batch, MemoryTables};

use crate::clock;
use crate::config::Config;
use crate::enrolment::Membership;
use crate::enrolment::found::found;
use crate::home::Home;
use crate::keys::Signing;
use crate::runtime::{Disk, Snapshot};

pub(crate) struct Authority {
    pub(crate) member: Membership,
    issuer: SigningKey,
    _dir: tempfile::TempDir,
}

pub(crate) fn authority() -> Authority {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path().join("city"));
    let config = Config::new(Role::Authority, Text::new("city").unwrap(), Lane::CITY);
    found(&home, &config, &Policy::default(), clock::wall().seconds()).unwrap();
    let member = Membership::open(&home).unwrap();
    Authority { member, issuer: home.keys().signing(Signing::Issuer).unwrap(), _dir: dir }
}

impl Authority {
    /// What the authority's core knows before it has revoked anything.
    pub(crate) fn knowledge(&self) -> Knowledge {
        let trust = TrustList::open(&self.member.trust, &self.member.root).unwrap();
        let policy = Policy::open(&self.member.policy, &self.member.root).unwrap();
        Knowledge { trust, policy, status: StatusLists::default() }
    }

    /// The text of a static code issued now.
    pub(crate) fn credential(&self, person: Person, cti: CodeId) -> String {
        let now = clock::wall().seconds();
        let credential = Credential {
            iat_s: now,
            exp_s: now + 60,
            cti,
            person,
            masked_name: "张*".to_owned(),
            document_type: 1,
            last_four: "002X".to_owned(),
            status: StatusRef { list: 1, index: 7 },
            of_kind: OfKind::Static,
        };
        text::encode(&issue::credential(&credential, &self.issuer, Algorithm::default()).unwrap())
    }

    /// The tables of an authority that issued and revoked these codes.
    pub(crate) fn registry(&self, issued: &[Issued], revoked: &[CodeId]) -> MemoryTables {
        let key = SigningKey::from_bytes(&[1; 32]);
        let header = FeedHeader { writer: node_key(&key), epoch: Epoch(1), lane: Lane::PRIVATE };
        let revoked = revoked
            .iter()
            .map(|code| Fact::from(Revoked { code: *code, person: Person([1; 16]), reason: Remark::default() }));
        let facts = issued.iter().cloned().map(Fact::from).chain(revoked);
        let stamped = facts.enumerate().map(|(n, fact)| (Stamp::default().next(Wall(n as u64 + 1)), fact.to_bytes()));
        let chunk = OpenedChunk::write(&key, header, (SeqNo(0), Hash::ZERO), stamped);
        let rules = Rules { window_ms: 0, role_of: &|_| Some(Role::Authority), keys_max: 1_000, prunes: false };
        let mut tables = MemoryTables::default();
        let mut batch = Batch::new(&tables);
        apply(&mut batch, &chunk, Arrival(1), &rules).unwrap();
        let writes = batch.into_writes();
        tables.apply(writes);
        tables
    }
}

/// A node that has just started and knows nobody.
pub(crate) fn snapshot() -> Snapshot {
    let core = Status {
        node: node_key(&SigningKey::from_bytes(&[1; 32])),
        name: "Gate 3".to_owned(),
        role: Role::Site,
        lane: Lane(3),
        epoch: Epoch(1),
        own: Counts::default(),
        peers: Vec::new(),
        feeds: 0,
        entries: 0,
        arrivals: 0,
        indexed: 0,
        root: Hash::ZERO,
        lists: Vec::new(),
        policy_version: 1,
        trust_version: 1,
        clock_offset_ms: 0,
        clock_doubtful: false,
        seal_key: None,
        certificate: Validity { until: 1_680_000_000, left_s: 8_640_000, late: false },
        withdrawn: false,
        renewals_late: 0,
        enrolled: 1,
        forks: 0,
        quarantined: 0,
    };
    let (contacts, contact_times, listening) = Default::default();
    Snapshot {
        core,
        contacts,
        contact_times,
        listening,
        counters: BTreeMap::new(),
        disk: Disk::default(),
        queued_bytes_max: 0,
    }
}
