//! The first-seen ledger.

use super::*;

#[tokio::test]
async fn only_versions_after_the_first_look_get_a_time() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("@scope/name");
        assert_eq!(state.first_look(&package).await.unwrap(), None);
        let none = state.sight(&package, &["1.0.0", "1.1.0"], at(0)).await;
        assert_eq!(none.unwrap(), []);
        let one = state
            .sight(&package, &["1.0.0", "2.0.0", "1.1.0"], at(9))
            .await;
        assert_eq!(one.unwrap(), [("2.0.0".to_owned(), at(9))]);
        // Neither a later look, nor going and coming back, nor a new start changes it.
        state.sight(&package, &["1.0.0"], at(20)).await.unwrap();
        state.close().await;
        let state = place.open().await;
        let two = state
            .sight(&package, &["3.0.0", "2.0.0"], at(30))
            .await
            .unwrap();
        let wanted = [("3.0.0".to_owned(), at(30)), ("2.0.0".to_owned(), at(9))];
        assert_eq!(two, wanted);
        assert_eq!(state.first_look(&package).await.unwrap(), Some(at(0)));
    }
}

#[tokio::test]
async fn packages_have_ledgers_of_their_own() {
    for place in Place::all() {
        let state = place.open().await;
        state.sight(&npm("a"), &["1"], at(0)).await.unwrap();
        assert_eq!(
            state.sight(&npm("b"), &["1", "2"], at(1)).await.unwrap(),
            []
        );
        assert_eq!(
            state
                .sight(&npm("a"), &["1", "2"], at(2))
                .await
                .unwrap()
                .len(),
            1
        );
    }
}

#[tokio::test]
async fn a_package_that_was_empty_has_only_late_versions() {
    for place in Place::all() {
        let state = place.open().await;
        assert_eq!(state.sight(&npm("a"), &[], at(0)).await.unwrap(), []);
        assert_eq!(
            state.sight(&npm("a"), &["1"], at(1)).await.unwrap().len(),
            1
        );
    }
}

#[tokio::test]
async fn many_and_odd_versions_are_kept_apart() {
    for place in Place::all() {
        let state = place.open().await;
        let long = "9".repeat(100_000);
        let longer = "9".repeat(100_001);
        let odd = [
            "a\0b",
            "a\0c",
            "\n",
            "'; DROP TABLE looks; --",
            "é\"",
            "",
            &long,
            &longer,
        ];
        state.sight(&npm("a"), &["1", "x\0y"], at(0)).await.unwrap();
        let many: Vec<String> = (0..3_000).map(|number| format!("{number}.0.0")).collect();
        let all: Vec<&str> = many.iter().map(String::as_str).chain(odd).collect();
        for moment in [at(5), at(6)] {
            let late = state.sight(&npm("a"), &all, moment).await.unwrap();
            assert_eq!(late.len(), all.len());
            let expected = all.iter().map(|version| ((*version).to_owned(), at(5)));
            assert!(late.into_iter().eq(expected));
        }
        assert_eq!(
            state.sight(&npm("a"), &["1", "x\0y"], at(7)).await.unwrap(),
            []
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_at_the_same_time_agree() {
    for place in Place::all() {
        let state = place.open().await;
        let mut looks = tokio::task::JoinSet::new();
        for number in 0..20_u64 {
            let state = state.clone();
            looks.spawn(async move {
                let versions = ["1.0.0", "2.0.0"];
                state
                    .sight(&npm("first"), &versions, at(number))
                    .await
                    .unwrap();
                state
                    .sight(&npm("first"), &["1.0.0", "3.0.0"], at(100 + number))
                    .await
            });
        }
        let answers: Vec<_> = looks.join_all().await;
        let first = answers[0].as_ref().unwrap();
        assert_eq!(first.len(), 1);
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().unwrap() == first)
        );
    }
}
