//! Numbers, times and faults as people read them: Chinese first, English beside.

use crate::scenario::{Fault, Trick, Way};

/// One thing said twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) zh: String,
    pub(super) en: String,
}

impl Said {
    pub(super) fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }
}

/// Text as HTML shows it.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A count with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut apart = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

/// A value on an axis.
pub(super) fn rounded(value: f64) -> String {
    if value >= 1e6 {
        format!("{:.1}M", value / 1e6)
    } else if value >= 10_000.0 {
        format!("{:.0}k", value / 1e3)
    } else if value >= 1_000.0 {
        format!("{:.1}k", value / 1e3)
    } else {
        format!("{value:.0}")
    }
}

/// Bytes on an axis.
pub(super) fn bytes_rounded(value: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (value, 0);
    while value >= 1_000.0 && unit + 1 < UNITS.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if value >= 10.0 || value == 0.0 || unit == 0 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

/// Bytes.
#[expect(clippy::cast_precision_loss, reason = "two figures are shown")]
pub(super) fn bytes(value: u64) -> String {
    bytes_rounded(value as f64)
}

/// A length of time.
pub(super) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..172_800 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Whom a selector means.
fn whom(selector: &str) -> Said {
    let numbered = |zh: &str, en: &str, number: &str| Said::new(format!("{zh}{number}"), format!("{en} {number}"));
    match selector {
        "authority" => Said::new("市局", "the authority"),
        "labs" => Said::new("各实验室", "the laboratories"),
        "sites" => Said::new("各采样点", "the sites"),
        "all" => Said::new("全部节点", "everybody"),
        name => match name.split_once('-') {
            Some(("cell", number)) => numbered("片区 ", "cell", number),
            Some(("lab", number)) => numbered("实验室 ", "laboratory", number),
            Some(("site", number)) => numbered("采样点 ", "site", number),
            _ => Said::new(name, name),
        },
    }
}

fn between(zh: &str, en: &str, one: &str, other: &str) -> Said {
    let (one, other) = (whom(one), whom(other));
    Said::new(format!("{zh}:{} 与 {}", one.zh, other.zh), format!("{en} between {} and {}", one.en, other.en))
}

fn of(zh: &str, en: &str, nodes: &str) -> Said {
    let nodes = whom(nodes);
    Said::new(format!("{zh}:{}", nodes.zh), format!("{en}: {}", nodes.en))
}

fn tricks(does: &[Trick]) -> Said {
    let said = does.iter().map(|trick| match trick {
        Trick::Fork => ("两份历史", "two histories"),
        Trick::Replay => ("重放", "replay"),
        Trick::Lie => ("谎报高度", "lies about heights"),
        Trick::Withhold => ("扣留", "withholding"),
        Trick::Flood => ("洪泛", "flooding"),
        Trick::Oversize => ("超长帧", "oversized frames"),
        Trick::AboveRole => ("越权", "facts above its role"),
    });
    let (zh, en): (Vec<&str>, Vec<&str>) = said.unzip();
    Said::new(zh.join("、"), en.join(", "))
}

/// What a fault is called.
pub(super) fn fault(fault: &Fault) -> Said {
    match fault {
        Fault::Cut { between: one, and, way: Way::Both, .. } => between("线路中断", "no line", one, and),
        Fault::Cut { between: one, and, .. } => between("单向中断", "one-way cut", one, and),
        Fault::Down { nodes, .. } => of("停机", "switched off", nodes),
        Fault::PowerCut { nodes, .. } => of("断电", "power cuts", nodes),
        Fault::Flap { between: one, and, .. } => between("线路时断时续", "line comes and goes", one, and),
        Fault::Reset { between: one, and, .. } => between("连接重置", "connections reset", one, and),
        Fault::Clog { between: one, and, .. } => between("线路拥塞", "line stands still", one, and),
        Fault::Swizzle { nodes, .. } => of("逐个拥塞、乱序恢复", "clogged one by one, healed in another order", nodes),
        Fault::Garble { between: one, and, .. } => {
            between("帧损坏、重复、乱序", "frames changed, doubled, reordered", one, and)
        }
        Fault::FullDisk { nodes, .. } => of("磁盘将满", "disk nearly full", nodes),
        Fault::RestoredDisk { nodes, .. } => of("磁盘损坏,从旧备份恢复", "disk died, restored from an old copy", nodes),
        Fault::Cloned { nodes, .. } => {
            of("磁盘被复制,两台机器同一密钥", "disk copied, two machines with one key", nodes)
        }
        Fault::Clock { nodes, year: Some(year), .. } => {
            let (zh, en) = (format!("时钟显示 {year} 年"), format!("clock shows {year}"));
            of(&zh, &en, nodes)
        }
        Fault::Clock { nodes, frozen: true, .. } => of("时钟停走", "clock stands still", nodes),
        Fault::Clock { nodes, .. } => of("时钟不准", "clock is wrong", nodes),
        Fault::Withdrawn { nodes, .. } => of("被市局撤销", "withdrawn by the authority", nodes),
        Fault::LetGo { kept_min, .. } => {
            let (zh, en) =
                (format!("放弃 {kept_min} 分钟以前的日志"), format!("log older than {kept_min} min let go of"));
            of(&zh, &en, "all")
        }
        Fault::Hostile { nodes, does, .. } => {
            let does = tricks(does);
            of(&format!("敌对节点({})", does.zh), &format!("hostile ({})", does.en), nodes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!((count(1_234_567), count(12)), ("1,234,567".to_owned(), "12".to_owned()));
        assert_eq!((duration(340), duration(61_000)), ("340 ms".to_owned(), "1 min 1 s".to_owned()));
        assert_eq!((bytes(1_500), bytes(25_000_000)), ("1.5 KB".to_owned(), "25 MB".to_owned()));
        assert_eq!((rounded(0.0), rounded(12_000.0), rounded(1_500.0)), ("0".into(), "12k".into(), "1.5k".into()));
    }
}
