//! What spans say about performance: windows of rate, errors and duration, the critical path of a trace, baselines,
//! comparisons of periods, and recommendations.

mod baseline;
mod children;
mod compare;
mod measure;
mod performance;
mod recommend;
mod red;
mod significance;
mod sketch;
mod timing;

pub use baseline::{MIN_BASELINE_SIZE, compare_with_baseline};
pub use compare::{
    ChangeKind, Comparison, LatencyChange, MIN_COMPARED, OperationChange, PeriodNumbers, compare_periods,
};
pub use measure::MeasureProcessor;
pub use performance::{PerformanceContext, TypicalSelfTime, analyze_performance};
pub use recommend::recommend_for_period;
pub use red::{
    ClosedWindow, Observation, OperationProfile, RedConfig, RedPoint, RedQuery, RedRow, RedStats, RedSummary,
    RedWindows, SpanOutcome,
};
pub use significance::RateDifference;
pub use sketch::QuantileSketch;
pub use timing::{CriticalStep, SpanTiming, TraceTiming};
