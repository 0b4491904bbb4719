//! Log records: the OpenTelemetry logs data model.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::{AnyValue, LogSeverity, Resource, Scope, SpanId, TenantTag, Timestamp, TraceFlags, TraceId};

/// One log record.
///
/// Source: <https://opentelemetry.io/docs/specs/otel/logs/data-model/>.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogRecord {
    /// When it happened; zero if that is not known.
    pub time: Timestamp,
    /// When it was seen by whoever made this record.
    pub observed: Timestamp,
    /// How grave it is, as a number.
    pub severity: LogSeverity,
    /// How grave it is, in the words of the source; may be empty.
    pub severity_text: Cow<'static, str>,
    /// What it says: mostly a text.
    pub body: AnyValue,
    /// Further description.
    pub attributes: Vec<(Cow<'static, str>, AnyValue)>,
    /// Attributes for which there was no room.
    pub dropped_attributes: u32,
    /// The trace in which it happened.
    pub trace_id: Option<TraceId>,
    /// The span in which it happened.
    pub span_id: Option<SpanId>,
    /// The flags of that trace.
    pub flags: TraceFlags,
    /// The name of the event, if records of this name all have one form; may be empty.
    pub event_name: Cow<'static, str>,
    /// Who logged: by convention the name of the logger, such as a module path.
    pub scope: LogScope,
    /// The tenant of the span in which it happened.
    pub tenant: TenantTag,
}

/// The scope of a log record: a constant of the program, or shared.
#[derive(Clone)]
pub enum LogScope {
    /// Known for the life of the program.
    Static(&'static Scope),
    /// Shared among records.
    Shared(Arc<Scope>),
}

impl LogScope {
    /// Whether both are one and the same place in memory; equal scopes need not be.
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq::<Scope>(&**self, &**other)
    }
}

impl std::ops::Deref for LogScope {
    type Target = Scope;
    fn deref(&self) -> &Scope {
        match self {
            Self::Static(s) => s,
            Self::Shared(s) => s,
        }
    }
}

impl std::fmt::Debug for LogScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for LogScope {
    fn eq(&self, other: &Self) -> bool {
        self.is(other) || **self == **other
    }
}

impl Default for LogScope {
    fn default() -> Self {
        static NAMELESS: Scope = Scope::from_static("", "");
        Self::Static(&NAMELESS)
    }
}

impl From<Arc<Scope>> for LogScope {
    fn from(scope: Arc<Scope>) -> Self {
        Self::Shared(scope)
    }
}

impl LogRecord {
    /// A record that says this.
    pub fn new(severity: LogSeverity, body: impl Into<AnyValue>) -> Self {
        Self { severity, severity_text: Cow::Borrowed(severity.name()), body: body.into(), ..Self::default() }
    }

    /// The first value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&AnyValue> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// About how much memory it takes, in bytes.
    pub fn byte_size(&self) -> usize {
        let attribute = |(k, v): &(Cow<'_, str>, AnyValue)| {
            size_of::<(Cow<'_, str>, AnyValue)>() + k.len() + v.heap_bytes()
        };
        size_of::<Self>() + self.body.heap_bytes() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// Log records of one resource, while they can still be changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogBatchMut {
    /// What produced them.
    pub resource: Arc<Resource>,
    /// The records.
    pub records: Vec<LogRecord>,
}

/// Log records of one resource. Clones and slices share the records.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    resource: Arc<Resource>,
    /// Runs of records; none is empty.
    parts: Vec<Part>,
    len: usize,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Part {
    records: Arc<Vec<LogRecord>>,
    range: Range<usize>,
}

impl Part {
    fn records(&self) -> &[LogRecord] {
        self.records.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<LogBatchMut> for LogBatch {
    fn from(batch: LogBatchMut) -> Self {
        Self::new(batch.resource, batch.records)
    }
}

impl LogBatch {
    /// These records.
    pub fn new(resource: Arc<Resource>, records: Vec<LogRecord>) -> Self {
        let range = 0..records.len();
        Self::of(resource, vec![Part { records: Arc::new(records), range }])
    }

    fn of(resource: Arc<Resource>, mut parts: Vec<Part>) -> Self {
        parts.retain(|p| !p.range.is_empty());
        let len = parts.iter().map(|p| p.range.len()).sum();
        let bytes = parts.iter().flat_map(Part::records).map(LogRecord::byte_size).sum();
        Self { resource, parts, len, bytes }
    }

    /// What produced them.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// About how much memory the records take, in bytes.
    pub fn byte_size(&self) -> usize {
        self.bytes
    }

    /// The records in order.
    pub fn iter(&self) -> impl Iterator<Item = &LogRecord> + Clone {
        self.parts.iter().flat_map(Part::records)
    }

    /// Some of the records, without copying them.
    ///
    /// # Panics
    /// If the range does not lie within the batch.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} is not within 0..{}", self.len);
        let mut before = 0;
        let mut parts = Vec::new();
        for part in &self.parts {
            let n = part.range.len();
            let from = range.start.saturating_sub(before).min(n);
            let to = range.end.saturating_sub(before).min(n);
            before += n;
            if from < to {
                let range = part.range.start + from..part.range.start + to;
                parts.push(Part { records: part.records.clone(), range });
            }
        }
        Self::of(self.resource.clone(), parts)
    }

    /// Joins neighbours of one resource, without copying records.
    pub fn concat(batches: Vec<Self>) -> Vec<Self> {
        let mut joined: Vec<Self> = Vec::with_capacity(1);
        for batch in batches.into_iter().filter(|b| !b.is_empty()) {
            match joined.last_mut() {
                Some(last)
                    if Arc::ptr_eq(&last.resource, &batch.resource) || last.resource == batch.resource =>
                {
                    last.len += batch.len;
                    last.bytes += batch.bytes;
                    last.parts.extend(batch.parts);
                }
                _ => joined.push(batch),
            }
        }
        joined
    }
}

impl PartialEq for LogBatch {
    fn eq(&self, other: &Self) -> bool {
        self.resource == other.resource && self.len == other.len && self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(service: &'static str, bodies: Range<i64>) -> LogBatch {
        let records = bodies.map(|n| LogRecord::new(LogSeverity::INFO, n)).collect();
        LogBatch::new(Arc::new(Resource::service(service)), records)
    }

    fn bodies(batch: &LogBatch) -> Vec<String> {
        batch.iter().map(|r| r.body.to_string()).collect()
    }

    proptest! {
        #[test]
        fn slices_of_joined_batches_are_slices_of_all_records(
            sizes in prop::collection::vec(0i64..5, 0..6),
            (from, to) in (0usize..30, 0usize..30),
        ) {
            let mut next = 0;
            let parts = sizes.iter().map(|n| { next += n; batch("s", next - n..next) }).collect();
            let Some(all) = LogBatch::concat(parts).pop() else { return Ok(()) };
            prop_assert_eq!(all.len() as i64, next);
            let to = to.min(all.len());
            let from = from.min(to);
            let slice = all.slice(from..to);
            let whole = bodies(&all);
            prop_assert_eq!(&bodies(&slice)[..], &whole[from..to]);
            let bytes: usize = slice.iter().map(LogRecord::byte_size).sum();
            prop_assert_eq!(slice.byte_size(), bytes);
        }
    }

    #[test]
    fn batches_of_other_resources_stay_apart() {
        let joined = LogBatch::concat(vec![batch("a", 0..1), batch("a", 1..2), batch("b", 2..3)]);
        assert_eq!(joined.iter().map(LogBatch::len).collect::<Vec<_>>(), [2, 1]);
    }
}
