//! From `processing` to processors.

use trace_core::pipeline::PipelineBuilder;
use trace_core::process::{EnrichProcessor, ResourceProcessor};

use super::BuildError;
use crate::config::ProcessingConfig;

/// Adds what the configuration asks for. Redaction comes last, so that nothing is added after it.
pub(super) fn add(
    mut builder: PipelineBuilder,
    config: &ProcessingConfig,
) -> Result<PipelineBuilder, BuildError> {
    let (filled, replaced) = config.resource.resources();
    if !config.resource.enrich.is_empty() {
        builder = builder.processor(ResourceProcessor::filling(filled));
    }
    if !config.resource.overwrite.is_empty() {
        builder = builder.processor(ResourceProcessor::replacing(replaced));
    }
    if !config.enrich.is_empty() || !config.overwrite.is_empty() {
        let mut enrich = EnrichProcessor::new();
        for (key, value) in &config.enrich {
            enrich = enrich.set_if_absent(key.clone(), value.clone());
        }
        for (key, value) in &config.overwrite {
            enrich = enrich.set(key.clone(), value.clone());
        }
        builder = builder.processor(enrich);
    }
    if let Some(redact) = &config.redact {
        let processor = redact.build().map_err(|e| BuildError::part("processing.redact", e))?;
        builder = builder.processor(processor);
    }
    Ok(builder)
}
