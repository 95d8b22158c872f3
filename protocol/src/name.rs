//! Masking: what of a name and a number may appear on codes, screens and in the log (rule P1).

use crate::document::fold::fold_name;

/// Bytes of a masked name in UTF-8. It is part of every code, where each byte is modules.
pub const MASKED_NAME_BYTES_MAX: usize = 24;

/// Characters shown of a document's number.
const SHOWN_CHARS: usize = 4;

/// Asterisks in a row: more would only tell the length of the name.
const ASTERISKS_MAX: usize = 4;

const ASTERISK: char = '*';

/// Chinese surnames of two characters that are still in use. Source: 百家姓 and the 2020 census name report.
const COMPOUND_SURNAMES: [&str; 70] = [
    "欧阳", "司马", "上官", "诸葛", "夏侯", "司徒", "司空", "皇甫", "尉迟", "公孙", "慕容", "令狐", "长孙", "宇文",
    "轩辕", "东方", "南宫", "西门", "东郭", "南门", "北宫", "独孤", "端木", "百里", "呼延", "闻人", "澹台", "公冶",
    "宗政", "濮阳", "淳于", "单于", "太叔", "申屠", "仲孙", "钟离", "鲜于", "闾丘", "亓官", "司寇", "子车", "颛孙",
    "巫马", "公西", "漆雕", "乐正", "壤驷", "公良", "拓跋", "夹谷", "宰父", "谷梁", "段干", "东里", "呼衍", "羊舌",
    "微生", "梁丘", "左丘", "第五", "赫连", "万俟", "贺兰", "完颜", "纳兰", "叶赫", "歐陽", "司馬", "諸葛", "長孫",
];

/// Masks a name so that the holder recognises it and a stranger does not learn it; at most 24 bytes.
///
/// Chinese: the surname stays, and of three characters or more the last one (张三 → 张*, 张小三 → 张*三,
/// 欧阳小三 → 欧阳*三). Names with a dot and names of words: the first character of each part (买买提·艾力 →
/// 买**·艾*, JOHN SMITH → J*** S****), as many parts as fit. A part of one character hides all of it, because
/// showing it would show the name.
#[must_use]
pub fn mask_name(name: &str) -> String {
    let name = fold_name(name);
    if name.contains(is_middle_dot) {
        mask_parts(name.split(is_middle_dot), '·')
    } else if !name.is_empty() && name.chars().all(is_han) {
        mask_chinese(&name)
    } else {
        mask_parts(name.split([' ', ',', '<']), ' ')
    }
}

/// Shows the last four characters of a number, never more than half of it: the rest of the four are asterisks.
#[must_use]
pub fn last_four(number: &str) -> String {
    let count = number.chars().count();
    let shown = SHOWN_CHARS.min(count / 2);
    let hidden = std::iter::repeat_n(ASTERISK, SHOWN_CHARS - shown);
    hidden.chain(number.chars().skip(count - shown)).collect()
}

fn mask_chinese(name: &str) -> String {
    let count = name.chars().count();
    let compound = count >= 3 && COMPOUND_SURNAMES.iter().any(|surname| name.starts_with(surname));
    let surname = if compound { 2 } else { 1 };
    match count {
        0 | 1 => ASTERISK.to_string(),
        _ => {
            // The last character may be shown only when another one stays hidden between.
            let last = usize::from(count >= surname + 2);
            let hidden = count.saturating_sub(surname + last).min(ASTERISKS_MAX);
            let head = name.chars().take(surname);
            let tail = name.chars().skip(count - last);
            head.chain(std::iter::repeat_n(ASTERISK, hidden)).chain(tail).collect()
        }
    }
}

fn mask_parts<'a>(parts: impl Iterator<Item = &'a str>, between: char) -> String {
    let mut masked = String::new();
    for part in parts.map(str::trim).filter(|part| !part.is_empty()) {
        let mut piece = if masked.is_empty() { String::new() } else { between.to_string() };
        let hidden = part.chars().count() - 1;
        piece.extend(part.chars().next().filter(|_| hidden > 0));
        piece.extend(std::iter::repeat_n(ASTERISK, hidden.clamp(1, ASTERISKS_MAX)));
        if masked.len() + piece.len() > MASKED_NAME_BYTES_MAX {
            break;
        }
        masked.push_str(&piece);
    }
    if masked.is_empty() { ASTERISK.to_string() } else { masked }
}

/// The dots people and keyboards put between the parts of a name of a minority or a foreigner.
const fn is_middle_dot(c: char) -> bool {
    matches!(c, '·' | '•' | '‧' | '・' | '∙' | '⋅')
}

const fn is_han(c: char) -> bool {
    matches!(c, '〇' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn chinese_names_keep_surname_and_last_character() {
        for (name, masked) in [
            ("张", "*"),
            ("张三", "张*"),
            ("张小三", "张*三"),
            ("张小小三", "张**三"),
            ("欧阳", "欧*"),
            ("欧阳三", "欧阳*"),
            ("欧阳小三", "欧阳*三"),
            ("诸葛孔明先生", "诸葛***生"),
            ("张一二三四五六七八九", "张****九"),
        ] {
            assert_eq!(mask_name(name), masked, "{name}");
        }
    }

    #[test]
    fn names_of_several_parts_keep_the_first_character_of_each() {
        for (name, masked) in [
            ("买买提·艾力", "买**·艾*"),
            ("阿依古丽•买买提", "阿***·买**"),
            ("JOHN SMITH", "J*** S****"),
            ("Ｊｏｈｎ  Smith", "J*** S****"),
            ("SMITH, JOHN", "S**** J***"),
            ("A Li", "* L*"),
            ("ERIKSSON ANNA MARIA", "E**** A*** M****"),
            (" \u{200b}", "*"),
            ("", "*"),
        ] {
            assert_eq!(mask_name(name), masked, "{name}");
        }
    }

    #[test]
    fn the_last_four_never_show_more_than_half() {
        assert_eq!(last_four("11010519491231002X"), "002X");
        assert_eq!(last_four("12345678"), "5678");
        assert_eq!(last_four("12345"), "**45");
        assert_eq!(last_four("1"), "****");
        assert_eq!(last_four(""), "****");
    }

    #[test]
    fn no_compound_surname_is_listed_twice() {
        let distinct: std::collections::BTreeSet<_> = COMPOUND_SURNAMES.into_iter().collect();
        assert_eq!(distinct.len(), COMPOUND_SURNAMES.len());
    }

    proptest! {
        #[test]
        fn every_mask_hides_something_and_fits(name in "[\\PC]{0,40}|[一-龥]{0,12}|[A-Zé' ]{0,40}") {
            let masked = mask_name(&name);
            prop_assert!(masked.len() <= MASKED_NAME_BYTES_MAX, "{} is too long", masked);
            prop_assert!(masked.contains(ASTERISK));
        }
    }
}
