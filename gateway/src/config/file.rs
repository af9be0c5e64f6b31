//! `portcullis.toml` as written: every key optional, nothing checked beyond its type.
//!
//! What the gateway works with is [`super::Config`]; this form never leaves the room.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;

use rules::{Age, Ecosystem, GroupSpec};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct File {
    pub listen: Option<String>,
    pub admin: Option<String>,
    pub data: Option<PathBuf>,
    pub public_url: Option<String>,
    pub log: Option<String>,
    pub problem_json: Option<bool>,
    pub upstreams: BTreeMap<Ecosystem, UpstreamEntry>,
    pub repository: BTreeMap<String, RepositoryEntry>,
    pub group: Vec<GroupSpec>,
    pub advisories: AdvisoriesEntry,
    pub limits: BTreeMap<String, LimitValue>,
    pub access: AccessEntry,
    pub state: StateEntry,
    pub tls: TlsEntry,
    pub network: NetworkEntry,
}

/// `[access]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessEntry {
    pub anonymous_read: Option<bool>,
}

/// `[state]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StateEntry {
    pub url: Option<String>,
}

impl fmt::Debug for StateEntry {
    /// Shows nothing: an address may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StateEntry").finish_non_exhaustive()
    }
}

/// `[tls]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsEntry {
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
}

/// `[network]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkEntry {
    pub proxy: Option<String>,
    pub redirect: Option<String>,
    pub transparent: Option<bool>,
    pub repository: Option<String>,
    pub others: Option<String>,
    pub nameless: Option<String>,
    pub ports: Option<Vec<u16>>,
    pub allow_private: Option<bool>,
    pub authenticate: Option<bool>,
    pub login: Option<String>,
    pub publish: Option<String>,
    pub pages: Option<String>,
}

/// `[advisories]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdvisoriesEntry {
    pub sources: Vec<String>,
    pub poll: Option<Age>,
    pub max_age: Option<Age>,
}

/// `[repository.NAME]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepositoryEntry {
    pub upstreams: Vec<String>,
    pub external: Option<External>,
    pub hosts: BTreeMap<Ecosystem, String>,
}

/// The table form of an upstream.
#[derive(Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamTable {
    pub url: Option<String>,
    pub hosts: Vec<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub allow_private: Option<bool>,
}

/// An upstream: an address, a table, or (below a repository) whether the common one is used.
#[derive(Debug, Clone)]
pub enum UpstreamEntry {
    Common(bool),
    Own(UpstreamTable),
}

/// Where a repository's external packages come from.
#[derive(Debug)]
pub enum External {
    /// From the common upstreams of these ecosystems.
    List(Vec<Ecosystem>),
    /// From these.
    Table(BTreeMap<Ecosystem, UpstreamEntry>),
}

/// A bound as written.
#[derive(Debug, Clone)]
pub enum LimitValue {
    Integer(i64),
    Text(String),
}

impl fmt::Debug for UpstreamTable {
    /// Shows nothing: an address, too, may hold a password.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("UpstreamTable").finish_non_exhaustive()
    }
}

/// One of several forms. serde's own `untagged` would lose the place of an error.
struct Forms<T>(PhantomData<T>);

impl<'de> Deserialize<'de> for UpstreamEntry {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Forms::<Self>(PhantomData))
    }
}

impl<'de> Visitor<'de> for Forms<UpstreamEntry> {
    type Value = UpstreamEntry;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an address (\"http://…\"), a table with `url`, or true")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(UpstreamEntry::Common(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        let url = Some(value.to_owned());
        Ok(UpstreamEntry::Own(UpstreamTable {
            url,
            ..UpstreamTable::default()
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        UpstreamTable::deserialize(MapAccessDeserializer::new(map)).map(UpstreamEntry::Own)
    }
}

impl<'de> Deserialize<'de> for External {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Forms::<Self>(PhantomData))
    }
}

impl<'de> Visitor<'de> for Forms<External> {
    type Value = External;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of ecosystems ([\"npm\"]) or a table ({ npm = \"http://…\" })")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence)).map(External::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(External::Table)
    }
}

impl<'de> Deserialize<'de> for LimitValue {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(Forms::<Self>(PhantomData))
    }
}

impl Visitor<'_> for Forms<LimitValue> {
    type Value = LimitValue;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a number, or text such as \"10s\" or \"64KiB\"")
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(LimitValue::Integer(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(LimitValue::Text(value.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::keys_below;

    /// serde names all fields of a type when it meets one that it does not know.
    fn fields<T: for<'de> Deserialize<'de> + fmt::Debug>() -> Vec<String> {
        let error = toml::from_str::<T>("no_such_key = 1").unwrap_err();
        let mut names: Vec<String> = error
            .message()
            .split('`')
            .skip(3)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        names.sort();
        names
    }

    fn documented(path: &[&str]) -> Vec<String> {
        let mut keys = keys_below(path);
        keys.sort();
        keys.dedup();
        keys
    }

    #[test]
    fn every_key_of_the_file_is_in_the_table_and_the_other_way_round() {
        assert_eq!(fields::<File>(), documented(&[]));
        assert_eq!(
            fields::<RepositoryEntry>(),
            documented(&["repository", "public"])
        );
        assert_eq!(fields::<UpstreamTable>(), documented(&["upstreams", "npm"]));
        assert_eq!(fields::<GroupSpec>(), documented(&["group"]));
        assert_eq!(fields::<AccessEntry>(), documented(&["access"]));
        assert_eq!(fields::<StateEntry>(), documented(&["state"]));
        assert_eq!(fields::<TlsEntry>(), documented(&["tls"]));
        assert_eq!(fields::<AdvisoriesEntry>(), documented(&["advisories"]));
    }
}
