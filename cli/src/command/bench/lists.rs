//! Status lists at the size of a city: bytes of their tokens, and one look-up.

use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

use clap::Args;
use ed25519_dalek::SigningKey;
use serde_json::json;
use swabmesh_protocol::code::StatusRef;
use swabmesh_protocol::cose::Algorithm;
use swabmesh_protocol::limits::STATUS_LIST_BITS_MAX;
use swabmesh_protocol::status::token::StatusToken;
use swabmesh_protocol::status::{StatusList, StatusLists};

use super::figures::{micros, rounded};
use crate::Outcome;

/// Look-ups timed together.
const LOOK_UPS: u32 = 2_000_000;

/// Status lists of a city (状态列表): bytes of all tokens, one look-up. Aim: 400 KB for 25 M codes with 1 % revoked, 1 µs.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Codes issued.
    #[arg(long, default_value_t = 25_000_000)]
    codes: u64,
    /// Of a thousand codes, how many are revoked.
    #[arg(long, default_value_t = 10)]
    revoked_per_mille: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn run(self, out: &mut dyn Write) -> anyhow::Result<Outcome> {
        let bits = u64::from(STATUS_LIST_BITS_MAX);
        let key = SigningKey::from_bytes(&[2; 32]);
        let mut lists = StatusLists::default();
        let (mut token_bytes, mut revoked) = (0, 0);
        let mut packing = std::time::Duration::ZERO;
        for number in 0..self.codes.div_ceil(bits) {
            let mut list = StatusList::new(STATUS_LIST_BITS_MAX, 1_649_433_600)?;
            for index in 0..bits.min(self.codes - number * bits) {
                if scatter(number * bits + index) % 1_000 < self.revoked_per_mille {
                    list.revoke(u32::try_from(index)?)?;
                }
            }
            revoked += list.revoked_count();
            let number = u32::try_from(number)?;
            let begun = Instant::now();
            let token = StatusToken { number, list: list.clone(), exp_s: None, ttl_s: Some(900) };
            token_bytes += token.sign(&key, Algorithm::default()).len();
            packing += begun.elapsed();
            lists.merge_list(number, &list);
        }
        let shards = self.codes.div_ceil(bits).max(1);
        let begun = Instant::now();
        for number in 0..LOOK_UPS {
            let place = scatter(u64::from(number)) % self.codes.max(1);
            let status = StatusRef { list: u32::try_from(place / bits)?, index: u32::try_from(place % bits)? };
            black_box(lists.standing(status));
        }
        let figures = json!({
            "codes": self.codes,
            "revoked": revoked,
            "lists": shards,
            "token_bytes_total": token_bytes,
            "token_bytes_aim": 400_000,
            "memory_bytes": shards * bits / 8,
            "look_up_us": rounded(begun.elapsed().as_secs_f64() * 1e6 / f64::from(LOOK_UPS)),
            "look_up_us_aim": 1.0,
            "pack_and_sign_us_total": micros(packing),
        });
        super::print(out, self.json, &figures)
    }
}

/// Spreads numbers over 64 bits (splitmix64, Steele et al. 2014).
const fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
