//! The report as one page: figures, charts and sentences, everything inside it. Equal runs give equal pages.

use std::fmt::Write as _;

use crate::history::{Delays, Sample};
use crate::report::chart::{Bar, Lines, Row, Series, Strip, bars, stretches, strips};
use crate::report::lessons::lessons;
use crate::report::wording::{bytes, bytes_rounded, count, duration, escaped, fault, rounded};
use crate::run::Ran;

/// Cells that have a strip of their own: those with the largest backlog.
const CELLS_SHOWN: usize = 12;
/// Stretches drawn in one row; more would be one block anyway.
const STRETCHES_MAX: usize = 400;

/// The page; `again` is the command that repeats the run.
#[must_use]
pub fn page(ran: &Ran, again: &str) -> String {
    let title = format!("{} · seed {}", escaped(&ran.scenario.name), ran.report.seed);
    let mut html = format!(
        "<!doctype html>\n<html lang=zh>\n<head><meta charset=utf-8>\
         <meta name=viewport content='width=device-width,initial-scale=1'><title>{title}</title>\
         <style>{}</style></head>\n<body><main>\n",
        include_str!("page.css")
    );
    let parts = [head(ran), tiles(ran), take(ran), known(ran), backlog(ran), delays(ran), traffic(ran), faults(ran)];
    html.extend(parts);
    html.push_str(&foot(ran, again));
    html + "</main></body></html>\n"
}

fn section(zh: &str, en: &str, note_zh: &str, note_en: &str, body: &str) -> String {
    format!("<section><h2>{zh} <small>{en}</small></h2><p class=note>{note_zh} {note_en}</p>{body}</section>\n")
}

#[expect(clippy::cast_precision_loss, reason = "places on a chart")]
const fn minutes(ms: u64) -> f64 {
    ms as f64 / 60_000.0
}

#[expect(clippy::cast_precision_loss, reason = "places on a chart")]
const fn value(number: u64) -> f64 {
    number as f64
}

fn head(ran: &Ran) -> String {
    let (class, zh, en) = if !ran.report.violations.is_empty() {
        ("bad", "有规则被违反", "a rule did not hold")
    } else if ran.ended_early {
        ("early", "提前结束", "ended early: the report so far")
    } else {
        ("good", "每条规则都成立", "every rule held")
    };
    let city = &ran.scenario.city;
    format!(
        "<h1>{} <small>城市演练报告 · what happened in a simulated city</small></h1><p>{}</p>\
         <p class=en>{} 个采样点、{} 个片区、{} 个实验室、一个市局,{};种子 {}。生产代码原样运行,时钟、线路、磁盘与人是模拟的。<br>\
         {} sites in {} cells, {} laboratories, one authority, {}; seed {}. The production core, unchanged; \
         clocks, lines, disks and people are simulated.</p><p class='verdict {class}'>{zh} · {en}</p>\n",
        escaped(&ran.scenario.name),
        escaped(&ran.scenario.about),
        count(city.sites as u64),
        count(u64::from(city.cells)),
        city.labs,
        duration(ran.scenario.minutes * 60_000),
        ran.report.seed,
        count(city.sites as u64),
        count(u64::from(city.cells)),
        city.labs,
        duration(ran.scenario.minutes * 60_000),
        ran.report.seed,
    )
}

fn tiles(ran: &Ran) -> String {
    let report = &ran.report;
    let quantile = |part, whole| ran.history.delays.quantile(part, whole).map_or("–".to_owned(), duration);
    let waited = if report.converged { duration(report.converge_ms) } else { "–".to_owned() };
    let tiles = [
        (count(report.accepted), "已登记", "registered"),
        (count(report.lost), "丢失", "lost"),
        (quantile(1, 2), "半数到达市局", "half at the authority"),
        (quantile(99, 100), "99% 到达市局", "99 % at the authority"),
        (count(report.duplicates_flagged), "重复登记已标记", "duplicates flagged"),
        (waited, "恢复后到一致", "from healing to agreement"),
    ];
    let tiles = tiles.map(|(figure, zh, en)| format!("<div><b>{figure}</b><span>{zh}<br>{en}</span></div>"));
    format!("<div class=tiles>{}</div>\n", tiles.concat())
}

fn take(ran: &Ran) -> String {
    let items = lessons(ran)
        .into_iter()
        .map(|said| format!("<li>{}<span class=en>{}</span></li>", escaped(&said.zh), escaped(&said.en)));
    let items: String = items.collect();
    format!(
        "<section><h2>规划者应知 <small>what a planner should take from it</small></h2><ol class=take>{items}</ol></section>\n"
    )
}

fn moments(ran: &Ran) -> Vec<f64> {
    ran.history.samples.iter().map(|sample| minutes(sample.at.0)).collect()
}

fn series(ran: &Ran, name: &str, class: &'static str, of: impl Fn(&Sample) -> u64) -> Series {
    let values = ran.history.samples.iter().map(|sample| value(of(sample))).collect();
    Series { name: name.to_owned(), class, values }
}

/// The longest stretches of faults, for the background of charts.
fn shaded(ran: &Ran) -> Vec<(f64, f64)> {
    let lasting = ran.scenario.fault.iter().enumerate().filter(|(_, fault)| fault.until_min().is_some());
    let episodes = lasting.filter_map(|(number, _)| ran.history.episodes.of(number)).flat_map(|hit| &hit.episodes);
    let stretches = episodes.filter(|episode| episode.until > episode.from);
    let mut stretches: Vec<(f64, f64)> =
        stretches.map(|episode| (minutes(episode.from.0), minutes(episode.until.0))).collect();
    stretches.dedup();
    stretches.truncate(8);
    stretches
}

fn lines(ran: &Ran, title: &str, series: Vec<Series>, unit: fn(f64) -> String) -> String {
    let healed = ran.history.healed.map(|at| minutes(at.0));
    let title = title.to_owned();
    Lines { title, minutes: moments(ran), series, shaded: shaded(ran), healed, unit, height: 280.0 }.draw()
}

fn known(ran: &Ran) -> String {
    let series = vec![
        series(ran, "登记台显示已登记 · accepted at a desk", "a", |sample| sample.known.accepted),
        series(ran, "至少两台机器有 · on a second machine", "b", |sample| sample.known.copied),
        series(ran, "市局已存盘 · on the authority's disk", "c", |sample| sample.known.held),
        series(ran, "登记台收到回执 · receipt back at the desk", "d", |sample| sample.known.receipted),
    ];
    let chart = lines(ran, "谁知道什么 who knows what over time", series, rounded);
    section(
        "谁知道什么",
        "who knows what over time",
        "四条线重合时,全市没有只存于一处的登记。绿色虚线是一切恢复的时刻,底色是持续的故障。",
        "Where the lines lie on one another, nothing is in one place only. The dashed line is the moment of healing; shaded stretches are lasting faults.",
        &chart,
    )
}

fn backlog(ran: &Ran) -> String {
    let mut cells: Vec<(usize, u64)> = (0..ran.history.cells.len())
        .map(|cell| (cell, ran.history.samples.iter().filter_map(|sample| sample.backlog.get(cell)).copied().max()))
        .map(|(cell, most)| (cell, most.unwrap_or_default()))
        .collect();
    cells.sort_by_key(|(cell, most)| (std::cmp::Reverse(*most), *cell));
    let max = cells.first().map_or(0, |(_, most)| *most);
    let shown = cells.iter().take(CELLS_SHOWN).map(|(cell, most)| Strip {
        name: ran.history.cells.get(*cell).map_or_else(String::new, |lane| format!("#{}", lane.0)),
        values: ran
            .history
            .samples
            .iter()
            .map(|sample| value(sample.backlog.get(*cell).copied().unwrap_or(0)))
            .collect(),
        most: format!("≤ {}", count(*most)),
    });
    let shown: Vec<Strip> = shown.collect();
    let more = cells.len().saturating_sub(shown.len());
    let more = if more > 0 {
        format!("<p class=note>其余 {0} 个片区更少。 {0} more cells had less.</p>", count(more as u64))
    } else {
        String::new()
    };
    let chart = strips("各片区积压 backlog by cell", &moments(ran), &shown, value(max)) + &more;
    section(
        "各片区积压",
        "backlog by cell",
        "登记台已登记而市局尚无的条数,颜色越深越多,右侧为最大值。",
        "Registrations that a desk accepted and the authority does not hold: the darker the more, the most at the right.",
        &chart,
    )
}

fn delays(ran: &Ran) -> String {
    let counted = ran.history.delays.bars();
    let all: u64 = counted.iter().sum();
    let bar = |((_, name), number): (&(u64, &str), u64)| -> Bar {
        let share = value(number) * 100.0 / value(all.max(1));
        ((*name).to_owned(), value(number), format!("{} ({share:.1} %)", count(number)))
    };
    let drawn: Vec<Bar> = Delays::BARS.iter().zip(counted).map(bar).collect();
    section(
        "从登记台到市局",
        "time to green at the authority",
        "每条登记从显示“已登记”到市局存盘所用的时间。",
        "From “accepted” at the desk to the authority's disk, each bar up to the time it names.",
        &bars("从登记台到市局 time to the authority", &drawn),
    )
}

fn traffic(ran: &Ran) -> String {
    let mut shown = vec![
        series(ran, "上行线路 · lines to the authority", "a", |sample| sample.traffic.uplink.iter().sum()),
        series(ran, "邻居之间 · between neighbours", "b", |sample| sample.traffic.neighbours.iter().sum()),
    ];
    if !ran.scenario.courier.is_empty() {
        shown.push(series(ran, "人工递送 · carried by couriers", "d", |sample| sample.traffic.carried));
    }
    let chart = lines(ran, "累计字节 bytes so far", shown, bytes_rounded);
    let last = ran.history.samples.last().map(|sample| sample.traffic).unwrap_or_default();
    let kinds = [
        ("登记与回执", "entries of the log"),
        ("提示、请求、确认", "hints, requests, acknowledgements"),
        ("首次接触与核对", "first contact and comparisons"),
    ];
    let rows: String = kinds
        .iter()
        .zip(last.uplink.iter().zip(last.neighbours))
        .map(|((zh, en), (uplink, neighbours))| {
            format!(
                "<tr><td>{zh}<span class=en>{en}</span></td><td data-is='上行 uplink'>{}</td><td data-is='邻居 neighbours'>{}</td></tr>",
                bytes(*uplink),
                bytes(neighbours)
            )
        })
        .collect();
    let table = format!(
        "<div class=table><table><thead><tr><th>用途<br>what for</th><th>上行线路<br>to the authority</th>\
         <th>邻居之间<br>between neighbours</th></tr></thead><tbody>{rows}</tbody></table></div>"
    );
    section(
        "字节",
        "bytes on the wire",
        "含加密与分帧的开销,累计。",
        "Cumulative, overhead of encryption and framing included.",
        &(chart + &table),
    )
}

fn faults(ran: &Ran) -> String {
    if ran.scenario.fault.is_empty() {
        return section("故障", "what each fault did", "这一天没有故障。", "Nothing broke on this day.", "");
    }
    let whole = moments(ran).last().copied().unwrap_or(1.0);
    let (mut rows, mut table) = (Vec::new(), String::new());
    for (number, of) in ran.scenario.fault.iter().enumerate() {
        let hit = ran.history.episodes.of(number).cloned().unwrap_or_default();
        let said = fault(of);
        let episodes = hit.episodes.iter().filter(|episode| episode.until > episode.from);
        let stretches: Vec<(f64, f64)> =
            episodes.map(|episode| (minutes(episode.from.0), minutes(episode.until.0))).collect();
        let times = stretches.len() as u64;
        let worst = if hit.late > 0 { duration(hit.worst_ms) } else { "–".to_owned() };
        let _ = write!(
            table,
            "<tr><td>{}<span class=en>{}</span></td><td data-is='次数 times'>{}</td><td data-is='涉及节点 nodes'>{}</td>\
             <td data-is='晚到登记 late'>{}</td><td data-is='最久 worst'>{worst}</td></tr>",
            escaped(&said.zh),
            escaped(&said.en),
            count(times),
            count(hit.nodes.len() as u64),
            count(hit.late),
        );
        rows.push(Row { name: escaped(&said.zh), stretches: stretches.into_iter().take(STRETCHES_MAX).collect() });
    }
    let body = format!(
        "{}<div class=table><table><thead><tr><th>故障<br>fault</th><th>次数<br>times</th><th>涉及节点<br>nodes</th>\
         <th>晚到登记<br>late registrations</th><th>最久<br>worst</th></tr></thead><tbody>{table}</tbody></table></div>",
        stretches("故障时间 when each fault was at work", whole, &rows)
    );
    section(
        "故障做了什么",
        "what each fault did",
        "晚到:登记在途中遇上该故障,到达市局用了十秒以上;同时遇上几个的,各记一次。",
        "Late: on its way while the fault was at work, and more than ten seconds to the authority; counted once for each fault it met.",
        &body,
    )
}

fn foot(ran: &Ran, again: &str) -> String {
    let broken: String = ran.report.violations.iter().map(|violation| format!("{}\n", escaped(violation))).collect();
    let broken = if broken.is_empty() { String::new() } else { format!("<pre>{broken}</pre>") };
    format!(
        "<section><h2>重现 <small>see it again</small></h2>{broken}<pre>{}</pre>\
         <p class=note>同一场景、同一种子,处处得到同一轨迹。 The same scenario and seed give the same trace everywhere.</p></section>\n\
         <footer>轨迹 trace {} · {} 个输入 inputs<br>未模拟:加密通道内部、日志中段损坏。 Not simulated: inside of noise and yamux, damage in the middle of a journal.</footer>\n",
        escaped(again),
        ran.report.trace_hash,
        count(ran.report.events)
    )
}
