//! The records of a batch by scope, as OTLP's envelopes want them.

use std::collections::HashMap;
use std::ptr;

use trace_core::model::{LogBatch, LogRecord, LogScope, Scope};

/// Equal scopes that lie at different places are looked for among the last so many. Programs have fewer; a request from
/// outside may have one for each record, and to compare all of them each time would take the square of that.
const LOOKED_AT: usize = 64;

/// The records of each scope together, scopes in the order of their first record. Beyond a number of scopes that programs do
/// not have, a scope may be there twice.
pub(super) fn by_scope(batch: &LogBatch) -> Vec<(&LogScope, Vec<&LogRecord>)> {
    let mut groups: Vec<(&LogScope, Vec<&LogRecord>)> = Vec::new();
    let mut places = HashMap::new();
    let mut last = 0;
    for record in batch.iter() {
        let scope = &record.scope;
        if !groups.get(last).is_some_and(|(known, _)| known.is(scope)) {
            last = *places.entry(ptr::from_ref::<Scope>(scope)).or_insert_with(|| {
                let first = groups.len().saturating_sub(LOOKED_AT);
                let equal = groups.iter().skip(first).position(|(known, _)| **known == *scope);
                equal.map_or_else(
                    || {
                        groups.push((scope, Vec::new()));
                        groups.len() - 1
                    },
                    |at| first + at,
                )
            });
        }
        if let Some((_, records)) = groups.get_mut(last) {
            records.push(record);
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trace_core::model::{AnyValue, LogSeverity, Resource};

    use super::*;

    #[test]
    fn equal_scopes_are_one_group_and_many_scopes_do_not_compare_with_all_before_them() {
        let record = |scope: usize| {
            let mut record = LogRecord::new(LogSeverity::INFO, AnyValue::Empty);
            record.scope = Arc::new(Scope::named(scope.to_string())).into();
            record
        };
        let groups_of = |scopes: Vec<usize>| {
            let batch =
                LogBatch::new(Arc::new(Resource::default()), scopes.into_iter().map(record).collect());
            by_scope(&batch)
                .into_iter()
                .map(|(scope, r)| (scope.name.to_string(), r.len()))
                .collect::<Vec<_>>()
        };
        assert_eq!(groups_of(vec![1, 2, 1, 2, 2]), [("1".to_owned(), 2), ("2".to_owned(), 3)]);
        let many = groups_of((0..100).chain([99, 36, 35]).collect());
        assert_eq!(many.len(), 101, "35 is too far away to be found");
        assert_eq!((many[99].1, many[36].1, many[35].1, many[100].1), (2, 2, 1, 1));
    }
}
