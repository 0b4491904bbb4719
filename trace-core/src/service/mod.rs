//! x
mod health;
pub use health::{HealthCheck, HealthChecks};
