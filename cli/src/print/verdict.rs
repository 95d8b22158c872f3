//! A verdict: the word first, then why, who, and what to do next.

use std::fmt::Write;

use swabmesh_node::api::Judged;
use swabmesh_protocol::verify::Verdict;

use super::at_ms;

/// The verdict's word, in both languages.
const fn word(judged: &Judged) -> &'static str {
    match judged.verdict.verdict {
        Verdict::Green => "GREEN 通过",
        Verdict::Amber if judged.verdict.registration.is_none() => "AMBER 待确认",
        Verdict::Amber => "AMBER 通过，请注意",
        Verdict::Red => "RED 拒绝",
    }
}

/// Who it is, as far as the code or the document says: to be compared with the card in the hand.
fn who(judged: &Judged) -> String {
    let verdict = &judged.verdict;
    [verdict.name.as_deref(), verdict.last_four.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// Everything, for one registration.
pub(crate) fn full(judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let mut out = format!("{}\n", word(judged));
    let (plain, who) = (verdict.verdict == Verdict::Green, who(judged));
    if !plain {
        let _ = writeln!(out, "  {} {}", judged.words, judged.chinese);
    }
    if !who.is_empty() {
        let _ = writeln!(out, "  {who}");
    }
    for earlier in &verdict.earlier {
        let at = at_ms(earlier.at.0);
        let _ = writeln!(out, "  earlier: {at} at {} by {}, tube {}", earlier.site, earlier.operator, earlier.tube);
    }
    if verdict.pool > 0 {
        let _ = writeln!(out, "  tube {}: {} of {}", verdict.tube, verdict.count, verdict.pool);
    }
    for warning in &judged.document_warnings {
        let _ = writeln!(out, "  look: {warning}");
    }
    if !plain && !judged.what_to_do.is_empty() {
        let _ = writeln!(out, "  → {}", judged.what_to_do);
    }
    if verdict.needs_reason && verdict.registration.is_none() {
        let _ = writeln!(out, "  → Nothing is registered yet. To go on: the same command with --reason WHY.");
    }
    if let Some(registration) = verdict.registration {
        let _ = writeln!(out, "  registration {registration}");
    }
    out
}

/// One line, for one of many.
pub(crate) fn line(judged: &Judged) -> String {
    let verdict = &judged.verdict;
    let why = if verdict.verdict == Verdict::Green { "" } else { judged.words.as_str() };
    // A code that was refused before the tube was looked at has no count.
    let count = if verdict.pool > 0 { format!("{} of {}", verdict.count, verdict.pool) } else { String::new() };
    let parts = [word(judged), &who(judged), &count, why];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
pub(crate) mod fixture {
    use swabmesh_protocol::command;

    use super::*;

    /// A verdict of a colour, on disk or not.
    pub(crate) fn judged(colour: Verdict, registered: bool) -> Judged {
        let reason = match colour {
            Verdict::Green => "ok",
            Verdict::Amber => "already-registered",
            Verdict::Red => "expired",
        };
        let entry = "00112233445566778899aabbccddeeff:7".parse().unwrap();
        let verdict = command::Verdict {
            verdict: colour,
            reason: reason.to_owned(),
            reasons: vec![reason.to_owned()],
            registration: registered.then_some(entry),
            needs_reason: colour == Verdict::Amber && !registered,
            person: None,
            name: Some("张*三".to_owned()),
            last_four: Some("002X".to_owned()),
            route: None,
            tube: "T1".parse().unwrap(),
            count: 3,
            pool: 10,
            earlier: Vec::new(),
        };
        Judged::new(verdict, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::fixture::judged;
    use super::*;

    #[test]
    fn the_word_comes_first_and_what_to_do_is_said() {
        let green = full(&judged(Verdict::Green, true));
        assert!(green.starts_with("GREEN 通过\n  张*三  002X\n  tube T1: 3 of 10\n"), "{green}");
        let amber = full(&judged(Verdict::Amber, false));
        assert!(amber.starts_with("AMBER 待确认\n  registered already") && amber.contains("--reason"), "{amber}");
        let red = full(&judged(Verdict::Red, false));
        assert!(red.starts_with("RED 拒绝\n  the code has expired") && red.contains("→ Ask the person"), "{red}");
        assert_eq!(line(&judged(Verdict::Green, true)), "GREEN 通过  张*三  002X  3 of 10");
    }
}
