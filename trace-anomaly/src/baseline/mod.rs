//! What is normal for one feature of one series: a robust centre and spread, and how far a value is from them.
//!
//! [`FeatureScale`] says on which axis a feature is compared, [`RobustBaseline`] learns the centre and the spread,
//! and [`residual_surprise`] turns a residual into nats of surprise.

mod robust;
mod scale;
mod surprise;
#[cfg(test)]
mod tests;

pub use robust::{Pace, RobustBaseline};
pub use scale::{Axis, FeatureScale};
pub use surprise::{residual_surprise, surprise_to_residual};
