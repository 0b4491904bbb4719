//! A sample that can wait in a queue, and how a window becomes one.

use std::time::Duration;

use crate::analyze::ClosedWindow;
use crate::model::{TenantId, Timestamp, TraceIds};
use crate::signal::Sample;

/// An owned [`Sample`].
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedSample {
    /// The owner of the series.
    pub tenant: TenantId,
    /// The service; with the operation it names the series.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// The end of the window.
    pub time: Timestamp,
    /// The length of the window.
    pub window: Duration,
    /// Names and values; see [`Sample::features`].
    pub features: Vec<(&'static str, f64)>,
    /// How many events the window holds.
    pub events: u64,
    /// A trace that is typical for the upper end of the window.
    pub exemplar: Option<TraceIds>,
}

impl OwnedSample {
    /// The series in the form `service/operation`.
    pub fn series(&self) -> String {
        format!("{}/{}", self.service, self.operation)
    }

    /// The borrowed form, with the text that [`OwnedSample::series`] made.
    pub fn as_sample<'a>(&'a self, series: &'a str) -> Sample<'a> {
        Sample {
            tenant: &self.tenant,
            series,
            time: self.time,
            window: self.window,
            features: &self.features,
            events: self.events,
            exemplar: self.exemplar,
        }
    }

    /// The sample of a window that ended at `time`: `self_time_ms` (the median), `self_time_p95_ms`,
    /// `error_rate_percent`, and `rate_per_s` if asked for.
    pub(super) fn of_window(w: ClosedWindow, time: Timestamp, window: Duration, rate: bool) -> Self {
        let quantile = |q| w.self_time_ms.quantile(q).unwrap_or(f64::NAN);
        let mut features = vec![
            ("self_time_ms", quantile(0.5)),
            ("self_time_p95_ms", quantile(0.95)),
            ("error_rate_percent", 100.0 * w.errors as f64 / w.count.max(1) as f64),
        ];
        if rate {
            features.push(("rate_per_s", w.count as f64 / window.as_secs_f64()));
        }
        Self {
            tenant: w.tenant,
            service: w.service,
            operation: w.operation,
            time,
            window,
            features,
            events: w.observed,
            exemplar: w.slowest,
        }
    }
}
