//! What spans say about performance: windows of rate, errors and duration, the critical path of a trace, baselines
//! and recommendations.

mod baseline;
mod children;
mod measure;
mod performance;
mod recommend;
mod red;
mod sketch;
mod timing;
mod weight;

pub use baseline::{MIN_BASELINE_SIZE, compare_with_baseline};
pub use measure::MeasureProcessor;
pub use performance::{PerformanceContext, TypicalSelfTime, analyze_performance};
pub use recommend::recommend_for_period;
pub use red::{
    ClosedWindow, Observation, OperationProfile, RedConfig, RedPoint, RedQuery, RedRow, RedStats, RedSummary,
    RedWindows, SpanOutcome,
};
pub use sketch::QuantileSketch;
pub use timing::{CriticalStep, SpanTiming, TraceTiming};
