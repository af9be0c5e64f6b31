//! Crowds, cuts, strangers: several writers, several handles, killed halves, other schemas.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::state::database::Engine;
use crate::state::{Committed, StateError};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_publishers_loses_nothing() {
    for place in Place::all() {
        // Two handles, as two gateways would have.
        let states = [place.open().await, place.open().await];
        let mut publishers = tokio::task::JoinSet::new();
        for number in 0..20_usize {
            let state = states[number % 2].clone();
            publishers.spawn(async move {
                let mut one = submission(&format!("{number}.0.0"));
                one.tags.push(format!("tag-{number}"));
                state.commit(&one).await
            });
        }
        let mut generations = Vec::new();
        for answer in publishers.join_all().await {
            match answer.unwrap() {
                Committed::Stored { generation } => generations.push(generation),
                other => panic!("{other:?}"),
            }
        }
        generations.sort_unstable();
        assert!(generations.into_iter().eq(1..=20));
        for state in &states {
            let hosted = state
                .hosted("house", &npm("left-pad"))
                .await
                .unwrap()
                .unwrap();
            assert_eq!((hosted.versions.len(), hosted.generation), (20, 20));
            assert_eq!(hosted.tags.len(), 21);
            for (tag, version) in &hosted.tags {
                let number = tag.strip_prefix("tag-");
                assert!(number.is_none_or(|number| *version == format!("{number}.0.0")));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_publish_one_version_one_is_stored() {
    for place in Place::all() {
        let states = [place.open().await, place.open().await];
        let mut publishers = tokio::task::JoinSet::new();
        for number in 0..12_usize {
            let state = states[number % 2].clone();
            publishers.spawn(async move {
                let mut one = submission("1.0.0");
                one.files = vec![file("one.tgz", &(number % 3).to_string())];
                state.commit(&one).await.unwrap()
            });
        }
        let answers = publishers.join_all().await;
        let count =
            |wanted: fn(&Committed) -> bool| answers.iter().filter(|answer| wanted(answer)).count();
        assert_eq!(count(|one| matches!(one, Committed::Stored { .. })), 1);
        assert_eq!(count(|one| matches!(one, Committed::Unchanged)), 3);
        assert_eq!(count(|one| matches!(one, Committed::Conflict(_))), 8);
    }
}

#[tokio::test]
async fn a_half_that_was_cut_is_gone_after_the_next_start() {
    for place in Place::all() {
        let state = place.open().await;
        let _ = state.commit(&submission("1.0.0")).await.unwrap();
        let mut half = state.database.change().await.unwrap();
        sqlx::query("UPDATE versions SET status = 'archived'")
            .execute(&mut *half)
            .await
            .unwrap();
        drop(half);
        drop(state);
        let state = place.open().await;
        let hosted = state
            .hosted("house", &npm("left-pad"))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(hosted.versions[0].status, Status::Published);
    }
}

/// Names the folder in which the child of the next test publishes.
const KILLED_FOLDER: &str = "STATE_TEST_KILLED_FOLDER";

/// The child of the next test, which kills it: publishes and says what was acknowledged. For itself it does nothing.
#[tokio::test]
async fn publishes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(KILLED_FOLDER) else {
        return;
    };
    let state = State::open(&Location::in_folder(folder.as_ref()))
        .await
        .unwrap();
    for number in 0.. {
        let _ = state
            .commit(&submission(&format!("{number}.0.0")))
            .await
            .unwrap();
        println!("acknowledged {number}");
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    // The name of the child's test, without the name of the crate.
    let module = module_path!().split_once("::").unwrap().1;
    let name = format!("{module}::publishes_until_it_is_killed");
    let folder = tempfile::tempdir().unwrap();
    let location = Location::in_folder(folder.path());
    let mut acknowledged = 0;
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture"])
            .env(KILLED_FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let said = output.lines().map_while(Result::ok);
        let numbers = said.filter_map(|line| line.split("acknowledged ").nth(1)?.parse().ok());
        let last: i64 = numbers.take(60 * round).last().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged = acknowledged.max(last + 1);
        let state = State::open(&location).await.unwrap();
        let hosted = state
            .hosted("house", &npm("left-pad"))
            .await
            .unwrap()
            .unwrap();
        let count = i64::try_from(hosted.versions.len()).unwrap();
        assert!(count >= acknowledged && count == hosted.generation);
        assert!(hosted.versions.iter().all(|one| one.files.len() == 1));
        state.close().await;
    }
    assert_eq!(acknowledged, 180);
}

/// What a power cut leaves: the files as they were at some moment in the middle of a transaction.
#[tokio::test]
async fn a_copy_of_the_files_in_the_middle_has_all_that_was_acknowledged() {
    let place = Place::sqlite();
    let state = place.open().await;
    for number in 0..50 {
        let _ = state
            .commit(&submission(&format!("{number}.0.0")))
            .await
            .unwrap();
    }
    let mut half = state.database.change().await.unwrap();
    for statement in [
        "DELETE FROM tags",
        "UPDATE versions SET status = 'archived'",
    ] {
        sqlx::query(statement).execute(&mut *half).await.unwrap();
    }
    let copy = Place::sqlite();
    let (from, to) = (
        place.folder.as_ref().unwrap(),
        copy.folder.as_ref().unwrap(),
    );
    std::fs::create_dir(to.path().join("data")).unwrap();
    for name in ["data/state.db", "data/state.db-wal"] {
        std::fs::copy(from.path().join(name), to.path().join(name)).unwrap();
    }
    // The end of the log is torn.
    let log = to.path().join("data/state.db-wal");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes.extend([0x5a; 3_000]);
    std::fs::write(&log, bytes).unwrap();
    let copied = copy.open().await;
    let hosted = copied
        .hosted("house", &npm("left-pad"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((hosted.versions.len(), hosted.tags.len()), (50, 1));
    assert!(
        hosted
            .versions
            .iter()
            .all(|one| one.status == Status::Published)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_in_the_middle_leave_all_or_nothing() {
    for place in Place::all() {
        let state = place.open().await;
        for number in 0..150_u64 {
            let state = state.clone();
            let publisher = tokio::spawn(async move {
                state
                    .commit(&submission(&format!("{number}.0.0")))
                    .await
                    .map(drop)
            });
            tokio::time::sleep(Duration::from_micros(number * 13)).await;
            publisher.abort();
            let _ = publisher.await;
        }
        // The connections still work, and no version is without its file.
        let _ = state.commit(&submission("last")).await.unwrap();
        let hosted = state
            .hosted("house", &npm("left-pad"))
            .await
            .unwrap()
            .unwrap();
        assert!(hosted.versions.iter().all(|one| one.files.len() == 1));
        let generation = i64::try_from(hosted.versions.len()).unwrap();
        assert_eq!(hosted.generation, generation);
    }
}

#[tokio::test]
async fn handles_opened_at_the_same_time_make_one_schema() {
    for place in Place::all() {
        let opened = tokio::join!(
            State::open(&place.location),
            State::open(&place.location),
            State::open(&place.location)
        );
        let (one, two, three) = (opened.0.unwrap(), opened.1.unwrap(), opened.2.unwrap());
        one.sight(&npm("a"), &["1"], at(0)).await.unwrap();
        two.sight(&npm("a"), &["1", "2"], at(1)).await.unwrap();
        let late = three.sight(&npm("a"), &["1", "2"], at(2)).await.unwrap();
        assert_eq!(late, [("2".to_owned(), at(1))]);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    for place in Place::all() {
        let state = place.open().await;
        sqlx::query("INSERT INTO schema_versions (version) VALUES (99)")
            .execute(state.database.writer())
            .await
            .unwrap();
        state.close().await;
        let error = State::open(&place.location).await.map(drop).unwrap_err();
        assert!(
            matches!(
                error,
                StateError::NewerSchema {
                    found: 99,
                    known: 1
                }
            ),
            "{error}"
        );
        assert!(error.to_string().contains("99"), "{error}");
    }
}

#[tokio::test]
async fn sqlite_is_set_to_survive_a_power_cut() {
    let place = Place::sqlite();
    assert_eq!(place.location.engine(), Engine::Sqlite);
    let state = place.open().await;
    for pool in [state.database.writer(), state.database.reader()] {
        for (pragma, wanted) in [
            ("PRAGMA synchronous", 2),
            ("PRAGMA foreign_keys", 1),
            ("PRAGMA cache_size", -512),
        ] {
            let found: i64 = sqlx::query_scalar(pragma).fetch_one(pool).await.unwrap();
            assert_eq!(found, wanted, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(mode, "wal");
    }
}

#[tokio::test]
async fn postgres_acknowledges_only_what_is_written() {
    for place in Place::all().into_iter().filter(|place| !place.is_sqlite()) {
        let state = place.open().await;
        sqlx::raw_sql("ALTER ROLE postgres SET synchronous_commit = off")
            .execute(state.database.writer())
            .await
            .unwrap();
        let state = place.open().await;
        let setting: String = sqlx::query_scalar("SHOW synchronous_commit")
            .fetch_one(state.database.writer())
            .await
            .unwrap();
        assert_eq!(setting, "on");
    }
}

#[tokio::test]
async fn a_database_that_others_hold_or_that_is_full_is_unavailable() {
    let place = Place::sqlite();
    let (state, other) = (place.open().await, place.open().await);
    let held = other.database.change().await.unwrap();
    let start = Instant::now();
    let error = state.commit(&submission("1.0.0")).await.unwrap_err();
    assert!(matches!(error, StateError::Unavailable { .. }), "{error}");
    assert!(start.elapsed() > Duration::from_secs(4));
    // Who only reads is not stopped.
    assert!(state.is_well().await);
    drop(held);
    let _ = state.commit(&submission("1.0.0")).await.unwrap();

    sqlx::raw_sql("PRAGMA max_page_count = 1")
        .execute(state.database.writer())
        .await
        .unwrap();
    let mut large = submission("2.0.0");
    large.metadata = "x".repeat(10_000_000);
    let error = state.commit(&large).await.unwrap_err();
    assert!(matches!(error, StateError::Unavailable { .. }), "{error}");
    let hosted = state
        .hosted("house", &npm("left-pad"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(hosted.versions.len(), 1);
}

#[tokio::test]
async fn a_place_that_cannot_be_opened_is_named_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("state.db"),
        "this is no database at all".repeat(99),
    )
    .unwrap();
    let error = State::open(&Location::in_folder(folder.path()))
        .await
        .map(drop)
        .unwrap_err();
    assert!(error.to_string().contains("state database"), "{error}");
    let location = Location::parse("postgres://anna:s3cret@127.0.0.1:1/house").unwrap();
    let error = State::open(&location).await.map(drop).unwrap_err();
    assert!(matches!(error, StateError::Unavailable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}
