//! The records of a batch by scope, as OTLP's envelopes want them.

use trace_core::model::{LogBatch, LogRecord, LogScope};

/// The records of each scope together, scopes in the order of their first record.
pub(super) fn by_scope(batch: &LogBatch) -> Vec<(&LogScope, Vec<&LogRecord>)> {
    let mut groups: Vec<(&LogScope, Vec<&LogRecord>)> = Vec::new();
    let mut last = 0;
    for record in batch.iter() {
        let scope = &record.scope;
        if !groups.get(last).is_some_and(|(known, _)| known.is(scope)) {
            // Scopes of one place first: equal ones are compared attribute by attribute.
            let known = groups.iter().position(|(known, _)| known.is(scope));
            let known = known.or_else(|| groups.iter().position(|(known, _)| **known == *scope));
            last = known.unwrap_or_else(|| {
                groups.push((scope, Vec::new()));
                groups.len() - 1
            });
        }
        if let Some((_, records)) = groups.get_mut(last) {
            records.push(record);
        }
    }
    groups
}
