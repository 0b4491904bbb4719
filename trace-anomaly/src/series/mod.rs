//! One series: a baseline and a calibration for each feature, and what they say together.

mod detector;
mod model;

pub use detector::{SeriesConfig, SeriesDetector};
pub(crate) use model::{ForestVote, Rules, SeriesModel};
