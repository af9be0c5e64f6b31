//! Flags of one package in one repository: the second lock beside the group's controls.
//!
//! A blocking flag always wins over an allowing group. A flag that was set by default is no
//! decision of anyone's: it holds only as long as the package's group leaves all three controls
//! at allow, and is worked out anew with every question. (CodeArtifact stores it for good; there a
//! package that was ingested once stays unpublishable after its group has been given to the house.)

use serde::{Deserialize, Serialize};

use crate::package::PackageName;
use crate::policy::Policy;

/// One flag. Allowing means deferring to the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flag {
    /// The group decides.
    #[default]
    Allow,
    /// No, whatever the group says.
    Block,
}

/// How the first version of a package came into a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// A client published it.
    Published,
    /// It came from a public registry or another repository.
    Ingested,
}

/// Who set the flags. A default remembers its cause, so that it can be worked out anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagSetting {
    /// Nobody: they follow from how the first version came.
    Defaulted(Arrival),
    /// An operator.
    ByHand,
}

/// The flags of one package in one repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Flags {
    /// Whether new versions may be published.
    pub publish: Flag,
    /// Whether new versions may come from other repositories or public registries.
    pub upstream: Flag,
    /// Who set them.
    pub set: FlagSetting,
}

impl Flags {
    /// No record, or one that leaves everything to the group.
    pub const DEFER: Self = Self {
        publish: Flag::Allow,
        upstream: Flag::Allow,
        set: FlagSetting::ByHand,
    };

    /// Flags that an operator chose.
    pub const fn by_hand(publish: Flag, upstream: Flag) -> Self {
        Self {
            publish,
            upstream,
            set: FlagSetting::ByHand,
        }
    }

    /// The flags a package gets with its first version: if its group allows all three
    /// origins, then only the one it came by stays open; else the group alone decides.
    pub fn on_first_arrival(policy: &Policy, package: &PackageName, arrival: Arrival) -> Self {
        let (publish, upstream) = if !policy.allows_all(package) {
            (Flag::Allow, Flag::Allow)
        } else {
            match arrival {
                Arrival::Published => (Flag::Allow, Flag::Block),
                Arrival::Ingested => (Flag::Block, Flag::Allow),
            }
        };
        Self {
            publish,
            upstream,
            set: FlagSetting::Defaulted(arrival),
        }
    }

    /// The flags as they count today: defaults follow the group of today.
    #[must_use]
    pub fn effective(self, policy: &Policy, package: &PackageName) -> Self {
        match self.set {
            FlagSetting::ByHand => self,
            FlagSetting::Defaulted(arrival) => Self::on_first_arrival(policy, package, arrival),
        }
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self::DEFER
    }
}
