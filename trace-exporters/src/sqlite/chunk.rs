//! Some dozens of spans of one tenant, hour and resource, packed together; whole traces where they arrived together.

use std::collections::HashMap;
use std::sync::Arc;

use trace_core::batch::{SpanBatch, SpanBatchMut};
use trace_core::model::TraceId;

use super::error::FileError;
use super::hour::Hour;
use super::lengths::Length;
use super::recent::{Recent, SpanKey};
use super::run::Zone;
use super::term::{Fact, Term, Terms};
use crate::otlp::{decode_spans, encode_spans};

/// Spans from which on a chunk ends with the next trace. Small enough to be read for one span, large enough to compress.
const SPANS: usize = 64;
/// Spans at which it ends in the middle of a trace.
const MOST_SPANS: usize = 128;
/// A payload that says it is larger than this is damaged.
const MOST_BYTES: usize = 1 << 30;
/// The fastest level of zstd proper; each further one costs a third more for a few percent.
const LEVEL: i32 = 1;

/// A chunk that is to be written.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) hour: Hour,
    pub(super) tenant: String,
    pub(super) service: String,
    /// The distinct names of its spans.
    pub(super) operations: Vec<String>,
    pub(super) zone: Zone,
    pub(super) spans: u64,
    pub(super) found_by: FoundBy,
    /// What is forgotten again if it cannot be written.
    pub(super) keys: Vec<SpanKey>,
    /// Length of the payload before compression.
    pub(super) size: usize,
    /// An OTLP `TracesData`, compressed.
    pub(super) payload: Vec<u8>,
}

/// What the spans of a chunk are found by.
#[derive(Debug, Default)]
pub(super) struct FoundBy {
    /// Everything, each once.
    pub(super) terms: Vec<Term>,
    /// The traces among it.
    pub(super) traces: Vec<Term>,
    /// How long the spans took.
    pub(super) lengths: Arc<[Length]>,
}

/// What was left out while chunks were cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// Spans that are stored already.
    pub(super) duplicates: u64,
    /// Spans of hours that are not kept.
    pub(super) outside: u64,
}

/// Cuts batches into chunks.
pub(super) struct Cutter {
    indexed: Vec<String>,
    terms: Terms,
    compressor: zstd::bulk::Compressor<'static>,
    bytes: Vec<u8>,
}

/// A span's place: tenant, hour, trace by first appearance, row; and its key.
type Place = (u32, Hour, u32, u32, SpanKey);

/// What payloads are compressed by.
pub(super) fn compressor() -> std::io::Result<zstd::bulk::Compressor<'static>> {
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    // SQLite has no checksums of its own.
    compressor.include_checksum(true)?;
    Ok(compressor)
}

impl Cutter {
    pub(super) fn new(indexed: Vec<String>) -> std::io::Result<Self> {
        Ok(Self { indexed, terms: Terms::default(), compressor: compressor()?, bytes: Vec::new() })
    }

    /// Appends the chunks of a batch; what is known already or not kept is left out.
    pub(super) fn cut(
        &mut self,
        batch: &SpanBatch,
        recent: &mut Recent,
        kept: impl Fn(Hour) -> bool,
        out: &mut Vec<Chunk>,
    ) -> Result<LeftOut, FileError> {
        let mut left_out = LeftOut::default();
        let mut tenants: Vec<&str> = Vec::new();
        let mut traces: HashMap<TraceId, u32> = HashMap::new();
        let mut places: Vec<Place> = Vec::with_capacity(batch.len());
        for (row, span) in batch.iter().enumerate() {
            let hour = Hour::of(span.start());
            if !kept(hour) {
                left_out.outside += 1;
                continue;
            }
            let tenant = span.tenant();
            let key = recent.key(tenant, span);
            if !recent.insert(key) {
                left_out.duplicates += 1;
                continue;
            }
            let tenant_at = tenants.iter().position(|t| *t == tenant).unwrap_or_else(|| {
                tenants.push(tenant);
                tenants.len() - 1
            });
            let next = traces.len() as u32;
            let trace = *traces.entry(span.trace_id()).or_insert(next);
            places.push((tenant_at as u32, hour, trace, row as u32, key));
        }
        places.sort_unstable();
        let mut packed_places = 0;
        for group in places.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let mut rest = group;
            while !rest.is_empty() {
                let (chunk, after) = rest.split_at(end_of_chunk(rest));
                let tenant =
                    chunk.first().and_then(|p| tenants.get(p.0 as usize)).copied().unwrap_or_default();
                match self.pack(batch, tenant, chunk) {
                    Ok(packed) => out.push(packed),
                    Err(e) => {
                        // Those before are in `out`, and forgotten by whom it belongs to.
                        places.get(packed_places..).unwrap_or(&[]).iter().for_each(|p| recent.remove(p.4));
                        return Err(e);
                    }
                }
                packed_places += chunk.len();
                rest = after;
            }
        }
        Ok(left_out)
    }

    fn pack(&mut self, batch: &SpanBatch, tenant: &str, places: &[Place]) -> Result<Chunk, FileError> {
        let hour = places.first().map_or(Hour::of(trace_core::model::Timestamp::default()), |p| p.1);
        let resource = batch.resource();
        let mut spans = SpanBatchMut::new(resource.clone());
        let mut zone = Zone { first: u32::MAX, last: 0 };
        let mut operations: Vec<String> = Vec::new();
        for span in places.iter().filter_map(|p| batch.get(p.3 as usize)) {
            spans.push_ref(span);
            let start = hour.micros(span.start());
            zone = Zone { first: zone.first.min(start), last: zone.last.max(start) };
            if !operations.iter().any(|o| o == span.name()) {
                operations.push(span.name().to_owned());
            }
        }
        let spans = [spans.seal()];
        let found_by = facts(&mut self.terms, tenant, &spans, &self.indexed);
        self.bytes.clear();
        spans.iter().for_each(|batch| encode_spans(batch, &mut self.bytes));
        let payload = self.compressor.compress(&self.bytes)?;
        Ok(Chunk {
            hour,
            tenant: tenant.to_owned(),
            service: resource.service_name().to_owned(),
            operations,
            zone,
            spans: places.len() as u64,
            found_by,
            keys: places.iter().map(|p| p.4).collect(),
            size: self.bytes.len(),
            payload,
        })
    }

    /// What a chunk that is read back is found by, given the attributes that are indexed in its file.
    pub(super) fn facts_again(&mut self, tenant: &str, spans: &[SpanBatch], indexed: &[String]) -> FoundBy {
        facts(&mut self.terms, tenant, spans, indexed)
    }
}

/// What the spans of a chunk are found by.
fn facts(terms: &mut Terms, tenant: &str, spans: &[SpanBatch], indexed: &[String]) -> FoundBy {
    let mut found = vec![terms.of(tenant, Fact::Tenant)];
    let mut traces = Vec::new();
    let mut lengths = Vec::with_capacity(spans.iter().map(SpanBatch::len).sum());
    let mut names: Vec<(&str, Term)> = Vec::new();
    let is_indexed = |key: &str| indexed.iter().any(|i| i == key);
    for batch in spans {
        let resource = batch.resource();
        found.push(terms.of(tenant, Fact::Service(resource.service_name())));
        for attribute in resource.attributes.iter().filter(|a| is_indexed(&a.key)) {
            found.push(terms.of(tenant, Fact::Attribute(&attribute.key, attribute.value.as_ref())));
        }
        let mut trace = None;
        for span in batch.iter() {
            if trace.replace(span.trace_id()) != Some(span.trace_id()) {
                traces.push(terms.of(tenant, Fact::Trace(span.trace_id())));
            }
            let operation = match names.iter().find(|(name, _)| *name == span.name()) {
                Some((_, term)) => *term,
                None => {
                    let term = terms.of(tenant, Fact::Operation(span.name()));
                    names.push((span.name(), term));
                    found.push(term);
                    term
                }
            };
            lengths.push(Length::of(span, operation));
            if span.is_error() {
                found.push(terms.of(tenant, Fact::Error));
            }
            for (key, value) in span.attributes().filter(|(key, _)| is_indexed(key)) {
                found.push(terms.of(tenant, Fact::Attribute(key, value)));
            }
        }
    }
    found.extend(&traces);
    found.sort_unstable();
    found.dedup();
    FoundBy { terms: found, traces, lengths: lengths.into() }
}

/// Where the first chunk of these ends: behind a trace, unless it is too long.
fn end_of_chunk(places: &[Place]) -> usize {
    if places.len() <= MOST_SPANS {
        // No tiny rest.
        if places.len() <= SPANS + SPANS / 2 {
            return places.len();
        }
    }
    let behind = |at: &usize| places.get(*at).is_none_or(|p| places.get(*at - 1).is_some_and(|q| q.2 != p.2));
    (SPANS..MOST_SPANS.min(places.len())).find(behind).unwrap_or(MOST_SPANS.min(places.len()))
}

/// Reads chunks.
pub(super) struct Opener {
    decompressor: zstd::bulk::Decompressor<'static>,
}

impl Opener {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { decompressor: zstd::bulk::Decompressor::new()? })
    }

    /// The spans of a payload that had this length.
    pub(super) fn open(&mut self, payload: &[u8], size: usize) -> Result<Vec<SpanBatch>, FileError> {
        if size > MOST_BYTES {
            return Err(FileError::Damaged("a chunk says that it is larger than 1 GiB"));
        }
        // Before memory is taken for it: the frame says how much it holds too.
        if zstd::zstd_safe::get_frame_content_size(payload).ok().flatten() != Some(size as u64) {
            return Err(FileError::Damaged("a chunk is not of the size that it says"));
        }
        let bytes = self
            .decompressor
            .decompress(payload, size)
            .map_err(|_| FileError::Damaged("a chunk cannot be decompressed"))?;
        let decoded = decode_spans(&bytes).map_err(|_| FileError::Damaged("a chunk holds no spans"))?;
        Ok(decoded.batches.into_iter().map(SpanBatchMut::seal).collect())
    }
}
