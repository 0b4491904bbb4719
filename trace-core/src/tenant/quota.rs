//! How much one tenant may send.

/// How much one tenant may send; `None` is without limit, and everything is by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Quota {
    /// Spans a second in the long run. Over it, spans are dropped for the reason `quota`.
    pub spans_per_second: Option<f64>,
    /// Spans that may come at once after a quiet time; by default those of one second.
    pub span_burst: Option<u64>,
    /// Different metric series in the life of the process: metric, scope and attributes. Points of further ones are
    /// dropped.
    pub series: Option<usize>,
    /// Firing alerts a minute, which may also come at once. Ends of alerts always pass.
    pub alerts_per_minute: Option<u32>,
}

impl Quota {
    /// Rate and capacity of the bucket for spans.
    pub(super) fn spans(&self) -> Option<(f64, f64)> {
        let rate = self.spans_per_second?.max(0.0);
        Some((rate, self.span_burst.map_or(rate, |n| n as f64)))
    }

    /// Rate and capacity of the bucket for alerts.
    pub(super) fn alerts(&self) -> Option<(f64, f64)> {
        let n = f64::from(self.alerts_per_minute?);
        Some((n / 60.0, n))
    }
}
