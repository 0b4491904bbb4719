//! What Zipkin's clients send: a JSON list of v2 spans.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use trace_core::batch::SpanBatchMut;
use trace_core::model::{Resource, SpanData};

use self::span::Incoming;
use super::shared;
use crate::decoded::Decoded;

mod span;
mod tags;

/// The most spans of one request: more than any client batches.
const MAX_SPANS: usize = 100_000;
/// The most services of one request: each becomes a batch.
const MAX_SERVICES: usize = 1000;
/// The most tags and annotations that are kept of a span; the others are counted as dropped.
const MAX_LIST: usize = 4096;

/// A body that is no list of spans.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It is not JSON, or no list.
    #[error("the body is no JSON list of Zipkin v2 spans: {reason}")]
    Malformed {
        /// What is wrong, and where.
        reason: String,
    },
    /// There are more spans than are taken at once.
    #[error("the body has more than {limit} spans; so many are taken at once")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}

/// The spans of a body of `POST /api/v2/spans`: a batch for each service.
///
/// Unknown fields are passed over. A span that cannot be read is left out and counted: without a time, or with an id that
/// is none. Trace ids of 64 bits are padded. All spans count as sampled, since only those are reported. A server's span
/// that shares its id with the client's gets one of its own, always the same, and becomes the client's child; its
/// children follow it as far as they are in the same request.
///
/// # Errors
/// If the body is no JSON list, or holds more than 100 000 spans.
pub fn decode_json(body: &[u8]) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    decode_json_within(body, MAX_SPANS)
}

/// The same with another limit of spans.
pub(crate) fn decode_json_within(body: &[u8], most: usize) -> Result<Decoded<SpanBatchMut>, DecodeError> {
    let mut collected = Collected {
        spans: Vec::new(),
        services: HashMap::new(),
        decoded: Decoded::new(),
        too_many: false,
        most,
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_seq(&mut collected).and_then(|()| json.end());
    if collected.too_many {
        return Err(DecodeError::TooMany { limit: most });
    }
    read.map_err(|error| DecodeError::Malformed { reason: error.to_string() })?;
    Ok(collected.finish())
}

/// A span with what does not belong into it.
pub(super) struct Found {
    /// The index of its service.
    pub(super) service: usize,
    pub(super) span: SpanData,
    pub(super) shared: bool,
}

struct Collected {
    spans: Vec<Found>,
    services: HashMap<String, usize>,
    decoded: Decoded<SpanBatchMut>,
    too_many: bool,
    most: usize,
}

impl Collected {
    fn take(&mut self, raw: &RawValue) {
        let read = serde_json::from_str::<Incoming>(raw.get())
            .map_err(|_| "a span is not of Zipkin's form")
            .and_then(Incoming::read);
        let (span, service, shared) = match read {
            Ok(read) => read,
            Err(reason) => return self.decoded.reject(reason),
        };
        let next = self.services.len();
        let service = match self.services.get(&service) {
            Some(known) => *known,
            None if next == MAX_SERVICES => return self.decoded.reject("spans of too many services at once"),
            None => *self.services.entry(service).or_insert(next),
        };
        self.spans.push(Found { service, span, shared });
    }

    fn finish(mut self) -> Decoded<SpanBatchMut> {
        shared::separate(&mut self.spans);
        let mut names: Vec<(usize, String)> = self.services.into_iter().map(|(name, i)| (i, name)).collect();
        names.sort_unstable();
        let resource = |name: String| match name.is_empty() {
            true => Resource::default(),
            false => Resource::service(name),
        };
        let batches = &mut self.decoded.batches;
        batches.extend(names.into_iter().map(|(_, name)| SpanBatchMut::new(Arc::new(resource(name)))));
        for Found { service, span, .. } in self.spans {
            batches[service].push(span);
        }
        self.decoded
    }
}

impl<'de> Visitor<'de> for &mut Collected {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(raw) = list.next_element::<&RawValue>()? {
            if self.spans.len() as u64 + self.decoded.rejected == self.most as u64 {
                self.too_many = true;
                return Err(serde::de::Error::custom("too many spans"));
            }
            self.take(raw);
        }
        Ok(())
    }
}
