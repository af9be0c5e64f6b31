//! The lockfiles of npm, pnpm, Yarn and Bun.

mod address;
pub(super) mod bun;
pub(super) mod package_lock;
pub(super) mod pnpm;
mod yaml;
pub(super) mod yarn;
