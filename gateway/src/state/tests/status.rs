//! Statuses and the steps between them.

use crate::state::{Committed, StatusChange};

use super::*;

/// codeartifact.md 3.4: from, and where one may go from there. Deletion is always possible.
const STEPS: [(Status, &[Status]); 5] = [
    (Status::Unfinished, &[Status::Published]),
    (
        Status::Published,
        &[Status::Unlisted, Status::Archived, Status::Disposed],
    ),
    (Status::Unlisted, &[Status::Published, Status::Archived]),
    (Status::Archived, &[Status::Published, Status::Unlisted]),
    (Status::Disposed, &[]),
];

/// How to bring a fresh version into a status: how it begins, and the step then.
fn beginning(status: Status) -> Status {
    match status {
        Status::Unfinished => Status::Unfinished,
        _ => Status::Published,
    }
}

#[tokio::test]
async fn every_pair_of_statuses_is_as_the_table_says() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        for (from, steps) in STEPS {
            for to in Status::ALL {
                let version = format!("1.0.0-{from}.{to}");
                let mut fresh = submission(&version);
                fresh.status = beginning(from);
                let _ = state.commit(&fresh).await.unwrap();
                let address = address("house", &package, &version);
                let _ = state.set_status(&address, None, from).await.unwrap();
                let generation = state.generation("house", &package).await.unwrap();

                let answer = state.set_status(&address, Some(from), to).await.unwrap();
                let wanted = if from == to {
                    StatusChange::Unchanged
                } else if steps.contains(&to) {
                    StatusChange::Changed
                } else {
                    StatusChange::NotAllowed(from)
                };
                assert_eq!(answer, wanted, "{from} to {to}");
                let raised = state.generation("house", &package).await.unwrap() - generation;
                assert_eq!(raised, i64::from(answer == StatusChange::Changed));
            }
        }
        let hosted = state.hosted("house", &package).await.unwrap().unwrap();
        assert_eq!(hosted.versions.len(), 25);
    }
}

#[tokio::test]
async fn the_expected_status_has_to_be_the_present_one() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        let missing = address("house", &package, "9.9.9");
        let answer = state
            .set_status(&missing, None, Status::Archived)
            .await
            .unwrap();
        assert_eq!(answer, StatusChange::NotFound);
        let _ = state.commit(&submission("1.0.0")).await.unwrap();
        let answer = state
            .set_status(&missing, None, Status::Archived)
            .await
            .unwrap();
        assert_eq!(answer, StatusChange::NotFound);
        let address = address("house", &package, "1.0.0");
        let expected = Some(Status::Unlisted);
        let answer = state
            .set_status(&address, expected, Status::Archived)
            .await
            .unwrap();
        assert_eq!(answer, StatusChange::Mismatched(Status::Published));
    }
}

#[tokio::test]
async fn deletion_frees_the_number_from_every_status() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        for status in Status::ALL {
            let mut fresh = submission("1.0.0");
            fresh.status = beginning(status);
            let made = state.commit(&fresh).await.unwrap();
            assert!(matches!(made, Committed::Stored { .. }), "{status}");
            let address = address("house", &package, "1.0.0");
            let _ = state.set_status(&address, None, status).await.unwrap();
            assert!(state.delete_version(&address).await.unwrap());
            assert!(!state.delete_version(&address).await.unwrap());
        }
        for word in Status::ALL {
            assert_eq!(word.as_str().parse(), Ok(word));
        }
        assert!("deleted".parse::<Status>().is_err());
    }
}
