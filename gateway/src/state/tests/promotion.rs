//! Copying versions between repositories.

use rules::{Arrival, FlagSetting};

use crate::state::{Copied, CopyOrder, CopyRefusal, Copying};

use super::*;

fn order<'a>(package: &'a PackageName, versions: &'a [&'a str]) -> CopyOrder<'a> {
    CopyOrder {
        from: "house",
        to: "release",
        package,
        versions,
        overwrite: false,
        now: at(500),
    }
}

fn copied(version: &str, unchanged: bool) -> Copied {
    Copied {
        version: version.to_owned(),
        unchanged,
    }
}

#[tokio::test]
async fn versions_arrive_with_files_tags_and_status_and_twice_is_once() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        for version in ["1.0.0", "1.1.0", "2.0.0"] {
            let _ = state.commit(&submission(version)).await.unwrap();
        }
        let unlisted = address("house", &package, "1.1.0");
        let _ = state
            .set_status(&unlisted, None, Status::Unlisted)
            .await
            .unwrap();
        let order = order(&package, &["1.1.0", "2.0.0", "1.1.0"]);
        let answer = state.copy_versions(&order).await.unwrap();
        let fresh = [copied("1.1.0", false), copied("2.0.0", false)];
        assert_eq!(answer, Copying::Done(fresh.into()));

        let source = state.hosted("house", &package).await.unwrap().unwrap();
        let hosted = state.hosted("release", &package).await.unwrap().unwrap();
        assert_eq!(hosted.flags.set, FlagSetting::Defaulted(Arrival::Published));
        assert_eq!(hosted.tags, [("latest".to_owned(), "2.0.0".to_owned())]);
        assert_eq!(hosted.versions.len(), 2);
        let (theirs, ours) = (&source.versions[1], &hosted.versions[0]);
        assert_eq!(
            (&theirs.files, &theirs.metadata),
            (&ours.files, &ours.metadata)
        );
        assert_eq!(
            (ours.status, ours.published_at),
            (Status::Unlisted, at(500))
        );
        assert_eq!(ours.publisher.as_deref(), Some("anna"));

        let again = state.copy_versions(&order).await.unwrap();
        let old = [copied("1.1.0", true), copied("2.0.0", true)];
        assert_eq!(again, Copying::Done(old.into()));
        let generation = state.generation("release", &package).await.unwrap();
        assert_eq!(generation, hosted.generation);
    }
}

#[tokio::test]
async fn one_refusal_stops_all_of_them() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        for version in ["1.0.0", "1.1.0", "2.0.0", "3.0.0"] {
            let _ = state.commit(&submission(version)).await.unwrap();
        }
        let archived = address("house", &package, "1.1.0");
        let _ = state
            .set_status(&archived, None, Status::Archived)
            .await
            .unwrap();
        for version in ["2.0.0", "3.0.0"] {
            let mut other = submission(version);
            other.repository = "release".to_owned();
            other.files = vec![file("other.tgz", "other")];
            let _ = state.commit(&other).await.unwrap();
        }
        let tombstone = address("release", &package, "3.0.0");
        let _ = state
            .set_status(&tombstone, None, Status::Disposed)
            .await
            .unwrap();

        let all = ["1.0.0", "1.1.0", "2.0.0", "3.0.0", "4.0.0"];
        let mut order = order(&package, &all);
        let wanted = |versions: &[(&str, CopyRefusal)]| {
            let owned = versions
                .iter()
                .map(|(version, why)| ((*version).to_owned(), *why));
            Copying::Refused(owned.collect())
        };
        let refusals = [
            ("1.1.0", CopyRefusal::NotAllowed(Status::Archived)),
            ("2.0.0", CopyRefusal::AlreadyExists),
            ("3.0.0", CopyRefusal::NotAllowed(Status::Disposed)),
            ("4.0.0", CopyRefusal::NotFound),
        ];
        assert_eq!(
            state.copy_versions(&order).await.unwrap(),
            wanted(&refusals)
        );
        let hosted = state.hosted("release", &package).await.unwrap().unwrap();
        assert_eq!(hosted.versions.len(), 2);

        // Overwriting replaces the files and keeps what points at the version.
        (order.versions, order.overwrite) = (&["1.0.0", "2.0.0"], true);
        let pinned = address("release", &package, "2.0.0");
        assert!(state.set_tag(&pinned, "pinned").await.unwrap());
        let answer = state.copy_versions(&order).await.unwrap();
        let fresh = [copied("1.0.0", false), copied("2.0.0", false)];
        assert_eq!(answer, Copying::Done(fresh.into()));
        let hosted = state.hosted("release", &package).await.unwrap().unwrap();
        let version = hosted
            .versions
            .iter()
            .find(|one| one.version == "2.0.0")
            .unwrap();
        assert_eq!(version.files, submission("2.0.0").files);
        assert!(
            hosted
                .tags
                .contains(&("pinned".to_owned(), "2.0.0".to_owned()))
        );
        order.to = "house";
        assert!(state.copy_versions(&order).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_in_opposite_directions_do_not_wait_for_each_other() {
    for place in Place::all() {
        let state = place.open().await;
        for (repository, version) in [("house", "1.0.0"), ("release", "2.0.0")] {
            let mut fresh = submission(version);
            fresh.repository = repository.to_owned();
            let _ = state.commit(&fresh).await.unwrap();
        }
        let mut copies = tokio::task::JoinSet::new();
        for number in 0..20 {
            let state = state.clone();
            copies.spawn(async move {
                let package = npm("left-pad");
                let mut order = order(&package, &["1.0.0"]);
                if number % 2 == 0 {
                    (order.from, order.to) = ("release", "house");
                    order.versions = &["2.0.0"];
                }
                state.copy_versions(&order).await.map(drop)
            });
        }
        for answer in copies.join_all().await {
            answer.unwrap();
        }
    }
}
