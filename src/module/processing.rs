//! From `processing` to processors.

use trace_core::pipeline::PipelineBuilder;
use trace_core::process::EnrichProcessor;

use super::BuildError;
use crate::config::ProcessingConfig;

/// Adds what the configuration asks for. Redaction comes last, so that nothing is added after it.
pub(super) fn add(
    mut builder: PipelineBuilder,
    config: &ProcessingConfig,
) -> Result<PipelineBuilder, BuildError> {
    if !config.enrich.is_empty() {
        let add = |p: EnrichProcessor, (key, value): (&String, &String)| {
            p.set_if_absent(key.clone(), value.clone())
        };
        builder = builder.processor(config.enrich.iter().fold(EnrichProcessor::new(), add));
    }
    if let Some(redact) = &config.redact {
        let processor = redact.build().map_err(|e| BuildError::part("processing.redact", e))?;
        builder = builder.processor(processor);
    }
    Ok(builder)
}
