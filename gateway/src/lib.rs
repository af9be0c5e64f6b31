//! The gateway: composes the rooms and talks to the world.
//!
//! In reading order: [`exchange`] (a request and a reply), [`edge`] (connections and strict heads), [`handlers`] (the
//! flow), [`protocol`] (how each ecosystem speaks), [`origin`] (where bytes come from), [`hosted`] (what was published here), [`state`] (what is remembered beside the cache), [`failure`] (how no is said),
//! [`observe`] (what happened), [`config`] and [`setup`], [`admin`], [`cli`], and [`app`], which wires them.

pub mod access;
pub mod admin;
pub mod app;
pub mod authority;
pub mod bounds;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod edge;
pub mod exchange;
pub mod failure;
pub mod feed;
pub mod handlers;
pub mod hosted;
pub mod network;
pub mod observe;
pub mod origin;
pub mod preflight;
pub mod protocol;
pub mod setup;
pub mod state;
