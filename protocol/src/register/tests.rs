use super::*;
use crate::fact::{Fact, Opened, Sealed, Subject};
use crate::id::{EntryId, FeedId, NodeKey, SeqNo};
use crate::time::Stamp;
use crate::tube::DocumentFact;
use crate::verify::Verdict as Colour;

const HERE: NodeKey = NodeKey([1; 32]);
const ELSEWHERE: NodeKey = NodeKey([2; 32]);
const FEED: FeedId = FeedId([3; 16]);

fn who(live: bool) -> Identified {
    Identified {
        person: Person([7; 16]),
        route: if live { Route::Live } else { Route::Static },
        document: 1,
        last_four: Text::new("002X").unwrap(),
        name: Text::new("张*三").unwrap(),
        code: Some(CodeId([9; 8])),
        guardian: None,
        details: None,
        live,
        reasons: Reasons::default(),
    }
}

fn command(reason: Option<&str>) -> Register {
    Register {
        tube: "T1".parse().unwrap(),
        presented: Presented::Code(String::new()),
        operator: Text::new("op1").unwrap(),
        reason: reason.map(|reason| Text::new(reason).unwrap()),
    }
}

/// A tube for one person, with what was said of it.
fn tube(said: Vec<Fact>) -> Summary {
    let fact = |(number, fact): (usize, Fact)| {
        let id = EntryId { feed: FEED, seq: SeqNo(number as u64 + 1) };
        DocumentFact { id, writer: HERE, stamp: Stamp(number as u64), fact }
    };
    let facts: Vec<DocumentFact> = said.into_iter().enumerate().map(fact).collect();
    Summary::of(&Subject::Tube("T1".parse().unwrap()), &facts, &|_| true)
}

fn opened() -> Fact {
    Opened { tube: "T1".parse().unwrap(), pool: 1, operator: Text::default(), seen: None }.into()
}

fn prior(site: NodeKey) -> Prior {
    Prior {
        registration: EntryId { feed: FeedId([5; 16]), seq: SeqNo(1) },
        site,
        stamp: Stamp(1),
        tube: "T0".parse().unwrap(),
        operator: Text::default(),
        code: Some(CodeId([9; 8])),
    }
}

fn judge(
    command: &Register,
    who: &Identified,
    summary: &Summary,
    prior: &[Prior],
    clock_doubtful: bool,
) -> Result<(Option<Registered>, Verdict), Refusal> {
    let at = Circumstances { summary, prior, clock_doubtful, own: HERE, feed: FEED };
    decide(command, who, &at, &|_| "Gate 9".to_owned())
}

#[test]
fn a_live_code_used_at_another_desk_is_replayed_and_at_the_same_desk_a_duplicate() {
    let summary = tube(vec![opened()]);
    let (fact, verdict) = judge(&command(Some("why")), &who(true), &summary, &[prior(ELSEWHERE)], false).unwrap();
    assert_eq!((fact, verdict.verdict, verdict.reason.as_str()), (None, Colour::Red, "replayed"));
    let (_, verdict) = judge(&command(None), &who(true), &summary, &[prior(HERE)], false).unwrap();
    assert_eq!((verdict.verdict, verdict.reason.as_str()), (Colour::Amber, "already-registered"));
}

#[test]
fn a_duplicate_goes_on_only_with_a_reason_and_says_when_where_and_by_whom() {
    let summary = tube(vec![opened()]);
    let (fact, verdict) = judge(&command(None), &who(false), &summary, &[prior(ELSEWHERE)], false).unwrap();
    assert!(fact.is_none() && verdict.needs_reason);
    assert_eq!(verdict.earlier.first().map(|earlier| earlier.site.as_str()), Some("Gate 9"));
    let (fact, verdict) = judge(&command(Some("why")), &who(false), &summary, &[prior(ELSEWHERE)], false).unwrap();
    assert!(fact.is_some_and(|fact| fact.warnings != 0) && !verdict.needs_reason);
}

#[test]
fn a_doubtful_clock_warns_and_turns_nobody_away() {
    let (fact, verdict) = judge(&command(None), &who(false), &tube(vec![opened()]), &[], true).unwrap();
    assert!(fact.is_some());
    assert_eq!((verdict.verdict, verdict.reason.as_str()), (Colour::Amber, "clock-doubtful"));
}

#[test]
fn a_tube_takes_nobody_before_it_is_open_after_it_is_sealed_or_silently_when_it_is_full() {
    let sealed = Sealed { tube: "T1".parse().unwrap(), count: 0, operator: Text::default(), seen: None };
    let (first, _) = judge(&command(None), &who(false), &tube(vec![opened()]), &[], false).unwrap();
    let full = tube(vec![opened(), first.unwrap().into()]);
    let refusal = |summary: &Summary| judge(&command(None), &who(false), summary, &[], false).unwrap_err();
    assert!(matches!(refusal(&tube(Vec::new())), Refusal::TubeNotOpen { .. }));
    assert!(matches!(refusal(&tube(vec![opened(), sealed.into()])), Refusal::TubeSealed { .. }));
    assert!(matches!(refusal(&full), Refusal::TubeFull { count: 1, pool: 1, .. }));
    assert!(judge(&command(Some("why")), &who(false), &full, &[], false).unwrap().0.is_some());
}
