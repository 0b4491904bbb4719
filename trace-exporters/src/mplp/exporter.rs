//! The exporter: traces to documents in a folder.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use trace_core::batch::{SpanBatch, SpanBatchMut, SpanRef};
use trace_core::model::{Resource, SpanId, TraceId};
use trace_core::signal::{ExportError, SpanExporter};

use super::config::{MplpConfig, MplpConfigError};
use super::decode::decode_document;
use super::encode::{document, text, traces};
use super::folder::Folder;
use super::id::Uuid;

/// Writes each trace as a Trace document of its own, `FOLDER/TRACE_ID.json`.
///
/// A trace that arrives in several batches is one document: what is there is read, completed and replaced as a whole.
/// Until its root has arrived, its first orphan stands in for it. A span that arrives twice is there once.
///
/// Files are written within `export`, and synced to the disk: this is for the traces of agents at work, not for a
/// service's thousands a second.
pub struct MplpExporter {
    config: MplpConfig,
    folder: Mutex<Folder>,
}

impl MplpExporter {
    /// Checks the configuration and makes the folder.
    ///
    /// # Errors
    /// If the configuration cannot work, or the folder cannot be made or read.
    pub fn new(config: &MplpConfig) -> Result<Self, MplpConfigError> {
        config.validate()?;
        let fail = |reason| MplpConfigError::Folder { folder: config.folder.clone(), reason };
        let folder = Folder::open(&config.folder).map_err(fail)?;
        Ok(Self { config: config.clone(), folder: Mutex::new(folder) })
    }

    /// How many of the spans were left out, and why.
    fn write(
        &self,
        folder: &mut Folder,
        id: TraceId,
        new: &[SpanRef<'_>],
        resource: &Resource,
    ) -> io::Result<Option<(u64, String)>> {
        let file = Uuid::of_trace(id);
        let there = folder.read(file)?;
        if there.is_none() && folder.documents() >= self.config.max_documents {
            let reason = format!("the folder has {} documents, as many as it may", folder.documents());
            return Ok(Some((new.len() as u64, reason)));
        }
        let old: Option<SpanBatchMut> = match there.map(|bytes| decode_document(&bytes)) {
            None => None,
            Some(Ok(batch)) => Some(batch),
            Some(Err(error)) => {
                let reason = format!("{file}.json is there and cannot be completed: {error}");
                return Ok(Some((new.len() as u64, reason)));
            }
        };
        // The order of arrival; the newer of two with one id.
        let mut places: HashMap<SpanId, usize> = HashMap::new();
        let mut spans: Vec<SpanRef<'_>> = Vec::new();
        let mut left_out = 0;
        for span in old.iter().flat_map(|batch| batch.iter()).chain(new.iter().copied()) {
            match places.get(&span.span_id()) {
                Some(place) => spans[*place] = span,
                None if spans.len() == self.config.max_spans_per_document => left_out += 1,
                None => {
                    places.insert(span.span_id(), spans.len());
                    spans.push(span);
                }
            }
        }
        let Some(document) = document(&spans, resource, self.config.context_id.as_deref()) else {
            let reason = "a trace names no MPLP Context by mplp.context.id, and context_id is not configured";
            return Ok(Some((new.len() as u64, reason.to_owned())));
        };
        folder.write(file, &text(&document))?;
        let limit = self.config.max_spans_per_document;
        Ok((left_out > 0).then(|| (left_out, format!("{file}.json has {limit} spans, as many as it may"))))
    }
}

#[async_trait]
impl SpanExporter for MplpExporter {
    async fn export(&self, batch: &SpanBatch) -> Result<(), ExportError> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rejected = 0;
        let mut reason = None;
        for (id, spans) in traces(batch) {
            match self.write(&mut folder, id, &spans, batch.resource()) {
                Ok(None) => {}
                Ok(Some((count, why))) => {
                    rejected += count;
                    reason.get_or_insert(why);
                }
                // Spans that are written already are replaced by themselves when the batch comes again.
                Err(error) => {
                    let text = format!("{}: cannot be written: {error}", self.config.folder.display());
                    return Err(ExportError::retryable(text).caused_by(error));
                }
            }
        }
        match reason {
            None => Ok(()),
            Some(reason) => Err(ExportError::partial(rejected, reason)),
        }
    }
}

impl fmt::Debug for MplpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MplpExporter").field("config", &self.config).finish_non_exhaustive()
    }
}
