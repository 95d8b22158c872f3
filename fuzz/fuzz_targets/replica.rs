//! A peer with a valid certificate that says anything, in any order: the node goes on, within its bounds.
//!
//! The input is a series of steps: one byte says what happens, two how long the bytes that follow are.
#![no_main]

use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;
use swabmesh_protocol::certificate::Certificate;
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::exchange::frame::{Frame, Hello, VERSION};
use swabmesh_protocol::fact::Role;
use swabmesh_protocol::id::{Epoch, Lane};
use swabmesh_protocol::io::{Arrival, Carried, Input, LinkId, Output};
use swabmesh_protocol::limits::FRAME_BYTES_MAX;
use swabmesh_protocol::replica::{Held, Identity, Replica};
use swabmesh_protocol::text::Text;
use swabmesh_protocol::time::{Mono, Now, Wall};

const BEGAN: u64 = 1_649_433_600_000;
const PEER: LinkId = LinkId(1);
/// Outputs that one input may cause; more is a flood of our own.
const OUTPUTS_MAX: usize = 4_096;

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

fn certificate(n: u8) -> Vec<u8> {
    let (node, name) = (node_key(&key(n)), Text::truncated("node"));
    let certificate = Certificate { node, role: Role::Site, name, lane: Lane(1), serial: 1, from: 0, until: u64::MAX };
    certificate.sign(&key(1))
}

struct Node {
    replica: Replica,
    clock_ms: u64,
    arrivals: u64,
}

impl Node {
    /// Handles one input, and plays a disk that always writes.
    fn take(&mut self, input: Input) {
        let mut waiting = vec![input];
        while let Some(input) = waiting.pop() {
            let now = Now { mono: Mono(self.clock_ms), wall: Wall(BEGAN + self.clock_ms) };
            self.replica.handle(now, input);
            for _ in 0..OUTPUTS_MAX {
                match self.replica.next_output() {
                    Some(Output::Persist { request, .. }) => {
                        self.arrivals += 1;
                        let result = Ok(Arrival(self.arrivals));
                        waiting.push(Input::Persisted { request, result });
                    }
                    Some(Output::Send { bytes, .. }) => assert!(bytes.len() <= FRAME_BYTES_MAX),
                    Some(_) => {}
                    None => break,
                }
            }
            assert!(self.replica.next_output().is_none());
        }
    }

    fn meet(&mut self) {
        self.take(Input::Connected { link: PEER, peer: node_key(&key(3)), dialled: false });
        let hello = Hello {
            version_min: VERSION,
            version_max: VERSION,
            certificate: certificate(3).into(),
            epoch: Epoch(1),
            arrivals: 2,
            wall: BEGAN,
            yours: None,
        };
        self.take(Input::Frame { link: PEER, bytes: Frame::Hello(hello).to_bytes() });
    }
}

fuzz_target!(|data: &[u8]| {
    let identity = Identity {
        key: key(2),
        certificate: certificate(2),
        root: key(1).verifying_key(),
        epoch: Epoch(1),
        seed: [5; 32],
        issuers: Vec::new(),
    };
    let Ok(replica) = Replica::restore(identity, Held::default()) else { return };
    let mut node = Node { replica, clock_ms: 0, arrivals: 0 };
    node.meet();
    let mut rest = data;
    while let [what, low, high, tail @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(tail.len());
        let (bytes, after) = tail.split_at(length);
        rest = after;
        match what % 9 {
            0 => node.take(Input::Import { request: None, carried: Carried::Chunk(bytes.to_vec()) }),
            8 => node.take(Input::Import { request: None, carried: Carried::Certificate(bytes.to_vec()) }),
            1 => {
                node.clock_ms += u64::from(*low) * 100;
                node.take(Input::DeadlineReached);
            }
            2 => {
                node.take(Input::Disconnected { link: PEER });
                node.meet();
            }
            _ => node.take(Input::Frame { link: PEER, bytes: bytes.to_vec() }),
        }
    }
});
