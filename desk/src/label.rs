//! A barcode as Code 128, code set B (ISO/IEC 15417), for labels that every scanner reads.

use std::fmt::Write;

use swabmesh_protocol::id::Barcode;

/// Modules of white before and behind the bars.
const QUIET_ZONE_MODULES: u32 = 10;

/// Modules of a bar's height.
const HEIGHT_MODULES: u32 = 30;

const START_B: usize = 104;
const STOP: &str = "2331112";

/// The widths of each value's three bars and three spaces, in modules; value 104 starts set B.
const WIDTHS: [&str; 105] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213", "221312",
    "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132", "221231", "213212",
    "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211", "212123", "212321", "232121",
    "111323", "131123", "131321", "112313", "132113", "132311", "211313", "231113", "231311", "112133", "112331",
    "132131", "113123", "113321", "133121", "313121", "211331", "231131", "213113", "213311", "213131", "311123",
    "311321", "331121", "312113", "312311", "332111", "314111", "221411", "431111", "111224", "111422", "121124",
    "121421", "141122", "141221", "112214", "112412", "122114", "122411", "142112", "142211", "241211", "221114",
    "413111", "241112", "134111", "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112",
    "421211", "212141", "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311",
    "113141", "114131", "311141", "411131", "211412", "211214",
];

/// The values of a barcode: start, characters, check.
fn values(barcode: &Barcode) -> Vec<usize> {
    let mut values = vec![START_B];
    values.extend(barcode.as_str().bytes().map(|byte| usize::from(byte).saturating_sub(32)));
    let sum: usize = values.iter().enumerate().map(|(place, value)| place.max(1) * value).sum();
    values.push(sum % 103);
    values
}

/// Draws a barcode, one unit a module; black on white, without the text.
pub(crate) fn code128(barcode: &Barcode) -> String {
    let widths: String = values(barcode).iter().filter_map(|value| WIDTHS.get(*value)).copied().chain([STOP]).collect();
    let (mut at, mut path, mut dark) = (QUIET_ZONE_MODULES, String::new(), true);
    for width in widths.chars().filter_map(|c| c.to_digit(10)) {
        if dark {
            // Writing to a string cannot fail.
            let _ = write!(path, "M{at} 0h{width}v{HEIGHT_MODULES}h-{width}z");
        }
        at += width;
        dark = !dark;
    }
    let width = at + QUIET_ZONE_MODULES;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT_MODULES}\" \
         preserveAspectRatio=\"none\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{width}v{HEIGHT_MODULES}H0z\"/><path d=\"{path}\"/></svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use swabmesh_node::picture::read::codes_in_frame;

    use super::*;

    #[test]
    fn every_value_is_eleven_modules_and_no_two_are_alike() {
        let sum = |widths: &str| widths.chars().filter_map(|c| c.to_digit(10)).sum::<u32>();
        assert!(WIDTHS.iter().all(|widths| widths.len() == 6 && sum(widths) == 11));
        assert_eq!(sum(STOP), 13);
        let all: std::collections::BTreeSet<&str> = WIDTHS.into_iter().collect();
        assert_eq!(all.len(), WIDTHS.len());
    }

    #[test]
    fn a_label_before_the_camera_is_read_lying_and_standing_and_a_smeared_one_is_not() {
        const MODULE_PX: usize = 3;
        let barcode: Barcode = "2204090001".parse().unwrap();
        let widths: String = values(&barcode).iter().map(|value| WIDTHS[*value]).chain([STOP]).collect();
        let quiet = "0".repeat(10);
        let bars = widths.chars().enumerate().map(|(at, width)| {
            let width = width.to_digit(10).unwrap();
            (if at.is_multiple_of(2) { "1" } else { "0" }).repeat(usize::try_from(width).unwrap())
        });
        let modules: String = std::iter::once(quiet.clone()).chain(bars).chain([quiet]).collect();
        let row: Vec<u8> =
            modules.bytes().flat_map(|module| [if module == b'1' { 20 } else { 230 }; MODULE_PX]).collect();
        let (width, height) = (row.len(), 90);
        let read = |pixels: &[u8], width: usize, height: usize| {
            codes_in_frame(u32::try_from(width).unwrap(), u32::try_from(height).unwrap(), pixels).ok()
        };
        let lying = row.repeat(height);
        assert_eq!(read(&lying, width, height).unwrap(), [barcode.as_str()]);
        let standing: Vec<u8> = row.iter().flat_map(|&pixel| [pixel].repeat(height)).collect();
        assert_eq!(read(&standing, height, width).unwrap(), [barcode.as_str()]);
        let mut smeared = row;
        smeared[width / 2 - 20..width / 2 + 20].fill(20);
        assert_eq!(read(&smeared.repeat(height), width, height), None);
    }

    #[test]
    fn the_check_character_is_the_weighted_sum() {
        // 104 + 1·16 + 2·17 = 154, and 154 − 103 = 51.
        assert_eq!(values(&"01".parse().unwrap()), [104, 16, 17, 51]);
        let drawn = code128(&"01".parse().unwrap());
        // Five symbols of eleven modules less one, a stop of thirteen, and two quiet zones.
        assert!(drawn.contains("viewBox=\"0 0 77 30\""), "{drawn}");
        assert!(drawn.contains("M10 0h2v30h-2z"), "{drawn}");
    }
}
