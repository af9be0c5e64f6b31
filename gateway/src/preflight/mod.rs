//! Pre-flight: what a lockfile names, before the rules, without installing anything.
//!
//! `lockfile` reads; `check` judges and tells. The rules are those of a configuration; no registry is asked, so nothing
//! is known of dates: a version that would be held for its age passes here.

pub mod check;
pub mod lockfile;
