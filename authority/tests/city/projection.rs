use std::sync::Arc;

use swabmesh_authority::city::database::follow::Follower;
use swabmesh_authority::city::database::{DatabaseError, connect};
use swabmesh_authority::city::rebuild::{self, Proof};
use swabmesh_protocol::fact::Outcome;
use swabmesh_protocol::id::Lane;
use swabmesh_protocol::view::MemoryTables;

use crate::postgres::Postgres;
use crate::world::{LABS, SITES, World, hear, roles};

const ROOT: [u8; 32] = [9; 32];

async fn follower(postgres: &Postgres, tables: &MemoryTables, name: &str) -> Follower<MemoryTables> {
    let client = connect::open(&postgres.address()).await.unwrap();
    connect::prepare(&client, &ROOT).await.unwrap();
    Follower::new(Arc::new(tables.clone()), Arc::new(roles()), client, name.to_owned())
}

async fn proof(follower: &mut Follower<MemoryTables>, tables: &MemoryTables) -> Proof {
    let (log, entries) = rebuild::of_log(tables, &roles()).unwrap();
    let held = rebuild::of_database(follower.client()).await.unwrap();
    rebuild::compare(&log, &held, entries)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_what_the_log_says_and_nothing_twice() {
    let Some(postgres) = Postgres::start() else { return };
    let world = World::day();
    let mut one = follower(&postgres, &MemoryTables::default(), "one").await;
    // The log grows while it is followed: a third of it, two thirds, all.
    for part in 1..=3 {
        let tables = hear(MemoryTables::default(), &world.chunks[..world.chunks.len() * part / 3]);
        one.look_at(Arc::new(tables.clone()));
        one.claim().await.unwrap();
        assert!(one.catch_up().await.unwrap().entries > 0);
        assert_eq!(one.catch_up().await.unwrap().entries, 0, "nothing new");
        let proof = proof(&mut one, &tables).await;
        assert!(proof.equal, "{proof:#?}");
    }
    let tables = world.tables();
    let proof_before = proof(&mut one, &tables).await;
    assert_eq!(proof_before.tables[0].held_rows, 18, "registrations");
    assert_eq!(proof_before.tables[3].held_rows, 4, "tubes");
    let row =
        one.client().query_one("SELECT outcome, disputed, members FROM swabmesh_tube WHERE tube = 'T3'", &[]).await;
    let row = row.unwrap();
    assert_eq!(
        (row.get::<_, String>(0), row.get::<_, bool>(1), row.get::<_, i64>(2)),
        ("negative".to_owned(), false, 5)
    );

    // A row that somebody changed is found, and a rebuild puts it right.
    one.client()
        .execute("UPDATE swabmesh_registration SET tube = 'T9' WHERE tube = 'T4' OR seq = 2", &[])
        .await
        .unwrap();
    let broken = proof(&mut one, &tables).await;
    assert!(!broken.equal && !broken.tables[0].equal && broken.tables[1].equal);
    connect::clear(one.client()).await.unwrap();
    let mut again = follower(&postgres, &tables, "one").await;
    again.claim().await.unwrap();
    again.catch_up().await.unwrap();
    assert!(proof(&mut again, &tables).await.equal);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_cells_and_one_takes_over_when_the_other_leaves() {
    let Some(postgres) = Postgres::start() else { return };
    let world = World::day();
    let tables = world.tables();
    let (mut one, mut two) = (follower(&postgres, &tables, "one").await, follower(&postgres, &tables, "two").await);
    // Cells 1, 2 and the private lane; the first to come takes all, and gives back what is beyond its share.
    one.claim().await.unwrap();
    assert_eq!(one.cells().len(), 3);
    two.claim().await.unwrap();
    assert!(two.cells().is_empty());
    one.claim().await.unwrap();
    two.claim().await.unwrap();
    assert_eq!((one.cells().len(), two.cells().len()), (2, 1));
    assert!(one.cells().is_disjoint(two.cells()));
    let (first, second) = tokio::join!(one.catch_up(), two.catch_up());
    assert_eq!(first.unwrap().entries + second.unwrap().entries, world.chunks.len() as u64);
    assert!(proof(&mut one, &tables).await.equal);

    two.release().await.unwrap();
    one.claim().await.unwrap();
    assert_eq!(one.cells().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_project_the_same_entries_one_is_overtaken_and_nothing_is_doubled() {
    let Some(postgres) = Postgres::start() else { return };
    let tables = World::day().tables();
    let (mut one, mut two) = (follower(&postgres, &tables, "one").await, follower(&postgres, &tables, "two").await);
    one.claim().await.unwrap();
    // As after a pause longer than a lease: the other believes that it holds the same cells.
    one.client().execute("DELETE FROM swabmesh_lease", &[]).await.unwrap();
    one.client().execute("DELETE FROM swabmesh_process", &[]).await.unwrap();
    two.claim().await.unwrap();
    assert_eq!(one.cells(), two.cells());
    let (first, second) = tokio::join!(one.catch_up(), two.catch_up());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.entries + second.entries, World::day().chunks.len() as u64, "{first:?} {second:?}");
    assert!(first.overtaken + second.overtaken > 0 || first.entries * second.entries == 0);
    assert!(proof(&mut one, &tables).await.equal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tube_that_two_processes_know_in_part_is_stated_anew_by_whoever_knows_all() {
    let Some(postgres) = Postgres::start() else { return };
    let mut world = World::default();
    let site = SITES[0];
    world.open(site, "T1", 10);
    world.register(site, 1, "T1");
    let before = world.chunks.len();
    // The laboratory speaks of the tube in another cell than the site's.
    world.report(LABS[0], (site.0, 2), "T1", Outcome::Negative);
    let of_site = hear(MemoryTables::default(), &world.chunks[..before]);
    let of_lab = hear(MemoryTables::default(), &world.chunks[before..]);
    let (mut one, mut two) = (follower(&postgres, &of_site, "one").await, follower(&postgres, &of_lab, "two").await);
    one.claim().await.unwrap();
    two.claim().await.unwrap();
    assert_eq!((one.cells().first(), two.cells().first()), (Some(&Lane(1)), Some(&Lane(2))));
    one.catch_up().await.unwrap();
    two.catch_up().await.unwrap();
    let tables = world.tables();
    assert!(!proof(&mut one, &tables).await.equal, "each saw a part");
    one.look_at(Arc::new(tables.clone()));
    assert_eq!(one.catch_up().await.unwrap().restated, 1);
    let proof = proof(&mut one, &tables).await;
    assert!(proof.equal, "{proof:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_city_is_refused_and_tls_is_said_to_be_a_proxys() {
    let Some(postgres) = Postgres::start() else { return };
    let client = connect::open(&postgres.address()).await.unwrap();
    connect::prepare(&client, &ROOT).await.unwrap();
    let error = connect::prepare(&client, &[1; 32]).await.unwrap_err();
    assert!(matches!(error, DatabaseError::OtherCity { .. }), "{error}");
    let error = connect::open("postgres://a@127.0.0.1/b?sslmode=require").await.err().unwrap();
    assert!(matches!(error, DatabaseError::Tls));
    assert!(matches!(connect::open("mysql").await, Err(DatabaseError::Address(_))));
}

#[test]
fn the_embedded_index_equals_a_fresh_fold_of_the_log_and_a_lost_row_is_found() {
    use swabmesh_protocol::view::{Table, View, Write};
    let mut tables = World::day().tables();
    let compare = |tables: &MemoryTables| {
        let dir = tempfile::tempdir().unwrap();
        rebuild::index::compare(tables, &roles(), 3_600_000, dir.path()).unwrap()
    };
    let proof = compare(&tables);
    assert!(proof.equal, "{proof:#?}");
    let (key, _) = tables.last(Table::People, &[], &[0xff; 33]).unwrap().unwrap();
    tables.apply(vec![Write { table: Table::People, key, value: None }]);
    let proof = compare(&tables);
    let unequal: Vec<&str> =
        proof.tables.iter().filter(|table| !table.equal).map(|table| table.table.as_str()).collect();
    assert_eq!(unequal, ["people"]);
}
