//! The lockfiles of uv, Poetry, PDM, Pipenv and pip.

pub(super) mod locks;
pub(super) mod pipfile;
mod requirement;
pub(super) mod requirements;
