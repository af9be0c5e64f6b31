//! What is let in at all: the framework's open doors as raw bytes (`framework`), and the bypass
//! corpus (`bypass`, rows in `door/bypass.tsv`) before the most lenient upstream there could be
//! (`lenient`).

mod bypass;
mod framework;
pub(crate) mod lenient;
mod oracle;
mod stage;
