//! What Maven and Gradle builds fetch.

pub(super) mod gradle;
pub(super) mod pom;
pub(super) mod tree;
