//! What a planner should take from a run: a few sentences, each with its figures.

use crate::history::Sample;
use crate::report::wording::{Said, bytes, count, duration, fault};
use crate::run::Ran;

/// Waiting registrations above this share of all are worth a sentence. Per cent.
const BACKLOG_WORTH: u64 = 1;

/// The sentences, most important first.
pub(super) fn lessons(ran: &Ran) -> Vec<Said> {
    let said = [
        broken(ran),
        losses(ran),
        arrival(ran),
        backlog(ran),
        worst_fault(ran),
        exposure(ran),
        volume(ran),
        healing(ran),
    ];
    said.into_iter().flatten().collect()
}

fn broken(ran: &Ran) -> Option<Said> {
    let first = ran.report.violations.first()?;
    Some(Said::new(
        format!("有规则被违反,本次运行是一个缺陷报告,其数字不可用于规划:{first}"),
        format!("A rule did not hold. This run is a bug report; do not plan with its figures: {first}"),
    ))
}

fn losses(ran: &Ran) -> Option<Said> {
    let accepted = count(ran.report.accepted);
    if ran.report.died_with_disk > 0 {
        let died = count(ran.report.died_with_disk);
        return Some(Said::new(
            format!(
                "登记 {accepted} 人次;磁盘损坏使 {died} 条只存于该机的登记随之消失,其余一条未失。要求“邻居另存一份再亮绿灯”可避免这种损失。"
            ),
            format!(
                "{accepted} registrations; {died} were on the disk that died and nowhere else, no other was lost. The policy of one more copy at a neighbour before green would have kept them."
            ),
        ));
    }
    if !ran.report.converged || ran.report.lost > 0 {
        return None;
    }
    Some(Said::new(
        format!("登记台从未因网络停下:{accepted} 人次显示“已登记”,恢复之后市局一条不少。"),
        format!(
            "The desks never stopped for the network: {accepted} registrations were shown as accepted, and in the end the authority has every one of them."
        ),
    ))
}

fn arrival(ran: &Ran) -> Option<Said> {
    let (half, most) = (ran.history.delays.quantile(1, 2)?, ran.history.delays.quantile(99, 100)?);
    let worst = ran.history.delays.quantile(1, 1)?;
    let (half, most, worst) = (duration(half), duration(most), duration(worst));
    Some(Said::new(
        format!("一半的登记在 {half} 内到达市局,百分之九十九在 {most} 内;最慢的一条用了 {worst}。"),
        format!(
            "Half of all registrations were at the authority within {half}, 99 of 100 within {most}; the slowest took {worst}."
        ),
    ))
}

/// The look at which most was waiting.
fn fullest(ran: &Ran) -> Option<(&Sample, u64)> {
    let waiting = |sample: &Sample| sample.backlog.iter().sum::<u64>();
    ran.history.samples.iter().map(|sample| (sample, waiting(sample))).max_by_key(|(_, waiting)| *waiting)
}

fn backlog(ran: &Ran) -> Option<Said> {
    let (sample, waiting) = fullest(ran)?;
    if waiting * 100 < ran.report.accepted.max(1) * BACKLOG_WORTH {
        return None;
    }
    let most = sample.backlog.iter().zip(&ran.history.cells).max_by_key(|(waiting, _)| **waiting);
    let (in_cell, cell) = most.map_or((0, 0), |(waiting, lane)| (*waiting, lane.0));
    let (at, waiting, in_cell) = (duration(sample.at.0), count(waiting), count(in_cell));
    Some(Said::new(
        format!(
            "积压最多时(开始后 {at})有 {waiting} 条登记市局还没有,其中片区 {cell} 占 {in_cell} 条。检验结果与查重在这段时间里要按此估算滞后。"
        ),
        format!(
            "At the worst moment, {at} after the beginning, {waiting} registrations had not reached the authority, {in_cell} of them in cell {cell}. Plan for results and city-wide duplicates to lag by that much."
        ),
    ))
}

fn worst_fault(ran: &Ran) -> Option<Said> {
    let hits = ran.scenario.fault.iter().enumerate();
    let hits = hits.filter_map(|(number, of)| Some((of, ran.history.episodes.of(number)?)));
    let (of, hit) = hits.filter(|(_, hit)| hit.late > 0).max_by_key(|(_, hit)| (hit.late, hit.worst_ms))?;
    let (name, late, worst) = (fault(of), count(hit.late), duration(hit.worst_ms));
    Some(Said::new(
        format!("影响最大的是“{}”:{late} 条登记因它晚到十秒以上,最久 {worst}。", name.zh),
        format!(
            "What cost most was “{}”: {late} registrations arrived more than ten seconds late because of it, the last after {worst}.",
            name.en
        ),
    ))
}

fn exposure(ran: &Ran) -> Option<Said> {
    let worst = ran.history.exposure?;
    let (name, number, at) = (ran.city.name(worst.node), count(worst.registrations), duration(worst.at.0));
    let advice = if worst.registrations > 20 {
        ("给没有邻居的采样点配一台,或派人递送。", " Give a site without neighbours one, or a courier.")
    } else {
        (
            "邻居之间互存,丢一台机器几乎不丢登记。",
            " Neighbours keep each other's registrations, so a lost machine costs next to nothing.",
        )
    };
    Some(Said::new(
        format!("若在最坏时刻丢失一台机器({name},开始后 {at}),会丢 {number} 条登记。{}", advice.0),
        format!(
            "Losing one machine at its worst moment ({name}, {at} after the beginning) would have cost {number} registrations.{}",
            advice.1
        ),
    ))
}

fn volume(ran: &Ran) -> Option<Said> {
    let last = ran.history.samples.last()?;
    let sites = ran.report.sites.max(1) as u64;
    let uplink: u64 = last.traffic.uplink.iter().sum();
    let hours = (last.at.0 / 3_600_000).max(1);
    let (each, carried) = (bytes(uplink / sites / hours), last.traffic.carried);
    let by_hand = (carried > 0).then(|| bytes(carried));
    let zh = by_hand.as_ref().map(|carried| format!("另有 {carried} 由人递送。")).unwrap_or_default();
    let en = by_hand.map(|carried| format!(" Couriers carried another {carried}.")).unwrap_or_default();
    Some(Said::new(
        format!("每个采样点的上行线路平均每小时 {each}(双向合计),普通 4G 卡足够。{zh}"),
        format!(
            "A site's line to the authority carried {each} an hour on average, both ways: any mobile line is enough.{en}"
        ),
    ))
}

fn healing(ran: &Ran) -> Option<Said> {
    if !ran.report.converged || ran.scenario.fault.is_empty() {
        return None;
    }
    let ms = duration(ran.report.converge_ms);
    Some(Said::new(
        format!("一切恢复后 {ms},全市各节点的账目逐字节一致,无须人工对账。"),
        format!(
            "{ms} after everything was whole again, all nodes held the same, byte for byte; nobody had to reconcile by hand."
        ),
    ))
}
