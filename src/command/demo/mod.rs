//! `mplp-trace demo`: the whole system at work on real requests.
//!
//! The server runs on its embedded store. A client sends it workflows of agents over HTTP. For a while one agent gets
//! far more to do, which detection has to find by itself: nothing else in the system knows of it.

mod client;
mod narrator;
mod run;
mod scene;
mod seen;
mod traffic;

pub(super) use run::run;
