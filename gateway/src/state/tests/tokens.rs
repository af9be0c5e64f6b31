//! Tokens.

use crate::state::{Creation, NewToken, Right};

use super::*;

fn token(name: &str, byte: u8) -> NewToken {
    NewToken {
        name: name.to_owned(),
        hash: [byte; 32],
        rights: vec![Right::Read, Right::Publish],
        repositories: vec!["house".to_owned()],
        patterns: vec!["/npm/mycompany/*".to_owned()],
        expires: Some(at(100)),
        created: at(u64::from(byte)),
    }
}

#[tokio::test]
async fn a_token_is_found_by_its_hash_until_it_is_revoked() {
    for place in Place::all() {
        let state = place.open().await;
        let made = state.create_token(&token("ci", 1)).await.unwrap();
        assert_eq!(made, Creation::Created);
        let found = state.find_token(&[1; 32]).await.unwrap().unwrap();
        assert_eq!(found.name, "ci");
        assert_eq!(found.rights, [Right::Read, Right::Publish]);
        assert_eq!(found.repositories, ["house"]);
        assert_eq!(found.patterns, ["/npm/mycompany/*"]);
        assert_eq!((found.created, found.expires), (at(1), Some(at(100))));
        assert!(!found.is_expired(at(99)) && found.is_expired(at(100)));
        assert_eq!(state.find_token(&[2; 32]).await.unwrap(), None);

        assert!(state.revoke_token("ci", at(5)).await.unwrap());
        assert!(!state.revoke_token("ci", at(6)).await.unwrap());
        assert_eq!(state.find_token(&[1; 32]).await.unwrap(), None);
        assert_eq!(state.tokens().await.unwrap()[0].revoked, Some(at(5)));
    }
}

#[tokio::test]
async fn names_are_unique_among_the_unrevoked() {
    for place in Place::all() {
        let state = place.open().await;
        for (byte, wanted) in [(1, Creation::Created), (2, Creation::NameTaken)] {
            assert_eq!(
                state.create_token(&token("ci", byte)).await.unwrap(),
                wanted
            );
        }
        assert_eq!(state.find_token(&[2; 32]).await.unwrap(), None);
        assert!(state.revoke_token("ci", at(5)).await.unwrap());
        // A secret that was revoked does not come back.
        let again = state.create_token(&token("other", 1)).await.unwrap();
        assert_eq!(again, Creation::NameTaken);
        let made = state.create_token(&token("ci", 3)).await.unwrap();
        assert_eq!(made, Creation::Created);
        assert_eq!(state.tokens().await.unwrap().len(), 2);
        assert!(state.create_token(&token("", 4)).await.is_err());
    }
}
