//! Pre-flight: what a lockfile names, before the rules, without installing anything.
//!
//! `lockfile` reads; `check` collects the verdicts and tells them. They come from the rules of a configuration, which
//! knows nothing of dates, or from a running gateway, which does (`exchange`).

pub mod check;
pub mod exchange;
pub mod lockfile;
