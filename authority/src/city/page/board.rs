//! The board as HTML, so that it is there before the script runs.

use std::fmt::Write;

use axum::extract::{Extension, State};

use super::html::{escape, say};
use super::live::{CellBoard, Live, NodeBoard, board};
use super::{Answer, page};
use crate::city::door::Session;
use crate::city::hall::Hall;

pub(super) async fn show(State(hall): State<Hall>, Extension(session): Extension<Session>) -> Answer {
    Ok(page(&session, "总览", "/", &body(&*board(&hall).await?)))
}

fn body(live: &Live) -> String {
    let figures = [
        ("registered_today", "今日登记", "Registered today", live.registered_today),
        ("registered_last_hour", "本小时", "This hour", live.registered_last_hour),
        ("codes_issued", "已发码", "Codes issued", live.codes_issued),
        ("backlog", "待同步", "Waiting to sync", live.backlog),
        ("pools_positive", "阳性混管", "Positive pools", live.pools_positive as u64),
        ("cases_open", "待复核", "Open cases", live.cases_open as u64),
    ];
    let figures = figures.map(|(name, chinese, english, value)| {
        format!("<div class=figure><b data-live={name}>{}</b>{}</div>", grouped(value), say(chinese, english))
    });
    let cells: String = live.cells.iter().map(cell).collect();
    let cells = if cells.is_empty() {
        format!(
            "<p class=hint>{} <a href=\"/city/enrolments\">{}</a></p>",
            say("还没有采样点接入。", "No site has been enrolled yet."),
            say("去接入", "Enrol one")
        )
    } else {
        cells
    };
    format!(
        "<main><h1>{} <small data-live=day>{}</small></h1><section class=figures aria-live=polite>{}</section>\
         <section><h2>{}</h2>{}</section>\
         <section><h2>{} <small><span data-live=sites_connected>{}</span>/<span data-live=sites>{}</span> {}</small></h2>\
         <p class=legend>{}</p><div id=cells class=cells>{cells}</div><p id=picked class=picked hidden></p></section></main>",
        say("全市总览", "The city"),
        live.day,
        figures.concat(),
        say("今日各小时登记", "Registrations by hour"),
        hours(live),
        say("采样点与实验室", "Sites and laboratories"),
        live.sites_connected,
        live.sites,
        say("在线", "connected"),
        legend(),
    )
}

fn legend() -> String {
    [
        ("ok", "在线", "connected"),
        ("away", "暂未连接", "not connected"),
        ("warn", "有事要办", "needs a look"),
        ("bad", "失联或已撤销", "silent or withdrawn"),
    ]
    .map(|(class, chinese, english)| format!("<span class=\"key {class}\"></span>{} ", say(chinese, english)))
    .concat()
}

/// Bars of the hours; each says its number to whoever cannot see it.
fn hours(live: &Live) -> String {
    let most = live.hours.iter().copied().max().unwrap_or(0).max(1);
    let mut bars = "<div id=hours class=hours>".to_owned();
    for (hour, count) in live.hours.iter().enumerate() {
        let tenths = (count * 20).div_ceil(most);
        let _ = write!(bars, "<div title=\"{hour}:00 · {count}\"><i class=h{tenths}></i><small>{hour}</small></div>");
    }
    bars + "</div>"
}

fn cell(cell: &CellBoard) -> String {
    let name =
        if cell.cell == 0 { say("全市", "City-wide") } else { format!("{} {}", say("片区", "Cell"), cell.cell) };
    let nodes: String = cell.nodes.iter().map(node).collect();
    let alerts = if cell.alerts == 0 { String::new() } else { format!("<em class=warn>{}!</em>", cell.alerts) };
    format!(
        "<article class=cell><h3>{name} {alerts}<small>{}</small></h3><div class=tiles>{nodes}</div></article>",
        grouped(cell.registered_today)
    )
}

/// How a node's tile is coloured; the sign beside its name says the same without colour.
fn state(node: &NodeBoard) -> (&'static str, &'static str) {
    if node.alerts.contains(&"withdrawn") || node.alerts.contains(&"silent") {
        ("bad", "✕")
    } else if !node.alerts.is_empty() {
        ("warn", "!")
    } else if node.connected {
        ("ok", "●")
    } else {
        ("away", "○")
    }
}

fn node(node: &NodeBoard) -> String {
    let (class, sign) = state(node);
    let heard = node.silent_ms.map_or_else(String::new, |silent| (silent / 60_000).to_string());
    format!(
        "<button type=button class=\"tile {class} {role}\" data-name=\"{name}\" data-key=\"{key}\" data-role={role} \
         data-heard=\"{heard}\" data-backlog={backlog} data-today={today} data-alerts=\"{alerts}\">\
         <span>{sign}</span>{name}<b>{count}</b></button>",
        role = node.role,
        name = escape(&node.name),
        key = node.key,
        backlog = node.backlog,
        today = node.registered_today,
        alerts = node.alerts.join(" "),
        count = grouped(node.registered_today),
    )
}

/// A number with thin gaps between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{2009}');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(25_000_000), "25\u{2009}000\u{2009}000");
    }

    #[test]
    fn a_name_of_a_site_is_text_on_the_board() {
        let node = NodeBoard {
            key: "00".to_owned(),
            name: "<script>".to_owned(),
            role: "site",
            connected: true,
            silent_ms: Some(0),
            backlog: 0,
            registered_today: 0,
            alerts: vec!["cases"],
        };
        assert_eq!(state(&node).0, "warn");
        assert!(!super::node(&node).contains("<script>"));
    }
}
