//! Network mode: clients that nobody configured go through the gateway, because the network or
//! a proxy variable takes them there. Real clients, in network namespaces that the test makes
//! (`network/topology.rs`): client, router with the gateway, and an internet of a few hosts.
//!
//! It needs root, iproute2 and nftables; without them the tests are skipped loudly, and fail
//! where clients are required.

mod clients;
mod dns;
mod internet;
mod names;
mod topology;
mod world;

// The rig without the gateway.
mod unguided;

// Connections that the network brings: real clients, then rows of the bypass corpus, then
// connections in number and in pieces, then ways around the rules that once led somewhere.
mod attacks;
mod corpus;
mod errands;
mod hostile;
mod raw;
mod redirected;

// What nftables is told.
mod rules;

// Clients with a proxy variable.
mod proxied;

// README.md's chapter, as it stands.
mod readme;
