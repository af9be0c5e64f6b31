//! What is known of a version when it is judged. Not knowing is said, never guessed.

use std::time::SystemTime;

use crate::digest::Digest;

/// Facts about one version, as its registry tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// When it was published; `None` if no trustworthy date is known.
    pub published: Option<SystemTime>,
    /// When the first version of the package was published; `None` if no trustworthy date is known.
    pub package_since: Option<SystemTime>,
    /// How many versions the package has; `None` if that is not known.
    pub versions: Option<usize>,
    /// What its files must hash to.
    pub digests: Vec<Digest>,
    /// Why it was yanked (PEP 592), if it was.
    pub yanked: Option<String>,
}
