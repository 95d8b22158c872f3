//! Whole nodes in one process: real stores, real connections over loopback.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap is a failed test")]

#[path = "network_support/city.rs"]
mod city;

use std::time::Duration;

use city::{City, address, eventually, key};
use swabmesh_node::runtime::NodeHandle;
use swabmesh_protocol::code::{Kind, OfKind};
use swabmesh_protocol::command::{Command, Issue, Presented, Refusal, Register, Reply, Verdict as Judged};
use swabmesh_protocol::entry::node_key;
use swabmesh_protocol::fact::{Role, Subject};
use swabmesh_protocol::id::Person;
use swabmesh_protocol::project;
use swabmesh_protocol::text::Text;
use swabmesh_protocol::verify::Verdict;

async fn issue(authority: &NodeHandle, person: u8) -> String {
    let command = Issue {
        person: Person([person; 16]),
        name: "张*三".to_owned(),
        document: 1,
        last_four: "002X".to_owned(),
        of_kind: OfKind::Static,
    };
    let reply = authority.command(Command::Issue(Box::new(command))).await.unwrap();
    let Reply::Issued { text, .. } = reply else { panic!("{reply:?}") };
    text
}

async fn open(site: &NodeHandle, tube: &str) {
    let command = Command::Open { tube: tube.parse().unwrap(), pool: 10, operator: Text::new("op1").unwrap() };
    site.command(command).await.unwrap();
}

async fn register(site: &NodeHandle, tube: &str, code: &str, reason: Option<&str>) -> Result<Judged, Refusal> {
    let command = Register {
        tube: tube.parse().unwrap(),
        presented: Presented::Code(code.to_owned()),
        operator: Text::new("op1").unwrap(),
        reason: reason.map(|reason| Text::new(reason).unwrap()),
    };
    let reply = site.command(Command::Register(Box::new(command))).await?;
    let Reply::Verdict(verdict) = reply else { panic!("{reply:?}") };
    Ok(*verdict)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_at_a_site_is_receipted_by_the_authority() {
    let city = City::new();
    let dirs = tempfile::tempdir().unwrap();
    let setup = city.setup(&dirs.path().join("a"), key(10), Role::Authority, "Authority", 0, &[]);
    let authority = NodeHandle::start(setup).await.unwrap();
    let at = [address(&authority).await];
    let setup = city.setup(&dirs.path().join("s"), key(20), Role::Site, "Gate 3", 7, &at);
    let site = NodeHandle::start(setup).await.unwrap();

    let code = issue(&authority, 1).await;
    eventually("the status list at the site", async || {
        let lists = site.snapshot().core.lists.clone();
        if lists.is_empty() { Err(format!("{:?}", site.snapshot())) } else { Ok(()) }
    })
    .await;
    open(&site, "T1").await;
    let verdict = register(&site, "T1", &code, None).await.unwrap();
    assert_eq!((verdict.verdict, verdict.reason.as_str(), verdict.count), (Verdict::Green, "ok", 1));
    assert!(verdict.registration.is_some());
    let again = register(&site, "T1", &code, None).await.unwrap();
    assert_eq!((again.verdict, again.needs_reason, again.registration), (Verdict::Amber, true, None));
    let reasoned = register(&site, "T1", &code, Some("swab fell down")).await.unwrap();
    assert_eq!((reasoned.verdict, reasoned.count), (Verdict::Amber, 2));

    eventually("the receipt", async || {
        let own = site.snapshot().core.own;
        if own.at_authority == 2 { Ok(()) } else { Err(format!("{own:?}, authority: {:?}", authority.snapshot().core)) }
    })
    .await;
    eventually("equal roots", async || {
        let peers = site.snapshot().core.peers.clone();
        if peers.iter().any(|peer| peer.in_sync_since.is_some()) { Ok(()) } else { Err(format!("{peers:?}")) }
    })
    .await;
    let command = Command::Revoke { person: Person([1; 16]), kind: Kind::Static, reason: Text::new("lost").unwrap() };
    authority.command(command).await.unwrap();
    eventually("the revocation at the site", async || {
        let verdict = register(&site, "T1", &code, None).await.unwrap();
        if verdict.reason == "revoked" { Ok(()) } else { Err(format!("{verdict:?}")) }
    })
    .await;
    site.stop().await;
    authority.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_started_again_goes_on_where_it_stopped() {
    let city = City::new();
    let dirs = tempfile::tempdir().unwrap();
    let authority_dir = dirs.path().join("a");
    let authority =
        NodeHandle::start(city.setup(&authority_dir, key(10), Role::Authority, "Authority", 0, &[])).await.unwrap();
    let code = issue(&authority, 1).await;
    authority.stop().await;
    let site_dir = dirs.path().join("s");
    let site = NodeHandle::start(city.setup(&site_dir, key(20), Role::Site, "Gate 3", 7, &[])).await.unwrap();
    open(&site, "T1").await;
    let first = register(&site, "T1", &code, None).await.unwrap();
    assert_eq!((first.verdict, first.reason.as_str()), (Verdict::Amber, "list-missing"));
    site.stop().await;
    let site = NodeHandle::start(city.setup(&site_dir, key(20), Role::Site, "Gate 3", 7, &[])).await.unwrap();
    assert_eq!(site.snapshot().core.own.only_here, 1);
    let again = register(&site, "T1", &code, None).await.unwrap();
    assert_eq!(again.earlier.first().map(|earlier| earlier.registration), first.registration);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_the_tables_is_shown_what_was_decided() {
    let dirs = tempfile::tempdir().unwrap();
    let setup = City::new().setup(&dirs.path().join("a"), key(11), Role::Site, "Gate", 1, &[]);
    let site = NodeHandle::start(setup).await.unwrap();
    for number in 0..50 {
        let tube = format!("T{number}");
        open(&site, &tube).await;
        site.shown(Duration::from_secs(60)).await.unwrap();
        let subject = Subject::Tube(tube.parse().unwrap());
        assert_eq!(project::document_facts(site.view(), &subject).unwrap().len(), 1, "{tube}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_city_is_refused_and_gets_nothing() {
    let dirs = tempfile::tempdir().unwrap();
    let setup = City::new().setup(&dirs.path().join("a"), key(10), Role::Authority, "Authority", 0, &[]);
    let authority = NodeHandle::start(setup).await.unwrap();
    issue(&authority, 1).await;
    let at = [address(&authority).await];
    let setup = City::foreign().setup(&dirs.path().join("s"), key(20), Role::Site, "Stranger", 7, &at);
    let stranger = NodeHandle::start(setup).await.unwrap();
    eventually("the refusal", async || {
        let counters = authority.snapshot().counters.clone();
        let refused = counters.get("closed_no_certificate").copied().unwrap_or_default();
        if refused > 0 { Ok(()) } else { Err(format!("{counters:?}")) }
    })
    .await;
    assert_eq!(stranger.snapshot().core.feeds, 0);
    assert!(authority.snapshot().core.peers.iter().all(|peer| peer.role.is_none()));
    stranger.stop().await;
    authority.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawn_site_is_cut_off_and_what_it_wrote_before_stands() {
    let city = City::new();
    let dirs = tempfile::tempdir().unwrap();
    let setup = city.setup(&dirs.path().join("a"), key(10), Role::Authority, "Authority", 0, &[]);
    let authority = NodeHandle::start(setup).await.unwrap();
    let at = [address(&authority).await];
    let site =
        NodeHandle::start(city.setup(&dirs.path().join("s"), key(20), Role::Site, "Gate 3", 7, &at)).await.unwrap();
    let code = issue(&authority, 1).await;
    open(&site, "T1").await;
    register(&site, "T1", &code, None).await.unwrap();
    let at_authority = async || authority.snapshot().core.entries;
    eventually("the registration at the authority", async || {
        if site.snapshot().core.own.at_authority == 1 { Ok(()) } else { Err(format!("{:?}", site.snapshot().core.own)) }
    })
    .await;
    // One more is away when it is withdrawn, so it does not hear of it.
    let away =
        NodeHandle::start(city.setup(&dirs.path().join("t"), key(21), Role::Site, "Gate 4", 7, &at)).await.unwrap();
    open(&away, "T2").await;
    eventually("the other at the authority", async || {
        let enrolled = authority.snapshot().core.peers.len();
        if enrolled == 2 { Ok(()) } else { Err(format!("{enrolled} peers")) }
    })
    .await;
    away.stop().await;
    for node in [20, 21] {
        let command = Command::Withdraw { node: node_key(&key(node)), reason: Text::new("stolen").unwrap() };
        authority.command(command).await.unwrap();
    }
    eventually("the cut", async || {
        let peers = authority.snapshot().core.peers.clone();
        if peers.is_empty() { Ok(()) } else { Err(format!("{peers:?}")) }
    })
    .await;
    eventually("who is connected hears why", async || {
        if site.snapshot().core.withdrawn { Ok(()) } else { Err("it has not heard".to_owned()) }
    })
    .await;
    assert_eq!(register(&site, "T1", &code, Some("after the theft")).await, Err(Refusal::Withdrawn));
    let before = at_authority().await;
    let away =
        NodeHandle::start(city.setup(&dirs.path().join("t"), key(21), Role::Site, "Gate 4", 7, &at)).await.unwrap();
    register(&away, "T2", &code, Some("after the theft")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(at_authority().await, before, "nothing written after the mark came in");
    for node in [site, away, authority] {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_whose_index_is_damaged_rebuilds_it_from_the_journal_and_loses_nothing() {
    let city = City::new();
    let dirs = tempfile::tempdir().unwrap();
    let setup = city.setup(&dirs.path().join("a"), key(10), Role::Authority, "Authority", 0, &[]);
    let authority = NodeHandle::start(setup).await.unwrap();
    let code = issue(&authority, 1).await;
    let at = [address(&authority).await];
    let site_dir = dirs.path().join("s");
    let site = NodeHandle::start(city.setup(&site_dir, key(20), Role::Site, "Gate 3", 7, &[])).await.unwrap();
    open(&site, "T1").await;
    let first = register(&site, "T1", &code, None).await.unwrap();
    site.stop().await;
    let index = site_dir.join("index").join("db");
    let mut bytes = std::fs::read(&index).unwrap();
    let middle = bytes.len() / 2;
    bytes[..middle].fill(0x5a);
    std::fs::write(&index, bytes).unwrap();

    let site = NodeHandle::start(city.setup(&site_dir, key(20), Role::Site, "Gate 3", 7, &at)).await.unwrap();
    let again = register(&site, "T1", &code, Some("after the damage")).await.unwrap();
    assert_eq!(again.earlier.first().map(|earlier| earlier.registration), first.registration);
    eventually("both registrations at the authority", async || {
        let own = site.snapshot().core.own;
        if own.at_authority == 2 && own.registrations == 2 { Ok(()) } else { Err(format!("{own:?}")) }
    })
    .await;
    site.stop().await;
    authority.stop().await;
}
