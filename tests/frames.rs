//! A day that is filmed from a screen instead of carried on a stick.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use image::codecs::jpeg::JpegEncoder;
use image::{GrayImage, Luma, imageops};
use serde_json::Value;
use swabmesh_protocol::bundle::series::Gathering;
use swabmesh_tests::place::{Place, text};
use swabmesh_tests::program::swabmesh;
use swabmesh_tests::tool::missing;
use swabmesh_tests::wait::{eventually, is};

/// Longest wait until two nodes hold the same.
const DEADLINE: Duration = Duration::from_secs(60);

/// The pictures in a folder, in order.
fn pictures(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What a phone makes of a screen: smaller than drawn, out of focus, noisy, badly lit, compressed.
fn photograph(frame: &Path, to: &Path, seed: u32) {
    let shown = image::open(frame).unwrap().into_luma8();
    let (width, height) = (shown.width(), shown.height());
    let smaller = imageops::resize(&shown, width * 4 / 5, height * 4 / 5, imageops::FilterType::Triangle);
    let mut picture = GrayImage::from_pixel(1_280, 800, Luma([90]));
    imageops::overlay(&mut picture, &smaller, i64::from(100 + seed % 300), i64::from(40 + seed % 60));
    let mut picture = imageops::blur(&picture, 1.1);
    let mut noise = seed.wrapping_mul(2_654_435_761) | 1;
    for (x, _, pixel) in picture.enumerate_pixels_mut() {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let lit = u32::from(pixel.0[0]) * (1_600 - x) / 1_600 + noise % 24;
        pixel.0 = [u8::try_from(lit.min(255)).unwrap()];
    }
    let file = std::fs::File::create(to).unwrap();
    JpegEncoder::new_with_quality(file, 70).encode_image(&picture).unwrap();
}

fn own(site: &Place) -> [u64; 2] {
    let status = site.json(&["status"]).unwrap();
    ["registrations", "at_authority"].map(|name| status["own"][name].as_u64().unwrap())
}

/// A site with so many people in each of its tubes, its bundle, and its authority; none of them ever has a network.
///
/// The key of the day came on a stick, so what was typed is sealed, and does not compress.
fn day(dir: &Path, tubes: u32, people: u32) -> (Place, Place, String) {
    let mut authority = Place::authority(dir).unwrap();
    let mut site = Place::joined(dir, "site", "gate3", &authority).unwrap();
    site.start(&[]).unwrap();
    authority.start(&[]).unwrap();
    let mut sticks = 0;
    eventually("the key of the day", DEADLINE, || {
        sticks += 1;
        let stick = dir.join(format!("{sticks}.swab"));
        authority.done(&["bundle", "export", "--out", text(&stick).unwrap()]).unwrap();
        site.done(&["bundle", "import", text(&stick).unwrap()]).unwrap();
        let status = site.done(&["status"]).unwrap();
        is(!status.contains("no key of the authority"), status)
    });
    authority.stop().unwrap();
    for tube in 0..tubes {
        site.register(&format!("T{tube}"), people).unwrap();
    }
    let bundle = dir.join("day.swab").to_str().unwrap().to_owned();
    site.done(&["bundle", "export", "--out", &bundle]).unwrap();
    (authority, site, bundle)
}

fn one(answer: &str) -> Value {
    serde_json::from_str(answer.lines().next().unwrap_or_default()).unwrap()
}

#[test]
fn a_day_filmed_from_a_screen_with_a_fifth_of_its_frames_missed_is_at_the_authority_as_if_a_stick_had_come() {
    let dir = tempfile::tempdir().unwrap();
    let (mut authority, site, bundle) = day(dir.path(), 16, 19);
    let shown = dir.path().join("shown");
    let made = swabmesh(&["bundle", "frames", &bundle, "--out", text(&shown).unwrap(), "--json"], "").unwrap();
    assert_eq!(made.code, Some(0), "{made:?}");
    let made = one(&made.out);
    let frames = pictures(&shown);
    assert_eq!(made["frames"].as_u64(), Some(frames.len() as u64), "{made}");
    assert!(made["needed"].as_u64() > Some(20), "a day worth of filming: {made}");

    // Filmed out of order, some twice, every fifth not at all; between them another screen and what is no picture.
    let filmed = dir.path().join("filmed");
    std::fs::create_dir(&filmed).unwrap();
    for (number, frame) in (0_u32..).zip(&frames) {
        let place = number.wrapping_mul(2_654_435_761);
        if number % 5 != 0 {
            photograph(frame, &filmed.join(format!("{place}.jpg")), number);
        }
        if number % 4 == 1 {
            photograph(frame, &filmed.join(format!("{place}-again.jpg")), number + 7);
        }
    }
    std::fs::write(filmed.join("notes.txt"), "gate 3, Monday").unwrap();
    std::fs::write(filmed.join("cut.png"), &std::fs::read(&frames[0]).unwrap()[..600]).unwrap();
    swabmesh(&["code", "render", "--png", text(&filmed.join("poster.png")).unwrap()], "HS1:POSTER").unwrap();

    let imported = authority.run(&["bundle", "import", text(&filmed).unwrap(), "--json"]).unwrap();
    let report = one(&imported.out);
    assert_eq!((imported.code, &report["registrations"]), (Some(0), &Value::from(304)), "{report}");
    let seen = &report["frames"];
    assert_eq!((&seen["unreadable"], &seen["foreign"]), (&Value::from(2), &Value::from(1)), "{seen}");
    assert_eq!(seen["bundles"][0]["complete"], true, "{seen}");
    assert!(seen["read"].as_u64() > made["needed"].as_u64(), "{seen}");

    // The stick itself brings nothing more.
    let again = authority.json(&["bundle", "import", &bundle]).unwrap();
    assert_eq!((&again["chunks"], &again["refused"]), (&Value::from(0), &Value::from(0)), "{again}");

    // Back the same way: receipts, as a moving picture.
    let [answer, back] = ["answer.swab", "answer.gif"].map(|name| dir.path().join(name));
    let (answer, back) = (text(&answer).unwrap(), text(&back).unwrap());
    authority.done(&["bundle", "export", "--answer", text(&filmed).unwrap(), "--out", answer]).unwrap();
    assert_eq!(swabmesh(&["bundle", "frames", answer, "--out", back], "").unwrap().code, Some(0));
    site.done(&["bundle", "import", back]).unwrap();
    eventually("the receipts are seen", DEADLINE, || is(own(&site) == [304, 304], own(&site)));
    // At each start the authority says that its lists are alive, which nobody carries to the site: documents are compared.
    authority.start(&[]).unwrap();
    let documents = || [&authority, &site].map(|place| place.holds().unwrap().1);
    eventually("equal documents", DEADLINE, || is(documents()[0] == documents()[1], documents()));
}

#[test]
fn frames_that_are_not_enough_say_how_many_are_and_two_bundles_in_one_folder_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (authority, site, bundle) = day(dir.path(), 2, 20);
    site.register("T9", 1).unwrap();
    let second = dir.path().join("second.swab").to_str().unwrap().to_owned();
    site.done(&["bundle", "export", "--out", &second]).unwrap();
    let [first_shown, second_shown, mixed] = ["one", "two", "mixed"].map(|name| dir.path().join(name));
    for (bundle, shown) in [(&bundle, &first_shown), (&second, &second_shown)] {
        let made = swabmesh(&["bundle", "frames", bundle, "--out", text(shown).unwrap()], "").unwrap();
        assert_eq!(made.code, Some(0), "{made:?}");
    }
    // All frames of the second, and one of the first.
    std::fs::create_dir(&mixed).unwrap();
    for (name, picture) in pictures(&second_shown).iter().chain(&pictures(&first_shown)[..1]).enumerate() {
        std::fs::copy(picture, mixed.join(format!("{name}.png"))).unwrap();
    }
    let imported = authority.run(&["bundle", "import", text(&mixed).unwrap(), "--json"]).unwrap();
    let report = one(&imported.out);
    assert_eq!((imported.code, &report["registrations"]), (Some(1), &Value::from(41)), "{report}");
    let bundles = report["frames"]["bundles"].as_array().unwrap();
    let complete: Vec<bool> = bundles.iter().map(|bundle| bundle["complete"].as_bool().unwrap()).collect();
    assert_eq!((complete.len(), complete.iter().filter(|complete| **complete).count()), (2, 1), "{report}");

    let alone = mixed.join("0.png");
    let shown = swabmesh(&["bundle", "show", text(&alone).unwrap()], "").unwrap();
    assert!(shown.code == Some(1) && shown.out.contains("1 frames of about"), "{shown:?}");
    let over = swabmesh(&["bundle", "frames", &bundle, "--out", text(&mixed).unwrap()], "").unwrap();
    assert!(over.code == Some(1) && over.err.contains("new directory"), "{over:?}");
    let film = dir.path().join("film.mp4");
    std::fs::write(&film, b"\0\0\0\x20ftypisom\0\0\0\0").unwrap();
    let refused = authority.run(&["bundle", "import", text(&film).unwrap()]).unwrap();
    assert!(refused.code == Some(1) && refused.err.contains("ffmpeg -i"), "{refused:?}");
}

#[test]
fn zbar_reads_every_frame_and_they_are_the_bundle() {
    if Command::new("zbarimg").arg("--version").output().is_err() {
        missing("zbarimg").unwrap();
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (_, _, bundle) = day(dir.path(), 2, 20);
    let shown = dir.path().join("shown");
    let made = swabmesh(&["bundle", "frames", &bundle, "--out", text(&shown).unwrap()], "").unwrap();
    assert_eq!(made.code, Some(0), "{made:?}");
    let mut gathering = Gathering::default();
    for picture in pictures(&shown) {
        let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&picture).output().unwrap();
        gathering.take(String::from_utf8(read.stdout).unwrap().trim_end_matches('\n')).unwrap();
    }
    let gathered = gathering.gathered().next().unwrap();
    assert_eq!(gathered.bundle, Some(&std::fs::read(&bundle).unwrap()[..]));
}
