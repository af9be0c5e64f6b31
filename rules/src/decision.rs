//! Decisions, the reasons for them, and the proofs that they were made.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize, Serializer};

use crate::origin::Origin;
use crate::package::PackageName;

/// The longest sentence: it has to fit into an HTTP reason phrase.
pub const SENTENCE_BYTES_MAX: usize = 200;

/// What decided. A closed set: the words are labels of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The group's `publish`.
    Publish,
    /// The group's `internal`.
    Internal,
    /// The group's `external`.
    External,
    /// The name imitates a group.
    WeakMatch,
    /// The package's own `publish` flag in one repository.
    PublishFlag,
    /// The package's own `upstream` flag in one repository.
    UpstreamFlag,
    /// There is no such repository.
    Repository,
    /// The name looks like a popular one, or like one of the house.
    Lookalike,
    /// The version is younger than the group wants.
    MinAge,
    /// An advisory calls the version malicious.
    Malware,
    /// An advisory knows a weakness of the version.
    Vulnerability,
}

/// The core of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Served.
    Allow,
    /// Served, with a warning.
    Warn,
    /// Not yet.
    Hold,
    /// No.
    Deny,
}

/// May this version be served?
#[derive(Clone, Debug)]
pub enum Decision {
    /// Yes.
    Allow(Permit),
    /// Yes, and the client is to be told why it should think twice.
    Warn(Permit, Reason),
    /// Not yet; it may be fetched for inspection.
    Hold(Inspection, Reason),
    /// No.
    Deny(Reason),
}

/// Proof that a version may be served. Only this crate makes one.
#[derive(Clone, Debug)]
pub struct Permit(Judged);

/// Proof that a version may be fetched to be looked at, and no more.
#[derive(Clone, Debug)]
pub struct Inspection(Judged);

/// Proof that a package may be published to a repository.
#[derive(Clone, Debug)]
pub struct Publish {
    package: PackageName,
    repository: Arc<str>,
    observed: Option<Reason>,
}

#[derive(Clone, Debug)]
struct Judged {
    origin: Origin,
    version: Arc<str>,
}

/// Why something was refused, held or warned of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What decided.
    pub control: Control,
    /// The pattern of the group that the package belongs to; for a weak match, the one imitated.
    pub group: String,
    /// The pattern of the ancestor that set the control, if it was not the group itself.
    pub inherited_from: Option<String>,
    /// What was refused, as clients spell it.
    pub subject: String,
    /// One plain sentence: printable ASCII, at most [`SENTENCE_BYTES_MAX`].
    pub sentence: String,
    /// Whether the name belongs to the house, so that nothing may be asked of anyone outside.
    pub claimed: bool,
    /// The name that is imitated, if this is about a look-alike.
    pub imitates: Option<String>,
    /// When a hold ends by itself.
    #[serde(serialize_with = "as_moment", skip_serializing_if = "Option::is_none")]
    pub until: Option<SystemTime>,
    /// Judged, but not enforced: the group only observes this control.
    pub observed: bool,
}

fn as_moment<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.serialize_str(&format!("{}Z", crate::moment::show(*time))),
        None => serializer.serialize_none(),
    }
}

impl Control {
    /// The label of the control.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Internal => "internal",
            Self::External => "external",
            Self::WeakMatch => "weak_match",
            Self::PublishFlag => "publish_flag",
            Self::UpstreamFlag => "upstream_flag",
            Self::Repository => "repository",
            Self::Lookalike => "lookalike",
            Self::MinAge => "min_age",
            Self::Malware => "malware",
            Self::Vulnerability => "vulnerability",
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Verdict {
    /// `allow`, `warn`, `hold` or `deny`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Decision {
    /// The core of the decision.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Allow(_) => Verdict::Allow,
            Self::Warn(..) => Verdict::Warn,
            Self::Hold(..) => Verdict::Hold,
            Self::Deny(_) => Verdict::Deny,
        }
    }

    /// The permit, if the version may be served.
    pub const fn permit(&self) -> Option<&Permit> {
        match self {
            Self::Allow(permit) | Self::Warn(permit, _) => Some(permit),
            Self::Hold(..) | Self::Deny(_) => None,
        }
    }

    /// The reason, unless the decision is a plain yes.
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Allow(_) => None,
            Self::Warn(_, reason) | Self::Hold(_, reason) | Self::Deny(reason) => Some(reason),
        }
    }
}

impl Permit {
    pub(crate) fn new(origin: &Origin, version: &str) -> Self {
        Self(Judged {
            origin: origin.clone(),
            version: version.into(),
        })
    }

    /// The package.
    pub const fn package(&self) -> &PackageName {
        self.0.origin.package()
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Where it comes from.
    pub const fn origin(&self) -> &Origin {
        &self.0.origin
    }
}

impl Inspection {
    pub(crate) fn new(origin: &Origin, version: &str) -> Self {
        Self(Judged {
            origin: origin.clone(),
            version: version.into(),
        })
    }

    /// The package.
    pub const fn package(&self) -> &PackageName {
        self.0.origin.package()
    }

    /// The version.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// Where it comes from.
    pub const fn origin(&self) -> &Origin {
        &self.0.origin
    }
}

impl Publish {
    pub(crate) fn new(package: &PackageName, repository: &str, observed: Option<Reason>) -> Self {
        Self {
            package: package.clone(),
            repository: repository.into(),
            observed,
        }
    }

    /// What would have refused it, if the group did not merely observe that.
    pub const fn observed(&self) -> Option<&Reason> {
        self.observed.as_ref()
    }

    /// The package.
    pub const fn package(&self) -> &PackageName {
        &self.package
    }

    /// The repository published to.
    pub fn repository(&self) -> &str {
        &self.repository
    }
}

impl Reason {
    /// With the version that may be had instead (see [`Policy::nearest_allowed`](crate::Policy::nearest_allowed)).
    /// The sentence names it if it has room for that.
    #[must_use]
    pub fn with_nearest(mut self, version: &str) -> Self {
        let advice = format!("; nearest allowed version is {version}");
        let fits = self.sentence.len() + advice.len() <= SENTENCE_BYTES_MAX;
        if fits && version.bytes().all(|byte| byte.is_ascii_graphic()) {
            self.sentence.push_str(&advice);
        }
        self
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.sentence)
    }
}
