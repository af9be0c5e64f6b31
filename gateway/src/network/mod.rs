//! Network mode beside its connections: which addresses may be reached, and the kernel's rules that bring traffic here.

pub mod address;
pub mod interception;
pub mod nft;
