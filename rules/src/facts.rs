//! What is known of a version when it is judged. Not knowing is said, never guessed.

use std::time::SystemTime;

use crate::digest::Digest;

/// Facts about one version, as its registry tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it was published; `None` if no trustworthy date is known.
    pub published: Option<SystemTime>,
    /// When the house first saw it, if that was after its first look at the package: a registry's date may be forged.
    pub first_seen: Option<SystemTime>,
    /// When the first version of the package was published; `None` if no trustworthy date is known.
    pub package_since: Option<SystemTime>,
    /// How many versions the package has; `None` if that is not known.
    pub versions: Option<usize>,
    /// Whether it was published here: then no advisory about a public package of that name is about it.
    pub ours: bool,
    /// What its files must hash to.
    pub digests: Vec<Digest>,
    /// Why it was yanked (PEP 592), if it was.
    pub yanked: Option<String>,
}

impl Facts {
    /// Since when it is known to be public: the later of the two dates.
    pub fn since(&self) -> Option<SystemTime> {
        self.published.max(self.first_seen)
    }
}
