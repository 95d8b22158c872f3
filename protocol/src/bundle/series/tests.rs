use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// Bytes that do not repeat.
fn bundle(bytes: usize) -> Vec<u8> {
    (0_u64..).flat_map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()).take(bytes).collect()
}

fn texts(bytes: usize, symbol_bytes: u16, spare: u32) -> Vec<String> {
    Series::new(bundle(bytes), symbol_bytes).unwrap().texts(spare).collect()
}

/// Gives a gathering these texts; returns what it made of each.
fn gather(gathering: &mut Gathering, texts: &[String]) -> Vec<Result<Taken, FrameError>> {
    texts.iter().map(|text| gathering.take(text)).collect()
}

fn whole(gathering: &Gathering) -> Vec<Vec<u8>> {
    gathering.gathered().filter_map(|gathered| gathered.bundle.map(<[u8]>::to_vec)).collect()
}

#[test]
fn the_pieces_alone_are_the_bundle_and_so_are_repair_frames_alone() {
    let texts = texts(10_000, 300, 60);
    let mut pieces = Gathering::default();
    assert_eq!(gather(&mut pieces, &texts[..34]).last(), Some(&Ok(Taken::Completed)));
    let mut repair = Gathering::default();
    gather(&mut repair, &texts[34..34 + 40]);
    for gathering in [pieces, repair] {
        assert_eq!(whole(&gathering), [bundle(10_000)]);
    }
}

#[test]
fn frames_of_two_bundles_in_one_heap_are_told_apart() {
    let (one, other) = (texts(5_000, 200, 10), texts(4_000, 200, 10));
    let mixed: Vec<String> = one.iter().zip(other.iter()).flat_map(|(a, b)| [b.clone(), a.clone()]).collect();
    let mut gathering = Gathering::default();
    gather(&mut gathering, &mixed);
    let mut found = whole(&gathering);
    found.sort_by_key(Vec::len);
    assert_eq!(found, [bundle(4_000), bundle(5_000)]);
}

#[test]
fn a_frame_that_lies_costs_what_was_gathered_and_never_gives_another_bundle() {
    let honest = texts(3_000, 300, 4);
    let mut lie = Frame::from_text(&honest[2]).unwrap();
    lie.symbol[7] ^= 1;
    let mut gathering = Gathering::default();
    assert_eq!(gathering.take(&lie.to_text()), Ok(Taken::New));
    let taken = gather(&mut gathering, &honest);
    assert!(taken.contains(&Ok(Taken::Misled)) && whole(&gathering).is_empty());
    assert_eq!(gathering.gathered().next().unwrap().misled, 1);
    // The film goes round: the next time it is complete.
    gather(&mut gathering, &honest);
    assert_eq!(whole(&gathering), [bundle(3_000)]);
}

#[test]
fn one_frame_of_each_of_many_bundles_does_not_push_out_the_one_being_read() {
    let honest = texts(3_000, 300, 4);
    let mut gathering = Gathering::default();
    gather(&mut gathering, &honest[..5]);
    for bytes in 301..400 {
        gathering.take(&texts(bytes, 300, 0)[0]).unwrap();
        assert!(gathering.gathered().count() <= crate::limits::SERIES_AT_ONCE_MAX);
    }
    gather(&mut gathering, &honest[5..]);
    assert_eq!(whole(&gathering), [bundle(3_000)]);
}

#[test]
fn lengths_are_checked_before_anything_is_set_aside() {
    let claim = |bytes, symbol: &[u8]| {
        let frame = Frame { digest: [1; 8], bytes, number: 0, symbol: symbol.to_vec() };
        Frame::from_text(&frame.to_text())
    };
    assert!(claim(SERIES_BYTES_MAX, &[0; 300]).is_ok());
    for (bytes, symbol) in [(0, &[0; 300][..]), (u32::MAX, &[0; 300]), (SERIES_BYTES_MAX + 1, &[0; 300])] {
        assert!(matches!(claim(bytes, symbol), Err(FrameError::Length { .. })), "{bytes}");
    }
    // A symbol of a byte would need two million frames, one of none at all endless ones.
    assert!(matches!(claim(SERIES_BYTES_MAX, &[0; 1]), Err(FrameError::Length { .. })));
    assert!(matches!(claim(1, &[]), Err(FrameError::Length { .. })));
    assert!(Series::new(Vec::new(), 300).is_err());
    assert!(Series::new(vec![0; SERIES_BYTES_MAX as usize + 1], 2_000).is_err());
}

#[test]
fn a_text_has_the_length_that_was_asked_for() {
    for chars in [100, 101, 102, 1_451, 1_990] {
        let symbol_bytes = u16::try_from(Frame::symbol_bytes_in(chars)).unwrap();
        let longest = texts(5_000, symbol_bytes, 1).iter().map(String::len).max().unwrap();
        assert!((chars - 1..=chars).contains(&longest), "{longest} of {chars}");
    }
    assert_eq!(Frame::symbol_bytes_in(20), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_sufficiently_many_frames_in_any_order_with_copies_and_garbage_give_the_bundle(
        bytes in 1_usize..20_000,
        symbol_bytes in 20_u16..500,
        kept in any::<[Index; 8]>(),
        order in any::<u64>(),
        garbage in proptest::collection::vec("[A-Z0-9:]{0,60}", 0..8),
    ) {
        let needed = bytes.div_ceil(usize::from(symbol_bytes));
        let spare = needed / 4 + 12;
        let all = texts(bytes, symbol_bytes, u32::try_from(spare).unwrap());
        // Ten above the needed number: RFC 6330 fails once in 10^26.
        let seed = kept.iter().fold(order, |seed, index| seed.rotate_left(7) ^ index.index(1 << 20) as u64);
        let mut shuffled: Vec<(u64, &String)> =
            all.iter().enumerate().map(|(at, text)| (scatter(seed, at as u64), text)).collect();
        shuffled.sort();
        let mut gathering = Gathering::default();
        for (_, text) in shuffled.iter().take(needed + 10) {
            gathering.take(text).unwrap();
            gathering.take(text).unwrap();
            for garbage in &garbage {
                let prefixed = format!("SMB1:{garbage}");
                prop_assert!(gathering.take(garbage).is_err() && gathering.take(&prefixed).is_err());
            }
        }
        prop_assert_eq!(whole(&gathering), vec![bundle(bytes)]);
    }

    #[test]
    fn frames_of_anything_are_taken_or_refused_without_a_panic(
        frames in proptest::collection::vec(
            (0_u8..3, 0_u32..3_000, 0_u32..NUMBERS_MAX, proptest::collection::vec(any::<u8>(), 0..40)), 0..200),
    ) {
        let mut gathering = Gathering::default();
        for (digest, bytes, number, symbol) in frames {
            // Few names, so that series fill up with symbols that belong to nothing.
            let (bytes, number) = (bytes / 1_000 * 100, if number % 2 == 0 { number % 64 } else { number });
            let symbol: Vec<u8> = if symbol.len() < 20 { symbol } else { symbol.into_iter().take(16).collect() };
            let _ = gathering.take(&Frame { digest: [digest; 8], bytes, number, symbol }.to_text());
        }
        prop_assert!(whole(&gathering).is_empty());
    }

    #[test]
    fn a_changed_character_never_makes_another_frame(at in any::<Index>(), to in "[A-Z0-9 $%*+./:-]") {
        let text = texts(2_000, 300, 0).swap_remove(3);
        let at = at.index(text.len());
        let mut changed = text.clone();
        changed.replace_range(at..=at, &to);
        prop_assert!(changed == text || Frame::from_text(&changed).is_err());
    }
}

fn scatter(seed: u64, at: u64) -> u64 {
    let mixed = (seed ^ at).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}
