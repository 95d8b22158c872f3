//! The city: who takes part, with which keys and certificates, and who dials whom.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::frontier::Lanes;
use swabmesh_protocol::id::{Lane, NodeKey};
use swabmesh_protocol::policy::Policy;
use swabmesh_protocol::replica::Signed;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::trust::{IssuerKey, TrustList};

use crate::chance::derive;
use crate::scenario::{Fault, Scenario, ScenarioError};

/// A node, by its place in the city: the authority first, then laboratories, then sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// The authority.
pub const AUTHORITY: NodeId = NodeId(0);

/// One of those who take part.
#[derive(Debug, Clone)]
pub struct Citizen {
    /// `authority`, `lab-1`, `site-1`; `site-1-clone` is the second machine with that site's key.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// Its cell.
    pub lane: Lane,
    /// Its key.
    pub key: SigningKey,
    /// The public half.
    pub node: NodeKey,
    /// Signed by the root.
    pub certificate: Vec<u8>,
    /// Whom it dials.
    pub dials: Vec<NodeId>,
}

impl Citizen {
    /// The lanes it follows.
    #[must_use]
    pub fn lanes(&self) -> Lanes {
        match self.role {
            Role::Authority | Role::Lab => Lanes::All,
            Role::Site => Lanes::Of([Lane::CITY, self.lane].into()),
        }
    }

    /// Whether a scenario's selector means it.
    fn is_meant(&self, selector: &str) -> bool {
        let cell = selector.strip_prefix("cell-").and_then(|cell| cell.parse().ok()).map(Lane);
        match selector {
            "all" => true,
            "sites" => self.role == Role::Site,
            "labs" => self.role == Role::Lab,
            name => self.name == name || (self.role == Role::Site && Some(self.lane) == cell),
        }
    }
}

/// Everybody, and what the root signed.
#[derive(Debug)]
pub struct City {
    /// In the order of [`NodeId`].
    pub citizens: Vec<Citizen>,
    /// The root's key, pinned by everybody.
    pub root: SigningKey,
    /// The authority's issuing key.
    pub issuer: SigningKey,
    /// What every enrolment carried.
    pub signed: Signed,
    /// Who dials or is dialled by whom.
    acquaintances: Vec<BTreeSet<NodeId>>,
    /// Machines of which each two have one key, both ways.
    twins: BTreeMap<NodeId, NodeId>,
}

fn key(seed: u64, label: &str, number: usize) -> SigningKey {
    SigningKey::from_bytes(&derive(seed, label, number as u64))
}

impl City {
    /// Founds a city. Equal seeds, equal keys.
    #[must_use]
    pub fn found(scenario: &Scenario, seed: u64) -> Self {
        let root = key(seed, "root", 0);
        let issuer = key(seed, "issuer", 0);
        let mut citizens = vec![citizen(&root, seed, ("authority", 0), Role::Authority, Lane::CITY)];
        for number in 1..=scenario.city.labs {
            citizens.push(citizen(&root, seed, ("lab", number), Role::Lab, Lane::CITY));
        }
        let cells = usize::from(scenario.city.cells.max(1));
        for number in 1..=scenario.city.sites {
            let lane = Lane(u16::try_from((number - 1) % cells + 1).unwrap_or(1));
            citizens.push(citizen(&root, seed, ("site", number), Role::Site, lane));
        }
        let mut cells: BTreeMap<Lane, Vec<NodeId>> = BTreeMap::new();
        for (at, citizen) in citizens.iter().enumerate().filter(|(_, citizen)| citizen.role == Role::Site) {
            cells.entry(citizen.lane).or_default().push(NodeId(at));
        }
        let dials: Vec<Vec<NodeId>> = citizens
            .iter()
            .enumerate()
            .map(|(at, citizen)| dials(citizen, NodeId(at), &cells, scenario.city.neighbours))
            .collect();
        citizens.iter_mut().zip(dials).for_each(|(citizen, dials)| citizen.dials = dials);
        let without_line = |citizen: &Citizen| scenario.city.without_line.contains(&citizen.lane.0);
        for citizen in citizens.iter_mut().filter(|citizen| citizen.role == Role::Site && without_line(citizen)) {
            citizen.dials.retain(|peer| *peer != AUTHORITY);
        }
        let mut twins = BTreeMap::new();
        for (of, twin) in clones(scenario, &citizens) {
            let clone = NodeId(citizens.len());
            twins.extend([(of, clone), (clone, of)]);
            citizens.push(twin);
        }
        let mut acquaintances = vec![BTreeSet::new(); citizens.len()];
        for (id, citizen) in citizens.iter().enumerate() {
            for peer in &citizen.dials {
                for (one, other) in [(id, *peer), (peer.0, NodeId(id))] {
                    acquaintances.get_mut(one).into_iter().for_each(|of: &mut BTreeSet<NodeId>| of.extend([other]));
                }
            }
        }
        let trust = TrustList::new(1, vec![IssuerKey::new(issuer.verifying_key())]);
        let signed = Signed {
            certificates: citizens.first().map(|authority| authority.certificate.clone()).into_iter().collect(),
            trust: trust.sign(&root, Algorithm::EdDsa).unwrap_or_default(),
            policy: Policy { version: 1, ..Policy::default() }.sign(&root, Algorithm::EdDsa).unwrap_or_default(),
        };
        Self { citizens, root, issuer, signed, acquaintances, twins }
    }

    /// Everybody's places.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.citizens.len()).map(NodeId)
    }

    /// Those of a role.
    pub fn of_role(&self, role: Role) -> impl Iterator<Item = NodeId> {
        self.citizens.iter().enumerate().filter(move |(_, citizen)| citizen.role == role).map(|(at, _)| NodeId(at))
    }

    /// One of them.
    #[must_use]
    pub fn citizen(&self, id: NodeId) -> Option<&Citizen> {
        self.citizens.get(id.0)
    }

    /// Those that a node is ever connected with, in order.
    #[must_use]
    pub fn acquaintances(&self, id: NodeId) -> Vec<NodeId> {
        self.acquaintances.get(id.0).into_iter().flatten().copied().collect()
    }

    /// The other machine with the key of this one.
    #[must_use]
    pub fn twin(&self, id: NodeId) -> Option<NodeId> {
        self.twins.get(&id).copied()
    }

    /// What a node is called.
    #[must_use]
    pub fn name(&self, id: NodeId) -> &str {
        self.citizen(id).map_or("nobody", |citizen| citizen.name.as_str())
    }

    /// Those a scenario's selector means.
    ///
    /// # Errors
    /// [`ScenarioError::Selector`] when it means nobody.
    pub fn select(&self, selector: &str) -> Result<Vec<NodeId>, ScenarioError> {
        let meant = |id: &NodeId| self.citizen(*id).is_some_and(|citizen| citizen.is_meant(selector));
        let found: Vec<NodeId> = self.ids().filter(meant).collect();
        if found.is_empty() { Err(ScenarioError::Selector(selector.to_owned())) } else { Ok(found) }
    }
}

fn citizen(root: &SigningKey, seed: u64, (label, number): (&str, usize), role: Role, lane: Lane) -> Citizen {
    let key = key(seed, label, number);
    let name = if role == Role::Authority { label.to_owned() } else { format!("{label}-{number}") };
    let node = node_key(&key);
    let certificate =
        Certificate { node, role, name: Text::truncated(&name), lane, serial: 1, from: 0, until: u64::from(u32::MAX) };
    Citizen { name, role, lane, node, certificate: certificate.sign(root), key, dials: Vec::new() }
}

/// The second machines of sites that a scenario clones; they dial whom the first does.
fn clones(scenario: &Scenario, citizens: &[Citizen]) -> Vec<(NodeId, Citizen)> {
    let cloned: Vec<&str> = scenario.fault.iter().filter_map(Fault::clones).collect();
    let is_cloned =
        |citizen: &Citizen| citizen.role == Role::Site && cloned.iter().any(|nodes| citizen.is_meant(nodes));
    let twin = |citizen: &Citizen| Citizen { name: format!("{}-clone", citizen.name), ..citizen.clone() };
    let places = citizens.iter().enumerate().filter(|(_, citizen)| is_cloned(citizen));
    places.map(|(at, citizen)| (NodeId(at), twin(citizen))).collect()
}

/// Everybody dials the authority, and a site the next ones of its cell, as mDNS would show them.
fn dials(own: &Citizen, id: NodeId, cells: &BTreeMap<Lane, Vec<NodeId>>, neighbours: usize) -> Vec<NodeId> {
    if id == AUTHORITY {
        return Vec::new();
    }
    let mut dials = vec![AUTHORITY];
    if own.role == Role::Site
        && let Some(cell) = cells.get(&own.lane)
    {
        let place = cell.binary_search(&id).unwrap_or(0);
        let next = cell.iter().cycle().skip(place + 1).take(neighbours.min(cell.len().saturating_sub(1)));
        dials.extend(next);
    }
    dials
}
