//! Publishing and what is read of it.

use rules::{Arrival, Flag, FlagSetting};

use crate::state::{Committed, Conflict};

use super::*;

async fn stored(state: &State, submission: &Submission) -> i64 {
    match state.commit(submission).await.unwrap() {
        Committed::Stored { generation } => generation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_published_is_read_back() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        assert_eq!(state.hosted("house", &package).await.unwrap(), None);
        assert_eq!(state.generation("house", &package).await.unwrap(), 0);
        let mut first = submission("1.0.0");
        first.files.push(file("a.sig", "signature"));
        first.files[1].size = (1 << 40) + 5;
        let generation = stored(&state, &first).await;
        let mut second = submission("0.9.0");
        (second.at, second.publisher) = (at(60), None);
        assert!(stored(&state, &second).await > generation);

        state.close().await;
        assert!(!state.is_well().await);
        let state = place.open().await;
        assert!(state.is_well().await);
        let hosted = state.hosted("house", &package).await.unwrap().unwrap();
        assert_eq!(hosted.flags.set, FlagSetting::Defaulted(Arrival::Published));
        assert_eq!(hosted.tags, [("latest".to_owned(), "0.9.0".to_owned())]);
        let versions: Vec<&str> = hosted.versions.iter().map(|one| &*one.version).collect();
        assert_eq!(versions, ["1.0.0", "0.9.0"]);
        let version = &hosted.versions[0];
        first.files.reverse();
        assert_eq!(
            (&version.files, &version.metadata),
            (&first.files, &first.metadata)
        );
        assert_eq!(
            (version.status, version.published_at),
            (Status::Published, at(0))
        );
        assert_eq!(version.publisher.as_deref(), Some("anna"));
        assert_eq!(version.revision, generation);
        assert_eq!(
            hosted.generation,
            state.generation("house", &package).await.unwrap()
        );
        assert_eq!(state.hosted("other", &package).await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_same_bytes_again_succeed_and_others_conflict() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        let generation = stored(&state, &submission("1.0.0")).await;
        let again = state.commit(&submission("1.0.0")).await.unwrap();
        assert_eq!(again, Committed::Unchanged);

        let mut other = submission("1.0.0");
        other.files[0].sha256 = "other".to_owned();
        let filename = other.files[0].filename.clone();
        let conflict = Committed::Conflict(Conflict::File { filename });
        assert_eq!(state.commit(&other).await.unwrap(), conflict);
        let mut more = submission("1.0.0");
        more.files.push(file("more", "more"));
        let conflict = Committed::Conflict(Conflict::Version);
        assert_eq!(state.commit(&more).await.unwrap(), conflict);
        more.files.clear();
        assert_eq!(state.commit(&more).await.unwrap(), conflict);
        // None of it has left a trace.
        assert_eq!(
            state.generation("house", &package).await.unwrap(),
            generation
        );

        let address = address("house", &package, "1.0.0");
        for status in [
            Status::Unlisted,
            Status::Archived,
            Status::Published,
            Status::Disposed,
        ] {
            let _ = state.set_status(&address, None, status).await.unwrap();
            let wanted = match status {
                Status::Published => Committed::Unchanged,
                _ => Committed::Conflict(Conflict::Status(status)),
            };
            assert_eq!(state.commit(&submission("1.0.0")).await.unwrap(), wanted);
        }
    }
}

#[tokio::test]
async fn files_are_added_where_the_ecosystem_has_that() {
    for place in Place::all() {
        let state = place.open().await;
        let mut wheel = submission("1.0.0");
        (wheel.mode, wheel.status) = (Mode::AddFiles, Status::Unfinished);
        stored(&state, &wheel).await;
        let mut source = wheel.clone();
        source.files = vec![file("source.tar.gz", "source")];
        source.metadata = "later".to_owned();
        let generation = stored(&state, &source).await;
        // One that is there and one that is not: only the missing one is added.
        source.files.push(file("third", "third"));
        assert!(stored(&state, &source).await > generation);
        assert_eq!(state.commit(&wheel).await.unwrap(), Committed::Unchanged);
        // One that is new and one that differs: neither is added.
        source.files = vec![file("fourth", "fourth"), file("third", "different")];
        let filename = "third".to_owned();
        let conflict = Committed::Conflict(Conflict::File { filename });
        assert_eq!(state.commit(&source).await.unwrap(), conflict);

        let hosted = state
            .hosted("house", &npm("left-pad"))
            .await
            .unwrap()
            .unwrap();
        let version = &hosted.versions[0];
        let names: Vec<&str> = version.files.iter().map(|file| &*file.filename).collect();
        assert_eq!(names, ["left-pad-1.0.0.tgz", "source.tar.gz", "third"]);
        assert_eq!(version.metadata, wheel.metadata);
        assert_eq!(version.status, Status::Unfinished);
    }
}

#[tokio::test]
async fn publishing_keeps_flags_that_were_set_by_hand() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        let flags = (Flag::Allow, Flag::Block);
        state
            .set_flags("house", &package, flags, at(0))
            .await
            .unwrap();
        assert_eq!(state.hosted("house", &package).await.unwrap(), None);
        stored(&state, &submission("1.0.0")).await;
        let hosted = state.hosted("house", &package).await.unwrap().unwrap();
        assert_eq!(
            hosted.flags,
            rules::Flags::by_hand(Flag::Allow, Flag::Block)
        );
        state
            .set_flags("house", &package, flags, at(0))
            .await
            .unwrap();
        let generation = state.generation("house", &package).await.unwrap();
        assert!(generation > hosted.generation);
    }
}

#[tokio::test]
async fn documents_and_tags_are_edited() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        stored(&state, &submission("1.0.0")).await;
        let mut generation = stored(&state, &submission("2.0.0")).await;
        let one = address("house", &package, "1.0.0");
        let none = address("house", &package, "9.9.9");
        let file = "left-pad-1.0.0.tgz";
        assert!(
            state
                .set_version_metadata(&one, "deprecated")
                .await
                .unwrap()
        );
        assert!(state.set_file_metadata(&one, file, "yanked").await.unwrap());
        assert!(state.set_tag(&one, "old").await.unwrap());
        assert!(state.set_tag(&one, "latest").await.unwrap());
        assert!(state.remove_tag("house", &package, "old").await.unwrap());
        let hosted = state.hosted("house", &package).await.unwrap().unwrap();
        generation += 5;
        assert_eq!(hosted.generation, generation);
        assert_eq!(hosted.versions[0].metadata, "deprecated");
        assert_eq!(hosted.versions[0].files[0].metadata, "yanked");
        assert_eq!(hosted.versions[0].revision, generation - 3);
        assert_eq!(hosted.tags, [("latest".to_owned(), "1.0.0".to_owned())]);

        assert!(!state.set_version_metadata(&none, "x").await.unwrap());
        assert!(!state.set_file_metadata(&one, "none", "x").await.unwrap());
        assert!(!state.set_file_metadata(&none, file, "x").await.unwrap());
        assert!(!state.set_tag(&none, "latest").await.unwrap());
        assert!(!state.remove_tag("house", &package, "old").await.unwrap());
        assert!(
            !state
                .remove_tag("house", &npm("none"), "old")
                .await
                .unwrap()
        );
        assert_eq!(
            state.generation("house", &package).await.unwrap(),
            generation
        );
    }
}

#[tokio::test]
async fn generations_never_come_twice() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        let mut last = 0;
        for _ in 0..3 {
            let generation = stored(&state, &submission("1.0.0")).await;
            assert!(generation > last);
            let address = address("house", &package, "1.0.0");
            assert!(state.delete_version(&address).await.unwrap());
            assert_eq!(state.hosted("house", &package).await.unwrap(), None);
            last = stored(&state, &submission("1.0.0")).await;
            assert!(last > generation);
            assert!(state.delete_package("house", &package).await.unwrap());
            assert!(!state.delete_package("house", &package).await.unwrap());
            assert_eq!(state.hosted("house", &package).await.unwrap(), None);
            assert_eq!(state.package("house", &package).await.unwrap(), None);
            assert!(
                state
                    .packages("house", &Default::default())
                    .await
                    .unwrap()
                    .is_empty()
            );
        }
    }
}

#[tokio::test]
async fn names_and_blobs_are_listed() {
    for place in Place::all() {
        let state = place.open().await;
        let mut scoped = submission("1.0.0");
        scoped.package = npm("@a/b");
        scoped.files = vec![file("one", "same"), file("two", "two")];
        stored(&state, &scoped).await;
        let mut plain = submission("1.0.0");
        plain.files = vec![file("other", "same"), file("gone", "gone")];
        stored(&state, &plain).await;
        plain.version = "2.0.0".to_owned();
        plain.files.truncate(1);
        stored(&state, &plain).await;
        state
            .set_flags("house", &npm("empty"), Default::default(), at(0))
            .await
            .unwrap();
        let all = ["sha256-gone", "sha256-same", "sha256-two"];
        assert_eq!(state.blobs_in_use("", 9).await.unwrap(), all);
        assert_eq!(state.blobs_in_use("", 2).await.unwrap(), all[..2]);
        assert_eq!(state.blobs_in_use(all[1], 2).await.unwrap(), all[2..]);
        let package = npm("left-pad");
        let disposed = address("house", &package, "1.0.0");
        let _ = state
            .set_status(&disposed, None, Status::Disposed)
            .await
            .unwrap();
        assert_eq!(state.blobs_in_use("", 9).await.unwrap(), all[1..]);
    }
}

#[tokio::test]
async fn what_no_column_can_hold_is_refused() {
    for place in Place::all() {
        let state = place.open().await;
        let spoil: [fn(&mut Submission); 7] = [
            |one| one.version = "1\0".to_owned(),
            |one| one.version = "1".repeat(600),
            |one| one.tags.push(String::new()),
            |one| one.metadata.push('\0'),
            |one| one.files.push(one.files[0].clone()),
            |one| one.files[0].sha256.push('\0'),
            |one| one.status = Status::Archived,
        ];
        for spoil in spoil {
            let mut submission = submission("1.0.0");
            spoil(&mut submission);
            assert!(state.commit(&submission).await.is_err());
        }
        assert_eq!(
            state.generation("house", &npm("left-pad")).await.unwrap(),
            0
        );
        // The longest key that is allowed fits every index.
        let mut longest = submission("1.0.0");
        longest.repository = "r".repeat(512);
        longest.package = PackageName::maven(&"g".repeat(255), &"a".repeat(255)).unwrap();
        longest.version = (0..512)
            .map(|n| char::from(b'a' + (n * 7 % 26) as u8))
            .collect();
        longest.files[0].filename = longest.version.clone();
        longest.tags = vec![longest.version.clone()];
        stored(&state, &longest).await;
    }
}
