//! The demo's city: who is there, who is enrolled, which cables connect them.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::cable::Cable;
use super::place::{Place, swabmesh, wait_until};
use super::say;

/// All nodes and cables.
#[derive(Debug)]
pub(super) struct City {
    /// The authority.
    pub(super) authority: Place,
    /// Gates 1 and 2 in cell 1, gate 3 in cell 2.
    pub(super) sites: Vec<Place>,
    /// The laboratory.
    pub(super) lab: Place,
    /// The cable between the cells: from gate 3 to gate 1.
    pub(super) between_cells: Cable,
    uplinks: Vec<Cable>,
}

/// Cell of each site.
const CELLS: [&str; 3] = ["1", "1", "2"];

impl City {
    /// Makes all nodes, enrols them offline by file, and starts them.
    pub(super) fn build(directory: &Path) -> anyhow::Result<Self> {
        let mut authority = Place::new(directory, "authority", "Authority")?;
        let mut sites = Vec::new();
        for number in 1..=CELLS.len() {
            sites.push(Place::new(directory, "site", &format!("Gate {number}"))?);
        }
        let mut lab = Place::new(directory, "lab", "Lab")?;
        let addresses: Vec<_> = sites.iter().map(|site| site.address).collect();
        let [gate_1, ..] = addresses.as_slice() else { anyhow::bail!("no sites") };
        let between_cells = Cable::lay(*gate_1)?;
        // Everybody reaches the authority over a cable of their own; gate 2 and gate 3 also reach gate 1.
        let uplinks = (0..=sites.len()).map(|_| Cable::lay(authority.address)).collect::<Result<Vec<_>, _>>()?;
        for ((number, site), uplink) in sites.iter_mut().enumerate().zip(&uplinks) {
            site.uplink = Some(uplink.address());
            match number {
                1 => site.peers.push(*gate_1),
                2 => site.peers.push(between_cells.address()),
                _ => {}
            }
        }
        lab.uplink = uplinks.last().map(Cable::address);
        enrol(&mut authority, &mut sites, &mut lab)?;
        Ok(Self { authority, sites, lab, between_cells, uplinks })
    }

    /// Pulls every cable between cells and to the authority.
    pub(super) fn cut(&self) {
        self.between_cells.pull();
        self.uplinks.iter().for_each(Cable::pull);
    }

    /// Plugs every cable in again.
    pub(super) fn heal(&self) {
        self.between_cells.plug();
        self.uplinks.iter().for_each(Cable::plug);
    }

    /// All nodes but the authority.
    pub(super) fn others(&self) -> impl Iterator<Item = &Place> {
        self.sites.iter().chain([&self.lab])
    }

    /// Waits until every node is connected with the authority.
    pub(super) fn wait_connected(&self, within: Duration) -> anyhow::Result<()> {
        for place in self.others() {
            wait_until(&format!("{} connected", place.name), within, || {
                let status = place.status()?;
                let peers = status.get("peers").and_then(Value::as_array).cloned().unwrap_or_default();
                Ok(peers.iter().any(|peer| peer.get("role").and_then(Value::as_str) == Some("authority")))
            })?;
        }
        Ok(())
    }

    /// Tells where the nodes can be reached.
    pub(super) fn tell_where(&self) -> anyhow::Result<()> {
        say("\nThe nodes are running. Ask them, for example:");
        for place in std::iter::once(&self.authority).chain(self.others()) {
            say(&format!("  swabmesh status --data {}", place.data()?));
        }
        say("Press Enter to stop them.");
        Ok(())
    }
}

fn enrol(authority: &mut Place, sites: &mut [Place], lab: &mut Place) -> anyhow::Result<()> {
    let data = authority.data()?;
    let address = authority.address.to_string();
    swabmesh(&["authority", "init", "--data", data, "--name", "City authority", "--address", &address], None)?;
    for (site, cell) in sites.iter().zip(CELLS) {
        swabmesh(&["site", "init", "--data", site.data()?, "--name", &site.name, "--cell", cell], None)?;
    }
    swabmesh(&["lab", "init", "--data", lab.data()?, "--name", &lab.name], None)?;
    for place in sites.iter().chain([&*lab]) {
        let request = place.data.join("enrolment").join("request");
        let answer = place.data.join("answer-from-authority");
        let (request, answer) = (request.to_string_lossy(), answer.to_string_lossy());
        swabmesh(&["authority", "enrol", &request, "--data", data, "--out", &answer], None)?;
        swabmesh(&[place.role, "join", &answer, "--data", place.data()?], None)?;
    }
    authority.start()?;
    for site in sites {
        site.start()?;
    }
    lab.start()
}
