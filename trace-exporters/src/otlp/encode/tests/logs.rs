//! Log records of every shape, and the messages that they must become.

use std::borrow::Cow;

use super::*;
use pb::logs::v1 as pl;

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(AnyValue::Empty),
        any::<bool>().prop_map(AnyValue::from),
        any::<i64>().prop_map(AnyValue::from),
        generate::double().prop_map(AnyValue::from),
        generate::text().prop_map(AnyValue::from),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(AnyValue::Bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let entry = (generate::text().prop_map(Cow::from), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(AnyValue::List),
            prop::collection::vec(entry, 0..4).prop_map(AnyValue::Map),
        ]
    })
}

fn record() -> impl Strategy<Value = LogRecord> {
    let attributes = prop::collection::vec((generate::text().prop_map(Cow::from), value()), 0..5);
    let ids = (prop::option::of(generate::trace_id()), prop::option::of(generate::span_id()), any::<u8>());
    let texts = (generate::text(), generate::text());
    let times = (generate::time(), generate::time());
    (times, 0u8..=24, texts, value(), (attributes, any::<u32>()), ids, generate::scope()).prop_map(
        |((time, observed), severity, (word, name), body, (attributes, dropped), ids, scope)| LogRecord {
            time,
            observed,
            severity: LogSeverity::new(severity),
            severity_text: word.into(),
            body,
            attributes,
            dropped_attributes: dropped,
            trace_id: ids.0,
            span_id: ids.1,
            flags: TraceFlags(ids.2),
            event_name: name.into(),
            scope: scope.into(),
            tenant: TenantTag::NONE,
        },
    )
}

pub(crate) fn batch() -> impl Strategy<Value = LogBatch> {
    prop::collection::vec(record(), 0..6)
        .prop_map(|records| LogBatch::new(Arc::new(generate::resource()), records))
}

fn any_value(v: &AnyValue) -> pb::common::v1::AnyValue {
    let value = match v {
        AnyValue::Empty => None,
        AnyValue::Bool(v) => Some(PbValue::BoolValue(*v)),
        AnyValue::I64(v) => Some(PbValue::IntValue(*v)),
        AnyValue::F64(v) => Some(PbValue::DoubleValue(*v)),
        AnyValue::String(v) => Some(PbValue::StringValue(v.to_string())),
        AnyValue::Bytes(v) => Some(PbValue::BytesValue(v.clone())),
        AnyValue::List(v) => Some(PbValue::ArrayValue(pb::common::v1::ArrayValue {
            values: v.iter().map(any_value).collect(),
        })),
        AnyValue::Map(v) => Some(PbValue::KvlistValue(pb::common::v1::KeyValueList {
            values: v.iter().map(key_value).collect(),
        })),
        other => panic!("no expectation for {other:?}"),
    };
    pb::common::v1::AnyValue { value }
}

fn key_value((key, value): &(Cow<'static, str>, AnyValue)) -> pb::common::v1::KeyValue {
    pb::common::v1::KeyValue { key: key.to_string(), value: Some(any_value(value)), ..Default::default() }
}

fn message(r: &LogRecord) -> pl::LogRecord {
    pl::LogRecord {
        time_unix_nano: r.time.unix_nanos(),
        observed_time_unix_nano: r.observed.unix_nanos(),
        severity_number: r.severity.number().into(),
        severity_text: r.severity_text.to_string(),
        body: (!r.body.is_empty()).then(|| any_value(&r.body)),
        attributes: r.attributes.iter().map(key_value).collect(),
        dropped_attributes_count: r.dropped_attributes,
        flags: r.flags.0.into(),
        trace_id: r.trace_id.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
        span_id: r.span_id.map(|id| id.to_bytes().to_vec()).unwrap_or_default(),
        event_name: r.event_name.to_string(),
    }
}

/// Scopes in the order of their first record, equal ones once.
pub(crate) fn expected(batch: &LogBatch) -> ExportLogsServiceRequest {
    let mut scope_logs: Vec<pl::ScopeLogs> = Vec::new();
    for r in batch.iter() {
        let (scope, schema_url) = (expected::scope(&r.scope), r.scope.schema_url.to_string());
        match scope_logs.iter_mut().find(|s| s.scope == scope && s.schema_url == schema_url) {
            Some(s) => s.log_records.push(message(r)),
            None => scope_logs.push(pl::ScopeLogs { scope, log_records: vec![message(r)], schema_url }),
        }
    }
    let resource = batch.resource();
    let resource_logs = pl::ResourceLogs {
        resource: expected::resource(resource),
        scope_logs,
        schema_url: resource.schema_url.to_string(),
    };
    ExportLogsServiceRequest { resource_logs: if batch.is_empty() { vec![] } else { vec![resource_logs] } }
}

/// The same batch with other values where the library's JSON differs from the specification: it has bytes as a list of
/// numbers, and wants every value to be there.
pub(crate) fn without_bytes_and_nothing(batch: &LogBatch) -> LogBatch {
    fn replace(v: &mut AnyValue) {
        match v {
            AnyValue::Empty | AnyValue::Bytes(_) => *v = true.into(),
            AnyValue::List(list) => list.iter_mut().for_each(replace),
            AnyValue::Map(entries) => entries.iter_mut().for_each(|(_, v)| replace(v)),
            _ => {}
        }
    }
    let change = |mut r: LogRecord| {
        replace(&mut r.body);
        r.attributes.iter_mut().for_each(|(_, v)| replace(v));
        r
    };
    LogBatch::new(batch.resource().clone(), batch.iter().cloned().map(change).collect())
}
