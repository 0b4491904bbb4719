//! The layer: what becomes of an event.

use std::borrow::Cow;

use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;

use super::denied::Denied;
use super::fields::EventFields;
use super::scopes::Scopes;
use crate::env::LogLevel;
use crate::log::Logger;
use crate::model::{LogRecord, LogScope, LogSeverity};
use crate::record::tracing_layer::{event_context, scope_of};

/// Emits `tracing` events as log records.
///
/// | in `tracing` | in the log record |
/// |---|---|
/// | target (for events of the `log` crate theirs) | instrumentation scope |
/// | level | severity number and text: `TRACE` 1, `DEBUG` 5, `INFO` 9, `WARN` 13, `ERROR` 17 |
/// | message | body |
/// | other fields | attributes; those over the limit are counted as dropped |
/// | a field that is a `dyn Error` | the field, `FIELD.chain` with its causes, `exception.message`, `exception.stacktrace` |
/// | a name that the event was given (`name: "..."`) | event name |
/// | the active span, whichever door it came through | trace id, span id, flags, tenant |
///
/// An event with an explicit parent belongs to that `tracing` span if its subscriber is the global default, and to no
/// span otherwise.
///
/// Filter it like any layer, with `with_filter`, which `tracing` caches by call site; [`LogLayer::with_level`] is the quick
/// choice of a level. Events on the pipeline's own threads are never logged. Neither are, wherever they happen, those of
/// the crates that exporters are made of (`hyper`, `h2`, `tokio`, `rustls` and their like), which could be about sending
/// these very records: [`LogLayer::deny`] replaces that list.
///
/// ```
/// use trace_core::log::LogLayer;
/// use trace_core::{pipeline::Pipeline, record::tracing_layer::TraceLayer, testing::CaptureExporter};
/// use tracing_subscriber::layer::SubscriberExt;
/// use tracing_subscriber::filter::LevelFilter;
///
/// let out = CaptureExporter::new();
/// let pipeline = Pipeline::builder().export_logs("out", out.clone()).start()?;
/// let subscriber = tracing_subscriber::registry()
///     // Events go out as log records, so not on spans once more.
///     .with(TraceLayer::new(pipeline.recorder().clone()).with_events(LevelFilter::OFF))
///     .with(LogLayer::new(pipeline.logger()).with_level(LevelFilter::INFO));
/// tracing::subscriber::with_default(subscriber, || {
///     let _span = tracing::info_span!("charge").entered();
///     tracing::warn!(card.brand = "visa", "card expires in {} days", 3);
/// });
/// pipeline.shutdown(std::time::Duration::from_secs(5))?;
/// let record = &out.logs()[0];
/// assert_eq!(record.body.as_str(), Some("card expires in 3 days"));
/// assert!(record.trace_id.is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LogLayer {
    logger: Logger,
    level: LevelFilter,
    denied: Denied,
    location: bool,
    scopes: Scopes,
}

impl LogLayer {
    /// A layer that emits there.
    pub fn new(logger: Logger) -> Self {
        Self {
            logger,
            level: LevelFilter::TRACE,
            denied: Denied::default(),
            location: false,
            scopes: Scopes::default(),
        }
    }

    /// Logs events of these levels only; all by default.
    #[must_use]
    pub fn with_level(mut self, level: impl Into<LevelFilter>) -> Self {
        self.level = level.into();
        self
    }

    /// The same by the level of a configuration.
    #[must_use]
    pub fn with_log_level(self, level: LogLevel) -> Self {
        self.with_level(match level {
            LogLevel::None => LevelFilter::OFF,
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        })
    }

    /// Also records where events are in the source: `code.file.path`, `code.line.number` and `code.module.name`. Off by
    /// default.
    #[must_use]
    pub fn with_location(mut self, location: bool) -> Self {
        self.location = location;
        self
    }

    /// Logs no events of these targets and what is below them, instead of the usual list.
    #[must_use]
    pub fn deny<T: Into<Cow<'static, str>>>(mut self, targets: impl IntoIterator<Item = T>) -> Self {
        self.denied = Denied::new(targets.into_iter().map(Into::into).collect());
        self
    }

    fn locate(&self, metadata: &'static Metadata<'static>, record: &mut LogRecord) {
        let file = metadata.file().map(|file| ("code.file.path", file.into()));
        let line = metadata.line().map(|line| ("code.line.number", line.into()));
        let module = metadata.module_path().map(|module| ("code.module.name", module.into()));
        let room = self.logger.limits.attributes;
        let found = [file, line, module].into_iter().flatten().take(room);
        record.attributes.extend(found.map(|(key, value)| (Cow::Borrowed(key), value)));
    }
}

fn severity(level: &Level) -> LogSeverity {
    match *level {
        Level::TRACE => LogSeverity::TRACE,
        Level::DEBUG => LogSeverity::DEBUG,
        Level::INFO => LogSeverity::INFO,
        Level::WARN => LogSeverity::WARN,
        Level::ERROR => LogSeverity::ERROR,
    }
}

/// The name that `tracing` gives to an event which has none.
fn is_made_up(name: &str) -> bool {
    name.starts_with("event ") || name == "log event"
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        if *metadata.level() > self.level || self.denied.is_site(metadata) || !self.logger.is_enabled() {
            return;
        }
        let from_log = metadata.target() == "log";
        let mut record = LogRecord {
            severity: severity(metadata.level()),
            severity_text: Cow::Borrowed(metadata.level().as_str()),
            scope: LogScope::Static(scope_of(metadata)),
            ..LogRecord::default()
        };
        if let Some(context) = event_context(event) {
            record.trace_id = Some(context.trace_id);
            record.span_id = Some(context.span_id);
            record.flags = context.flags;
            record.tenant = context.tenant;
        }
        if !is_made_up(metadata.name()) {
            record.event_name = Cow::Borrowed(metadata.name());
        }
        // The message is none.
        let fields = metadata.fields().len().saturating_sub(1) + if self.location { 3 } else { 0 };
        if fields > 0 {
            record.attributes.reserve_exact(fields.min(self.logger.limits.attributes));
        }
        if self.location && !from_log {
            self.locate(metadata, &mut record);
        }
        let mut fields = EventFields::new(&mut record, self.logger.limits, from_log, self.location);
        event.record(&mut fields);
        if let Some(target) = fields.target.take() {
            if self.denied.is_target(&target) {
                return;
            }
            record.scope = self.scopes.of(&target).into();
        }
        let now = self.logger.recorder.clock().now();
        (record.time, record.observed) = (now, now);
        self.logger.emit_enabled(record);
    }
}
