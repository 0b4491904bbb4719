//! How long spans took.

use std::time::Duration;

use trace_core::model::{TenantId, TimeRange};
use trace_core::store::{Durations, ReadError, SpanFilter};

use super::error::FileError;
use super::hour::Hour;
use super::hour_reader::{HourReader, Source};
use super::lengths::{Length, Wanted};
use super::read_pool::Cancelled;
use super::readers::{Asked, Readers};
use super::run::Zone;
use super::term::Term;

/// Of every span that passes the filter and started inside the range. The lengths of spans lie beside the chunks; a chunk is
/// read itself, at 1 to 2 µs a span, if an attribute is asked for, if the range begins or ends within it, or if its lengths
/// cannot be read. A span that was offered again long after it was stored counts twice.
pub(super) fn durations(
    readers: &mut Readers,
    tenant: &TenantId,
    filter: &SpanFilter,
    range: Option<TimeRange>,
    cancelled: &Cancelled<'_>,
) -> Result<Durations, ReadError> {
    let asked = Asked { filter, failed: false };
    let operation = filter.operation.as_ref().map(|name| readers.operation_term(tenant.as_str(), name));
    let wanted = Wanted { operation, kind: filter.kind, status: filter.status };
    let mut sum = Sum {
        tenant: tenant.as_str(),
        filter,
        range,
        // A chunk has one service, which its postings name.
        wanted: filter.attributes.is_empty().then_some(wanted),
        found: Vec::new(),
        durations: Durations::default(),
    };
    let overlaps = |hour: &Hour| range.is_none_or(|r| hour.start() < r.end && hour.end() > r.start);
    for hour in readers.catalog.hours().into_iter().filter(overlaps) {
        let indexed = readers.with(hour, |reader| Ok((reader.indexed.clone(), reader.sources())))?;
        let Some((indexed, sources)) = indexed else { continue };
        let terms = readers.terms(tenant.as_str(), &asked, &indexed);
        for (_, source) in sources {
            readers.with(hour, |reader| sum.add(reader, hour, source, &terms, cancelled))?;
        }
    }
    Ok(sum.durations)
}

struct Sum<'a> {
    tenant: &'a str,
    filter: &'a SpanFilter,
    range: Option<TimeRange>,
    /// The filter, if lengths alone can answer it.
    wanted: Option<Wanted>,
    found: Vec<Length>,
    durations: Durations,
}

impl Sum<'_> {
    fn add(
        &mut self,
        reader: &mut HourReader,
        hour: Hour,
        source: Source,
        terms: &[Term],
        cancelled: &Cancelled<'_>,
    ) -> Result<(), FileError> {
        for (zone, chunk) in reader.candidates(source, terms)? {
            if cancelled() || self.is_outside(hour, zone) {
                continue;
            }
            if let Some(wanted) = self.wanted.filter(|_| self.is_inside(hour, zone))
                && reader.lengths(source, chunk, &wanted, &mut self.found)?
            {
                for length in self.found.drain(..) {
                    let ms = Duration::from_nanos(length.nanos).as_secs_f64() * 1e3;
                    self.durations.milliseconds.insert_weighted(ms, length.weight);
                    self.durations.errors += u64::from(length.is_error());
                }
                continue;
            }
            let Some(chunk) = reader.chunk(chunk)?.filter(|c| c.tenant == self.tenant) else { continue };
            for span in chunk.batches.iter().flat_map(|b| b.iter()) {
                if self.range.is_none_or(|r| r.contains(span.start())) && self.filter.matches(span) {
                    let ms = span.duration().as_secs_f64() * 1e3;
                    self.durations.milliseconds.insert_weighted(ms, span.adjusted_count());
                    self.durations.errors += u64::from(span.is_error());
                }
            }
        }
        Ok(())
    }

    /// Whether no span of a chunk started inside of the range.
    fn is_outside(&self, hour: Hour, zone: Zone) -> bool {
        self.range.is_some_and(|r| first_moment(hour, zone) >= r.end || hour.last_moment(zone.last) < r.start)
    }

    /// Whether every span did.
    fn is_inside(&self, hour: Hour, zone: Zone) -> bool {
        self.range.is_none_or(|r| first_moment(hour, zone) >= r.start && hour.last_moment(zone.last) < r.end)
    }
}

fn first_moment(hour: Hour, zone: Zone) -> trace_core::model::Timestamp {
    hour.start() + Duration::from_micros(zone.first.into())
}
