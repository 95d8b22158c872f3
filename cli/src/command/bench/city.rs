//! A small city with its own root, for measurements.

use std::path::Path;

use ed25519_dalek::SigningKey;
use swabmesh_node::network::NetworkTimes;
use swabmesh_node::runtime::Setup;
use swabmesh_node::store::options::StoreOptions;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::code::{Credential, OfKind, StatusRef, issue, text};
use swabmesh_protocol::command::{Presented, Register};
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{CodeId, Lane, Person};
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::replica::Signed;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::trust::{IssuerKey, TrustList};

/// People in a tube of the measurements.
pub(super) const POOL: u64 = 10;

/// Fixed keys: what is measured does not depend on them.
pub(super) struct City {
    root: SigningKey,
    pub(super) issuer: SigningKey,
    trust: TrustList,
    policy: Policy,
}

impl City {
    pub(super) fn new() -> Self {
        let issuer = SigningKey::from_bytes(&[2; 32]);
        let trust = TrustList::new(1, vec![IssuerKey::new(issuer.verifying_key())]);
        let policy = Policy { version: 1, ..Policy::default() };
        Self { root: SigningKey::from_bytes(&[1; 32]), issuer, trust, policy }
    }

    /// A node of this city; `number` tells nodes apart.
    pub(super) fn setup(&self, store: &Path, number: u8, role: Role) -> anyhow::Result<Setup> {
        let key = SigningKey::from_bytes(&[number; 32]);
        let certificate = Certificate {
            node: node_key(&key),
            role,
            name: Text::new(format!("node {number}"))?,
            lane: if role == Role::Site { Lane(1) } else { Lane::CITY },
            serial: 1,
            from: 0,
            until: u64::MAX >> 1,
        };
        Ok(Setup {
            store: store.to_owned(),
            store_options: StoreOptions::new(u64::from(number)),
            certificate: certificate.sign(&self.root),
            root: self.root.verifying_key(),
            signed: Signed {
                certificates: Vec::new(),
                trust: self.trust.sign(&self.root, Algorithm::EdDsa)?,
                policy: self.policy.sign(&self.root, Algorithm::EdDsa)?,
            },
            issuers: (role == Role::Authority).then(|| self.issuer.clone()).into_iter().collect(),
            key,
            listen: Vec::new(),
            peers: Vec::new(),
            authority: Vec::new(),
            mdns: false,
            times: NetworkTimes::default(),
            carrying: swabmesh_node::runtime::Carrying::default(),
        })
    }

    /// What the root says of a site, for stores that are filled without it.
    pub(super) fn site_certificate(&self, key: &SigningKey, name: &str, lane: Lane) -> anyhow::Result<Vec<u8>> {
        let (node, name) = (node_key(key), Text::new(name)?);
        let until = u64::MAX >> 1;
        Ok(Certificate { node, role: Role::Site, name, lane, serial: 1, from: 0, until }.sign(&self.root))
    }

    /// The public half of the root.
    pub(super) fn root(&self) -> [u8; 32] {
        self.root.verifying_key().to_bytes()
    }

    /// The static code of the n-th resident, issued at `now_s`.
    pub(super) fn code(&self, number: u64, now_s: u64) -> anyhow::Result<String> {
        let credential = Credential {
            iat_s: now_s,
            exp_s: now_s + 30 * 86_400,
            cti: CodeId(scatter(number, 1).to_be_bytes()),
            person: person(number),
            masked_name: masked_name(number),
            document_type: 1,
            last_four: last_four(number),
            status: StatusRef { list: 1, index: u32::try_from(number % (1 << 20))? },
            of_kind: OfKind::Static,
        };
        Ok(text::encode(&issue::credential(&credential, &self.issuer, Algorithm::EdDsa)?))
    }
}

/// A resident's pseudonym: 16 bytes that do not compress.
pub(super) fn person(number: u64) -> Person {
    let mut person = [0; 16];
    person[..8].copy_from_slice(&scatter(number, 2).to_be_bytes());
    person[8..].copy_from_slice(&scatter(number, 3).to_be_bytes());
    Person(person)
}

pub(super) fn last_four(number: u64) -> String {
    format!("{:04}", scatter(number, 4) % 10_000)
}

/// Spreads numbers over 64 bits (splitmix64, Steele et al. 2014).
fn scatter(number: u64, stream: u64) -> u64 {
    let mut z = number.wrapping_add(stream << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The barcode of the tube that the n-th registration goes into.
pub(super) fn tube(number: u64) -> String {
    format!("T{:08}", number / POOL)
}

/// The n-th registration: a static code, shown at a desk.
pub(super) fn registration(city: &City, number: u64, now_s: u64) -> anyhow::Result<Register> {
    let presented = Presented::Code(city.code(number, now_s)?);
    Ok(Register { tube: tube(number).parse()?, presented, operator: Text::new("op1")?, reason: None })
}

/// A masked name of the n-th resident, one of 400.
pub(super) fn masked_name(number: u64) -> String {
    const SURNAMES: [char; 20] = [
        '王', '李', '张', '刘', '陈', '杨', '赵', '黄', '周', '吴', '徐', '孙', '胡', '朱', '高', '林', '何', '郭',
        '马', '罗',
    ];
    const LAST: [char; 20] = [
        '伟', '芳', '娜', '敏', '静', '强', '磊', '军', '洋', '勇', '艳', '杰', '娟', '涛', '明', '超', '兰', '霞',
        '平', '刚',
    ];
    let pick = |list: &[char; 20], stream| {
        let at = usize::try_from(scatter(number, stream) % 20).unwrap_or(0);
        list.get(at).copied().unwrap_or('王')
    };
    format!("{}*{}", pick(&SURNAMES, 5), pick(&LAST, 6))
}
