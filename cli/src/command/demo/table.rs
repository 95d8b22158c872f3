//! The end of the story, for somebody who has never seen the system.

use std::io::Write;

use super::ledger::Ledger;

/// Prints the table.
pub(super) fn print(out: &mut dyn Write, ledger: &Ledger) -> anyhow::Result<()> {
    let seconds = |ms: u64| format!("{}.{} s", ms / 1_000, ms % 1_000 / 100);
    let refused: u64 = ledger.refused.values().sum();
    let rows = [
        ("people registered while nothing was connected 已登记", ledger.accepted.len().to_string()),
        ("of these at the authority in the end 已到中心", ledger.at_authority.to_string()),
        ("lost 丢失", ledger.lost().to_string()),
        ("photographs of codes read 照片识读", format!("{} of {}", ledger.photographs.0, ledger.photographs.1)),
        ("registered twice, found and flagged 重复登记", ledger.duplicates_flagged.to_string()),
        ("codes refused 拒绝", refused.to_string()),
        ("kept through a killed site 断电保全", format!("{} of {}", ledger.survived_kill.0, ledger.survived_kill.1)),
        ("to be tested again after a positive pool 追阳", ledger.recall_list.to_string()),
        ("residents who saw their result 查询结果", format!("{} of {}", ledger.looked_up.0, ledger.looked_up.1)),
        ("time until every node agreed 收敛时间", seconds(ledger.converge_ms)),
        (
            "tube and box documents equal everywhere 文档一致",
            format!("{} ({})", if ledger.heads_equal { "yes" } else { "NO" }, ledger.documents),
        ),
    ];
    writeln!(out)?;
    for (what, how_many) in rows {
        writeln!(out, "  {} {how_many}", padded(what, 58))?;
    }
    writeln!(out, "\n  refused, by reason")?;
    for (reason, count) in &ledger.refused {
        writeln!(out, "    {reason:<24} {count}")?;
    }
    writeln!(out, "  registered, by route")?;
    for (route, count) in &ledger.routes {
        writeln!(out, "    {route:<24} {count}")?;
    }
    for wrong in &ledger.wrong_verdicts {
        writeln!(out, "  WRONG: {wrong}")?;
    }
    let end = if ledger.is_whole() { "Nothing was lost." } else { "SOMETHING IS MISSING: see above." };
    writeln!(out, "\n  {end} ({} in all)", seconds(ledger.total_ms))?;
    Ok(())
}

/// Pads to a width, counting a Chinese character as two columns.
fn padded(text: &str, width: usize) -> String {
    let columns: usize = text.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
    format!("{text}{}", " ".repeat(width.saturating_sub(columns)))
}
