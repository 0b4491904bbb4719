//! The HTTP API, route by route, without a network.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod health;
mod limits;
mod live;
mod monitoring;
mod page;
mod support;
mod traces;
mod workflows;
