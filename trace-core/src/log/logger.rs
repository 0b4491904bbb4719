//! The handle that emits log records.

use std::sync::Arc;

use super::intake::LogIntake;
use super::limits::LogLimits;
use crate::model::{LogRecord, Timestamp};
use crate::record::{Recorder, current_context, is_suppressed};

/// Emits log records into a pipeline: [`Pipeline::logger`](crate::pipeline::Pipeline::logger). Cheap to clone.
///
/// Nothing is emitted on the pipeline's own threads and wherever telemetry is suppressed, so that exporting is never
/// logged into itself. A pipeline without a destination for logs takes none and counts none.
#[derive(Clone)]
pub struct Logger {
    pub(crate) intake: Arc<LogIntake>,
    pub(crate) recorder: Recorder,
    pub(crate) limits: LogLimits,
}

impl Logger {
    /// Whether a record that is emitted here and now goes anywhere. Ask before doing work for one.
    #[inline]
    pub fn is_enabled(&self) -> bool {
        self.intake.is_wanted() && !is_suppressed()
    }

    /// Emits a record. One without a time of observation is observed now; one without a trace id belongs to the active
    /// span of the thread, whichever door it came through. Never waits; what finds no room is counted.
    pub fn emit(&self, mut record: LogRecord) {
        if !self.is_enabled() {
            return;
        }
        if record.trace_id.is_none()
            && let Some(context) = current_context()
        {
            record.trace_id = Some(context.trace_id);
            record.span_id = Some(context.span_id);
            record.flags = context.flags;
            record.tenant = record.tenant.or(context.tenant);
        }
        self.limit(&mut record);
        self.emit_enabled(record);
    }

    /// The same for a record that is within the limits and has its context, once it is known that it is wanted.
    #[inline]
    pub(super) fn emit_enabled(&self, mut record: LogRecord) {
        if record.observed == Timestamp::default() {
            record.observed = self.recorder.clock().now();
        }
        self.intake.push(record, &self.recorder);
    }

    fn limit(&self, record: &mut LogRecord) {
        let over = record.attributes.len().saturating_sub(self.limits.attributes);
        if over > 0 {
            record.attributes.truncate(self.limits.attributes);
            record.dropped_attributes =
                record.dropped_attributes.saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
        }
        record.attributes.iter_mut().for_each(|(_, value)| self.limits.cut(value));
    }
}

impl std::fmt::Debug for Logger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Logger").field("enabled", &self.is_enabled()).field("limits", &self.limits).finish()
    }
}
