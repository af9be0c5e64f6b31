//! The integration tests: the built program between real clients and scripted upstreams.
//!
//! One binary, one table of contents. No fixed ports (but in a namespace of the test's own,
//! `network/topology.rs`), no sleeps, no outside network: upstreams
//! are on loopback and do what a test tells them (`support/registry.rs`). A test's name is a
//! sentence about behaviour.
//!
//! `PORTCULLIS_BIN` names another program to test; `PORTCULLIS_REQUIRE_CLIENTS=1` (or `CI`)
//! turns a missing client from a loud skip into a failure.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says so on standard error"
)]

mod support;

// What a developer does with each ecosystem's clients.
mod maven;
mod npm;
mod pypi;

// Claimed and blocked names: no upstream is ever asked, whatever route, whatever failure.
mod origins;

// What is kept: hit, stale, revalidation, ranges, one download for many, restart.
mod caching;

// What repositories retain, and that an index names exactly what is served.
mod retention;

// Controls beyond the origin: look-alikes, age, advisories, exceptions, lockfiles.
mod advisories;
mod commands;
mod firewall;
mod ledger;

// What the house publishes itself: real clients, tokens, flags, promotion, crashes.
mod generic;
mod hosting;
mod publishing;
mod rows;

// Sick upstreams: cut, reset, wrong, absent, overloaded, slow.
mod faults;

// What each client prints when it is refused.
mod refusals;

// Rules change under a running program.
mod reload;

// What is let in at all: odd bytes, respelled names, hostile upstream documents.
mod door;

// Network mode, in network namespaces of the tests' own.
mod network;
mod trust;

// The same over TLS and HTTP/2, and what is refused there.
mod tls;

// What operators see.
mod explain;
mod metrics;

// The source itself.
mod tidy;
