//! How long spans took.

use std::time::Duration;

use trace_core::model::{TenantId, TimeRange};
use trace_core::store::{Durations, ReadError, SpanFilter};

use super::hour::Hour;
use super::read_pool::Cancelled;
use super::readers::{Asked, Readers};

/// Reads every span that passes the filter and started inside the range: 1 to 2 µs each. A span that was offered again
/// long after it was stored counts twice.
pub(super) fn durations(
    readers: &mut Readers,
    tenant: &TenantId,
    filter: &SpanFilter,
    range: Option<TimeRange>,
    cancelled: &Cancelled<'_>,
) -> Result<Durations, ReadError> {
    let mut durations = Durations::default();
    let asked = Asked { filter, failed: false };
    let overlaps = |hour: &Hour| range.is_none_or(|r| hour.start() < r.end && hour.end() > r.start);
    for hour in readers.catalog.hours().into_iter().filter(overlaps) {
        let indexed = readers.with(hour, |reader| Ok((reader.indexed.clone(), reader.sources())))?;
        let Some((indexed, sources)) = indexed else { continue };
        let terms = readers.terms(tenant.as_str(), &asked, &indexed);
        for (_, source) in sources {
            readers.with(hour, |reader| {
                for (zone, chunk) in reader.candidates(source, &terms)? {
                    let first = hour.start() + Duration::from_micros(zone.first.into());
                    if cancelled()
                        || range.is_some_and(|r| first >= r.end || hour.last_moment(zone.last) < r.start)
                    {
                        continue;
                    }
                    let Some(chunk) = reader.chunk(chunk)?.filter(|c| c.tenant == tenant.as_str()) else {
                        continue;
                    };
                    for span in chunk.batches.iter().flat_map(|b| b.iter()) {
                        if range.is_none_or(|r| r.contains(span.start())) && filter.matches(span) {
                            let ms = span.duration().as_secs_f64() * 1e3;
                            durations.milliseconds.insert_weighted(ms, span.adjusted_count());
                            durations.errors += u64::from(span.is_error());
                        }
                    }
                }
                Ok(())
            })?;
        }
    }
    Ok(durations)
}
