//! Heads as version 2 of the protocol packs them: 11 bytes for a feed of up to 65,535 entries among 15,000.

use crate::exchange::frame::{BadFrame, ToldHead};
use crate::id::{FeedShort, SeqNo};
use crate::limits::FRAME_HEADS_MAX;

/// Distances of the first two bytes of two names that fit the first byte; a longer one follows in two bytes of its own.
const NEAR_MAX: u16 = 30;
const FAR: u8 = 31;

/// Lays heads out in the order of their feeds.
///
/// For each head one byte, `32 · (bytes of the number − 1) + distance`: how far the first two bytes of the feed's name lie
/// above those of the head before, 31 if two bytes follow that say it. Then the other four bytes of the name, the
/// number in that many bytes, and four bytes of the hash. All big-endian.
#[must_use]
pub fn encode_packed(mut heads: Vec<ToldHead>) -> Vec<u8> {
    heads.sort_unstable_by_key(|head| head.feed);
    let mut bytes = Vec::with_capacity(heads.len() * 12);
    let mut before = 0;
    for ToldHead { feed, seq, hash } in heads {
        let [high, low, rest @ ..] = feed.0;
        let name = u16::from_be_bytes([high, low]);
        let distance = name - before;
        before = name;
        let number = seq.0.to_be_bytes();
        let leading = number.iter().take(7).take_while(|byte| **byte == 0).count();
        let length = u8::try_from(7 - leading).unwrap_or_default() << 5;
        match u8::try_from(distance) {
            Ok(near) if distance <= NEAR_MAX => bytes.push(length | near),
            Ok(_) | Err(_) => {
                bytes.push(length | FAR);
                bytes.extend_from_slice(&distance.to_be_bytes());
            }
        }
        bytes.extend_from_slice(&rest);
        bytes.extend_from_slice(number.get(leading..).unwrap_or_default());
        bytes.extend_from_slice(&hash);
    }
    bytes
}

/// Reads what [`encode_packed`] wrote.
///
/// # Errors
/// [`BadFrame`] on anything else, or on more than [`FRAME_HEADS_MAX`] heads.
pub fn decode_packed(mut bytes: &[u8]) -> Result<Vec<ToldHead>, BadFrame> {
    fn take<'b, const N: usize>(bytes: &mut &'b [u8]) -> Result<&'b [u8; N], BadFrame> {
        let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(BadFrame)?;
        *bytes = rest;
        Ok(taken)
    }
    let mut heads = Vec::new();
    let mut name: u16 = 0;
    while !bytes.is_empty() {
        if heads.len() == FRAME_HEADS_MAX {
            return Err(BadFrame);
        }
        let [first] = take::<1>(&mut bytes)?;
        let distance = match first & FAR {
            FAR => u16::from_be_bytes(*take::<2>(&mut bytes)?),
            near => u16::from(near),
        };
        name = name.checked_add(distance).ok_or(BadFrame)?;
        let mut feed = [0; 6];
        feed[..2].copy_from_slice(&name.to_be_bytes());
        feed[2..].copy_from_slice(take::<4>(&mut bytes)?);
        let (digits, rest) = bytes.split_at_checked(usize::from(first >> 5) + 1).ok_or(BadFrame)?;
        bytes = rest;
        let seq = digits.iter().fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
        heads.push(ToldHead { feed: FeedShort(feed), seq: SeqNo(seq), hash: *take::<4>(&mut bytes)? });
    }
    Ok(heads)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> impl Strategy<Value = ToldHead> {
        (any::<[u8; 6]>(), 0_u32..64, any::<u64>(), any::<[u8; 4]>()).prop_map(|(feed, shift, seq, hash)| ToldHead {
            feed: FeedShort(feed),
            seq: SeqNo(seq >> shift),
            hash,
        })
    }

    proptest! {
        #[test]
        fn packed_heads_survive_the_journey(mut heads in prop::collection::vec(head(), 0..80)) {
            heads.sort_by_key(|head| head.feed);
            prop_assert_eq!(decode_packed(&encode_packed(heads.clone())).unwrap(), heads);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode_packed(&bytes);
        }
    }

    #[test]
    fn fifteen_thousand_heads_take_eleven_bytes_each() {
        let head = |n: u64| {
            let name = n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            let mut feed = [0; 6];
            feed.copy_from_slice(&name[..6]);
            ToldHead { feed: FeedShort(feed), seq: SeqNo(40_000), hash: [7; 4] }
        };
        let bytes = encode_packed((0..15_000).map(head).collect());
        assert!(bytes.len() <= 15_000 * 11 + 100, "{}", bytes.len());
    }
}
