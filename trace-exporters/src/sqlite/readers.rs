//! The files that one reading thread has open.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use trace_core::batch::{SpanRef, StatusCode};
use trace_core::model::{TraceId, ValueRef};
use trace_core::store::{AttributeTest, ReadError, SpanFilter, StoredSpan};

use super::catalog::{Catalog, HourShared};
use super::error::FileError;
use super::hour::Hour;
use super::hour_reader::HourReader;
use super::job::Job;
use super::term::{Fact, Term, Terms};

/// Files open at once in one thread; each has up to three handles and 4 MiB of cache.
const OPEN: usize = 64;

/// The files that one reading thread has open.
pub(super) struct Readers {
    pub(super) catalog: Arc<Catalog>,
    jobs: Sender<Job>,
    /// The last used last.
    open: Vec<HourReader>,
    terms: Terms,
}

impl Readers {
    pub(super) fn new(catalog: Arc<Catalog>, jobs: Sender<Job>) -> Self {
        Self { catalog, jobs, open: Vec::new(), terms: Terms::default() }
    }

    /// Ends a question: files that are gone are closed.
    pub(super) fn end(&mut self) {
        self.open.iter_mut().for_each(HourReader::end);
        self.open.retain(HourReader::is_current);
    }

    /// Does something with the file of an hour; `None` if there is none, or it is damaged and now set aside.
    pub(super) fn with<T>(
        &mut self,
        hour: Hour,
        act: impl FnOnce(&mut HourReader) -> Result<T, FileError>,
    ) -> Result<Option<T>, ReadError> {
        let Some(shared) = self.catalog.get(hour) else { return Ok(None) };
        let result = self.reader(hour, &shared).and_then(|reader| {
            reader.begin()?;
            act(reader)
        });
        match result {
            Ok(done) => Ok(Some(done)),
            // Deleted or set aside meanwhile.
            Err(_) if !self.catalog.get(hour).is_some_and(|now| Arc::ptr_eq(&now, &shared)) => Ok(None),
            Err(e) if e.is_damage() => {
                self.open.retain(|r| r.hour != hour);
                // The writer may have ended; then the next start sets it aside.
                let _ = self.jobs.send(Job::SetAside(hour, shared, e.to_string()));
                Ok(None)
            }
            Err(e) => Err(e.read(&hour.file_name())),
        }
    }

    fn reader(&mut self, hour: Hour, shared: &Arc<HourShared>) -> Result<&mut HourReader, FileError> {
        let at = self.open.iter().position(|r| r.hour == hour && Arc::ptr_eq(&r.shared, shared));
        let reader = match at {
            Some(at) => self.open.remove(at),
            None => {
                if self.open.len() >= OPEN {
                    self.open.remove(0);
                }
                HourReader::open(hour, shared.clone(), self.catalog.clone())?
            }
        };
        self.open.push(reader);
        self.open.last_mut().ok_or(FileError::Damaged("no file is open"))
    }

    /// What a span that passes the filter is found by, given the attributes that are indexed. Never empty.
    pub(super) fn terms(&mut self, tenant: &str, asked: &Asked<'_>, indexed: &[String]) -> Vec<Term> {
        let filter = asked.filter;
        let mut facts = Vec::new();
        for condition in &filter.attributes {
            if let AttributeTest::Equals(text) = &condition.test
                && indexed.contains(&condition.key)
            {
                facts.push(Fact::Attribute(&condition.key, ValueRef::String(text)));
            }
        }
        if filter.status == Some(StatusCode::Error) || asked.failed {
            facts.push(Fact::Error);
        }
        facts.extend(filter.operation.as_deref().map(Fact::Operation));
        facts.extend(filter.service.as_deref().map(Fact::Service));
        if facts.is_empty() {
            facts.push(Fact::Tenant);
        }
        facts.into_iter().map(|fact| self.terms.of(tenant, fact)).collect()
    }

    /// The number of an operation.
    pub(super) fn operation_term(&mut self, tenant: &str, name: &str) -> Term {
        self.terms.of(tenant, Fact::Operation(name))
    }

    /// The number of a trace.
    pub(super) fn trace_term(&mut self, tenant: &str, id: TraceId) -> Term {
        self.terms.of(tenant, Fact::Trace(id))
    }
}

/// What a span must be like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    pub(super) filter: &'a SpanFilter,
    /// It must have failed.
    pub(super) failed: bool,
}

impl Asked<'_> {
    pub(super) fn matches(&self, span: SpanRef<'_>) -> bool {
        (!self.failed || span.is_error()) && self.filter.matches(span)
    }
}

/// A span with its resource, owned.
pub(super) fn stored(span: SpanRef<'_>, resource: &Arc<trace_core::model::Resource>) -> StoredSpan {
    StoredSpan { resource: resource.clone(), span: span.to_span_data() }
}
