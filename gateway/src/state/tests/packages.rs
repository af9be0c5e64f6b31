//! Package records.

use rules::{Arrival, Ecosystem, Flag, FlagSetting, Flags};

use crate::state::PackageFilter;

use super::*;

const DEFAULTED: Flags = Flags {
    publish: Flag::Allow,
    upstream: Flag::Allow,
    set: FlagSetting::Defaulted(Arrival::Ingested),
};

#[tokio::test]
async fn the_first_arrival_makes_the_record_and_later_ones_change_nothing() {
    for place in Place::all() {
        let state = place.open().await;
        let package = npm("left-pad");
        assert_eq!(state.package("house", &package).await.unwrap(), None);
        for (arrival, seconds, made) in
            [(Arrival::Ingested, 1, true), (Arrival::Published, 2, false)]
        {
            let answer = state.arrived("house", &package, arrival, at(seconds)).await;
            assert_eq!(answer.unwrap(), made);
        }
        let record = state.package("house", &package).await.unwrap().unwrap();
        assert_eq!((record.flags, record.created), (DEFAULTED, at(1)));
        assert_eq!(state.package("other", &package).await.unwrap(), None);

        let by_hand = (Flag::Block, Flag::Allow);
        state
            .set_flags("house", &package, by_hand, at(3))
            .await
            .unwrap();
        let answer = state
            .arrived("house", &package, Arrival::Ingested, at(4))
            .await;
        assert!(!answer.unwrap());
        let record = state.package("house", &package).await.unwrap().unwrap();
        assert_eq!(record.flags, Flags::by_hand(Flag::Block, Flag::Allow));
        assert_eq!(record.created, at(1));
    }
}

#[tokio::test]
async fn records_are_listed_in_pages() {
    for place in Place::all() {
        let state = place.open().await;
        let pypi = rules::PackageName::pypi("six").unwrap();
        let names = [npm("a_b"), npm("axb"), npm("@A/B"), pypi.clone()];
        for name in &names {
            state
                .arrived("house", name, Arrival::Ingested, at(0))
                .await
                .unwrap();
        }
        let list = async |filter: &PackageFilter| {
            let found = state.packages("house", filter).await.unwrap();
            found.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let mut filter = PackageFilter {
            ecosystem: Some(Ecosystem::Npm),
            limit: 2,
            ..PackageFilter::default()
        };
        let mut found = list(&filter).await;
        assert_eq!(found.len(), 2);
        filter.after = found.last().cloned();
        found.extend(list(&filter).await);
        found.sort();
        assert_eq!(found, [npm("a_b"), npm("axb"), npm("@A/B")]);
        let with = |text: &str| PackageFilter {
            contains: Some(text.to_owned()),
            ..PackageFilter::default()
        };
        // Wildcards stand for themselves, the case does not count.
        assert_eq!(list(&with("A_B")).await, [npm("a_b")]);
        assert_eq!(list(&with("a/b")).await, [npm("@A/B")]);
        assert_eq!(list(&with("/pypi/")).await, [pypi]);
        assert!(list(&with("!")).await.is_empty());
    }
}
