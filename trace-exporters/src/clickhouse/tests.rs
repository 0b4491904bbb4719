//! The formats against golden files, and the encoding against the decoder.

use std::sync::Arc;

use proptest::prelude::*;
use trace_core::batch::SpanBatch;
use trace_core::model::*;
use trace_core::store::{AttributeCondition, AttributeTest, SpanFilter, SpanQuery};

use super::config::ClickHouseConfig;
use super::row::{Reader, put_length, put_text};
use super::statement::{Statement, encoded};
use super::{decode, encode, query};

/// Rewrites a golden file if `MPLP_BLESS` is 1.
pub(super) fn golden(name: &str, text: &str) {
    let path = format!("{}/src/clickhouse/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var("MPLP_BLESS").as_deref() == Ok("1") {
        std::fs::write(&path, text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap_or_default(),
        text,
        "{path}: set MPLP_BLESS=1 to rewrite"
    );
}

#[test]
fn the_schema_is_the_golden_one() {
    let config = ClickHouseConfig { ttl_days: 30, ..ClickHouseConfig::default().database("otel") };
    golden("schema.sql", &(config.schema().unwrap().join(";\n\n") + ";\n"));
    let kept = ClickHouseConfig::default().schema().unwrap().join("\n");
    assert!(!kept.contains("TTL "), "{kept}");
}

#[test]
fn the_rows_are_the_golden_ones() {
    let id = |n| SpanId::new(n).unwrap();
    let context = SpanContext::new(TraceId::new(0xabc).unwrap(), id(1), TraceFlags::SAMPLED);
    let at = Timestamp::from_unix_nanos(1_760_000_000_123_456_789);
    let mut span = SpanData::new(context.clone(), "pay", at, at + std::time::Duration::from_nanos(300));
    span.parent_span_id = Some(id(2));
    span.kind = SpanKind::Client;
    span.status = Status::Error("no".into());
    span.attributes = vec![KeyValue::new("n", 7), KeyValue::new("t", "☃")];
    span.events = vec![Event { name: "e".into(), time: at, attributes: vec![], dropped_attributes: 0 }];
    span.links = vec![Link { context, attributes: vec![], dropped_attributes: 0 }];
    let resource = Resource::new([KeyValue::new("service.name", "shop"), KeyValue::new("pid", 9)]);
    let rows = encode::encode_rows(&SpanBatch::from_spans(Arc::new(resource), [span]));
    let lines =
        rows.chunks(16).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" "));
    golden("rows.hex", &(lines.collect::<Vec<_>>().join("\n") + "\n"));
}

#[test]
fn no_text_of_a_question_becomes_a_part_of_its_statement() {
    let evil = "'); DROP TABLE otel_traces; --\\\t\n";
    let condition = |test| AttributeCondition { key: evil.into(), test };
    let filter = SpanFilter {
        service: Some(evil.into()),
        operation: Some(evil.into()),
        kind: Some(SpanKind::Server),
        status: None,
        attributes: vec![condition(AttributeTest::Exists), condition(AttributeTest::Equals(evil.into()))],
    };
    let (config, tenant) = (ClickHouseConfig::default(), TenantId::default());
    let range = Some(TimeRange { start: Timestamp::from_unix_secs(1), end: Timestamp::from_unix_secs(2) });
    let asked = SpanQuery { filter: filter.clone(), range, error_only: true, ..SpanQuery::default() };
    for s in [
        query::search(&config, &tenant, &asked, None),
        query::durations(&config, &tenant, &filter, range, 0.02),
        query::operations(&config, &tenant, evil),
    ] {
        assert!(!s.sql.contains("DROP"), "{}", s.sql);
        let placeholders = (0..s.parameters.len()).all(|i| s.sql.contains(&format!("{{p{i}:")));
        assert!(placeholders, "every parameter is used: {s:?}");
        assert!(s.query().is_ascii() && !s.query().contains([' ', '\'', ';']), "{}", s.query());
    }
}

#[test]
fn names_that_would_need_quoting_are_refused() {
    for name in ["", "a b", "1a", "a`", "a.b", "é", &"x".repeat(129)] {
        let error = ClickHouseConfig::default().database(name).validate().unwrap_err().to_string();
        assert!(error.starts_with("database"), "{error}");
    }
}

#[test]
fn a_configuration_reads_both_spellings_and_shows_no_password() {
    let json = r#"{"endpoint":"http://c:8123","username":"u","password":"hunter2","ttlDays":3,"async_insert":false}"#;
    let config: ClickHouseConfig = serde_json::from_str(json).unwrap();
    assert_eq!((config.ttl_days, config.async_insert), (3, false));
    assert!(config.validate().is_ok() && !format!("{config:?}").contains("hunter2"));
    assert!(serde_json::from_str::<ClickHouseConfig>(r#"{"endpont":""}"#).is_err());
    let alone = ClickHouseConfig { username: None, ..config };
    assert!(alone.validate().unwrap_err().to_string().contains("username"));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,12}", Just("\0\n\t\\'".to_owned()), Just("x".repeat(300))]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        proptest::collection::vec(any::<i64>(), 0..4).prop_map(Value::from),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    proptest::collection::btree_map("[a-z.]{1,6}", value(), 0..5)
        .prop_map(|map| map.into_iter().map(|(k, v)| KeyValue::new(k, v)).collect())
}

fn shown(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes.iter().map(|kv| (kv.key.to_string(), kv.value.to_string())).collect()
}

/// What the server answers to the columns of `decode`, made of a row as `encode` writes it.
fn answered(row: &mut Reader<'_>) -> Vec<u8> {
    let mut out = row.i64().unwrap().to_le_bytes().to_vec();
    let texts = |r: &mut Reader<'_>, out: &mut Vec<u8>, n: usize| {
        (0..n).for_each(|_| put_text(out, &r.text().unwrap()));
    };
    let map = |r: &mut Reader<'_>, out: &mut Vec<u8>| {
        let map = r.map().unwrap();
        put_length(out, map.len());
        map.iter().for_each(|(k, v)| {
            put_text(out, k);
            put_text(out, v);
        });
    };
    row.text().unwrap();
    texts(row, &mut out, 6);
    map(row, &mut out);
    texts(row, &mut out, 2);
    map(row, &mut out);
    out.extend(row.u64().unwrap().to_le_bytes());
    texts(row, &mut out, 2);
    let times = row.array(Reader::i64).unwrap();
    put_length(&mut out, times.len());
    times.iter().for_each(|t| out.extend(t.to_le_bytes()));
    let lists = |r: &mut Reader<'_>, out: &mut Vec<u8>, n: usize| {
        for _ in 0..n {
            let list = r.array(|r| Ok(r.text()?.into_owned())).unwrap();
            put_length(out, list.len());
            list.iter().for_each(|t| put_text(out, t));
        }
    };
    let maps = |r: &mut Reader<'_>, out: &mut Vec<u8>| {
        let list = r.array(Reader::map).unwrap();
        put_length(out, list.len());
        for map in list {
            put_length(out, map.len());
            map.iter().for_each(|(k, v)| {
                put_text(out, k);
                put_text(out, v);
            });
        }
    };
    lists(row, &mut out, 1);
    maps(row, &mut out);
    lists(row, &mut out, 3);
    maps(row, &mut out);
    row.text().unwrap();
    let numbers = row.array(|r| Ok((r.text()?.into_owned(), r.f64()?))).unwrap();
    put_length(&mut out, numbers.len());
    numbers.iter().for_each(|(k, _)| put_text(&mut out, k));
    out
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        own in attributes(), of_event in attributes(), of_resource in attributes(),
        name in text(), message in text(), start in 0u64..i64::MAX as u64 / 2, length in 0u64..u64::MAX / 4,
        kind in prop::sample::select(vec![SpanKind::Internal, SpanKind::Server, SpanKind::Producer]),
    ) {
        let context = SpanContext::new(TraceId::from_random(5), SpanId::new(3).unwrap(), TraceFlags::SAMPLED);
        let start = Timestamp::from_unix_nanos(start);
        let mut span =
            SpanData::new(context.clone(), name, start, start + std::time::Duration::from_nanos(length));
        span.kind = kind;
        span.status = Status::Error(message.into());
        span.attributes = own;
        span.events =
            vec![Event { name: "e".into(), time: start, attributes: of_event.clone(), dropped_attributes: 0 }];
        span.links = vec![Link { context: context.clone(), attributes: of_event, dropped_attributes: 0 }];
        let resource = Resource::new(of_resource.into_iter().chain([KeyValue::new("service.name", "s")]));
        let batch = SpanBatch::from_spans(Arc::new(resource), [span.clone(), span.clone()]);
        let rows = encode::encode_rows(&batch);
        let (mut reader, mut answer) = (Reader(&rows), Vec::new());
        while !reader.is_at_end() {
            answer.extend(answered(&mut reader));
        }
        let read = decode::decode_spans(context.trace_id, &answer).unwrap();
        prop_assert_eq!(read.len(), 2);
        for stored in read {
            let got = stored.span;
            prop_assert_eq!((&got.name, got.kind, got.start, got.end), (&span.name, span.kind, span.start, span.end));
            prop_assert_eq!(&got.status, &span.status);
            prop_assert_eq!(shown(&got.attributes), shown(&span.attributes));
            prop_assert_eq!(shown(&got.events[0].attributes), shown(&span.events[0].attributes));
            prop_assert_eq!(shown(&got.links[0].attributes), shown(&span.links[0].attributes));
            prop_assert_eq!(got.links[0].context.span_id, context.span_id);
            prop_assert_eq!(stored.resource.attributes.len(), batch.resource().attributes.len());
            for (was, is) in span.attributes.iter().zip(&got.attributes) {
                prop_assert!(was.value.as_ref().as_f64().is_none() || is.value.as_ref().as_f64().is_some());
            }
        }
        // A cut answer is noticed.
        prop_assert!(decode::decode_spans(context.trace_id, &answer[..answer.len() - 1]).is_err());
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(bytes: Vec<u8>) {
        let _ = decode::decode_spans(TraceId::MIN, &bytes);
    }

    #[test]
    fn parameters_survive_the_url_and_the_servers_unescaping(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
        let mut s = Statement::default();
        prop_assert_eq!(s.text(&text), "{p0:String}");
        let escaped = &s.parameters[0];
        prop_assert!(!escaped.contains(['\t', '\n', '\r', '\0']));
        let mut plain = String::new();
        let mut chars = escaped.chars();
        while let Some(c) = chars.next() {
            plain.push(match (c, c == '\\') {
                (_, true) => match chars.next() {
                    Some('t') => '\t',
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    other => other.unwrap(),
                },
                (c, false) => c,
            });
        }
        prop_assert_eq!(&plain, &text);
        prop_assert!(encoded(escaped).bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%".contains(&b)));
    }
}
