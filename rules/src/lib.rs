//! What may come from where, and why: package groups, origin controls, decisions.
//!
//! This crate is the judge and nothing else: it does no input or output, reads no clock, knows no
//! HTTP. Policy is written in package groups (patterns with three controls that are inherited one
//! by one, after AWS CodeArtifact) and compiled into a [`Policy`]. It answers three questions.
//!
//! **From where may this package come?** Places are handed out as [`Origin`]s, in search order.
//! Fetching takes an `Origin`, and only this crate makes them.
//!
//! ```
//! use rules::{Ecosystem, GroupSpec, ModeSpec, PackageName, Policy, PolicySpec, RepositorySpec};
//!
//! let spec = PolicySpec {
//!     groups: vec![GroupSpec {
//!         external: Some(ModeSpec::Block),
//!         ..GroupSpec::new("/npm/mycompany/*")
//!     }],
//!     repositories: vec![RepositorySpec {
//!         name: "public".into(),
//!         upstreams: vec![],
//!         external: Ecosystem::PROXIED.into(),
//!     }],
//! };
//! let (policy, warnings) = Policy::compile(&spec).unwrap();
//! assert!(warnings.is_empty());
//!
//! let ours = PackageName::npm("@mycompany/ui").unwrap();
//! let now = std::time::SystemTime::UNIX_EPOCH;
//! let origins = policy.origins(&ours, "public", now);
//! assert!(!origins.reaches_outside());
//! assert_eq!(
//!     origins.refusal().unwrap().sentence,
//!     "@mycompany/ui is blocked by package group /npm/mycompany/*: no version may come from a \
//!      public registry; an operator can change control 'external'"
//! );
//! ```
//!
//! **May this version be served?** The answer is a [`Decision`]; serving takes its [`Permit`].
//!
//! ```
//! # use rules::{Ecosystem, PackageName, Policy, PolicySpec, RepositorySpec};
//! use rules::{Facts, Verdict};
//! use std::time::SystemTime;
//! # let public = RepositorySpec {
//! #     name: "public".into(), upstreams: vec![], external: Ecosystem::PROXIED.into(),
//! # };
//! # let spec = PolicySpec { groups: vec![], repositories: vec![public] };
//! # let (policy, _warnings) = Policy::compile(&spec).unwrap();
//! let six = PackageName::pypi("six").unwrap();
//! let now = SystemTime::UNIX_EPOCH;
//! let origins = policy.origins(&six, "public", now);
//! for origin in &origins {
//!     let decision = policy.admit(origin, "1.17.0", &Facts::default(), now);
//!     assert_eq!(decision.verdict(), Verdict::Allow);
//!     assert_eq!(decision.permit().unwrap().version(), "1.17.0");
//! }
//! ```
//!
//! **May this be published?** The answer is a [`Publish`] or a [`Reason`].
//!
//! ```
//! # use rules::{GroupSpec, ModeSpec, PackageName, Policy, PolicySpec, RepositorySpec};
//! use rules::Flags;
//! # let public = RepositorySpec { name: "public".into(), ..RepositorySpec::default() };
//! # let spec = PolicySpec { groups: vec![GroupSpec {
//! #     publish: Some(ModeSpec::Block), ..GroupSpec::new("/maven/org.apache~")
//! # }], repositories: vec![public] };
//! # let (policy, _warnings) = Policy::compile(&spec).unwrap();
//! let theirs = PackageName::maven("org.apache.commons", "commons-io").unwrap();
//! let reason = policy.publish(&theirs, "public", Flags::DEFER).unwrap_err();
//! assert_eq!(reason.group, "/maven/org.apache~");
//! let ours = PackageName::maven("com.mycompany", "app").unwrap();
//! assert!(policy.publish(&ours, "public", Flags::DEFER).is_ok());
//! ```
#![deny(missing_docs)]

pub mod advisories;
mod age;
mod decision;
mod digest;
mod facts;
mod flags;
mod fold;
mod group;
mod knowledge;
pub mod lookalike;
pub mod moment;
mod origin;
mod package;
mod pattern;
mod policy;
mod stable;
mod topology;
mod version;

pub use age::Age;
pub use decision::{
    Control, Decision, Inspection, Permit, Publish, Reason, SENTENCE_BYTES_MAX, Verdict,
};
pub use digest::{Digest, DigestAlgorithm, UnknownAlgorithm};
pub use facts::Facts;
pub use flags::{Arrival, Flag, FlagSetting, Flags};
pub use group::{Action, GroupSpec, ModeSpec, UnknownAge};
pub use knowledge::Knowledge;
pub use origin::{Next, Origin, Origins, Outcome, Place};
pub use package::{COMPONENT_BYTES_MAX, Ecosystem, NameError, PackageName, parse_path};
pub use pattern::{Pattern, PatternError, Strength};
pub use policy::{
    ControlExplanation, ExemptionNotice, Explanation, Finding, ListExplanation, PlaceExplanation,
    Policy, PolicySpec, ScreenExplanation, SearchExplanation, Severity,
};
pub use topology::{RepositorySpec, SEARCHED_MAX, UPSTREAMS_MAX};
pub use version::{VersionKey, compare, is_prerelease, same};
