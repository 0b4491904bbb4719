//! Trace documents against the frozen schemas of the protocol, the documents that come with them, and its invariants.
//!
//! The files are not part of this project: `MPLP_CONFORMANCE` says where they are, else they are looked for beside it.
#![cfg(feature = "mplp")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "Helpers stand outside of test functions")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use trace_core::batch::SpanBatch;
use trace_core::model::{KeyValue, SpanData};
use trace_core::signal::SpanExporter;
use trace_core::testing::conformance::{every_field, span_exporter};
use trace_exporters::mplp::{MplpConfig, MplpExporter, decode_document, encode_documents};

const CONTEXT: &str = "550e8400-e29b-41d4-a716-446655440500";

/// The folder of the protocol's files, or a message that a test is skipped.
fn folder(test: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/mplp");
    let folder = std::env::var_os("MPLP_CONFORMANCE").map_or_else(beside, PathBuf::from);
    if folder.join("spec").is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED {test}: no MPLP files in {}; set MPLP_CONFORMANCE", folder.display());
    None
}

fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The validator of Trace documents, with formats checked.
fn validator(folder: &Path) -> jsonschema::Validator {
    let schemas = folder.join("spec/schemas/v2");
    let mut options = jsonschema::draft7::options().should_validate_formats(true);
    let mut registry = jsonschema::Registry::new();
    for entry in std::fs::read_dir(schemas.join("common")).unwrap() {
        let schema = json(&entry.unwrap().path());
        let id = schema["$id"].as_str().unwrap().to_owned();
        registry = registry.add(id, schema).unwrap();
    }
    let registry = registry.prepare().unwrap();
    options = options.with_registry(&registry);
    options.build(&json(&schemas.join("mplp-trace.schema.json"))).unwrap()
}

#[track_caller]
fn assert_valid(validator: &jsonschema::Validator, document: &Json) {
    let problems: Vec<String> =
        validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(problems.is_empty(), "{problems:#?}\n{document:#}");
    // The invariants of `golden/invariants/trace.yaml`, beyond what the schema says.
    assert_eq!(document["root_span"]["trace_id"], document["trace_id"]);
    assert_eq!(document["root_span"]["context_id"], document["context_id"]);
}

fn documents(spans: Vec<SpanData>) -> Vec<Json> {
    let batch = every_field();
    let batch = SpanBatch::from_spans(batch.resource().clone(), spans);
    let encoded = encode_documents(&batch, Some(CONTEXT));
    encoded.documents.into_iter().map(|(_, text)| serde_json::from_str(&text).unwrap()).collect()
}

#[test]
fn documents_are_valid_by_the_frozen_schemas() {
    let Some(folder) = folder("documents_are_valid_by_the_frozen_schemas") else { return };
    let validator = validator(&folder);
    let mut spans: Vec<SpanData> = every_field().iter().map(|s| s.to_span_data()).collect();
    for name in ["exception", "Cache Miss!", "", "42", "ünïcode"] {
        let mut event = spans[0].events[0].clone();
        event.name = name.into();
        spans[2].events.push(event);
    }
    // Whole, without its root, and each alone.
    for part in [&spans[..], &spans[1..], &spans[..1], &spans[1..2], &spans[2..]] {
        for document in documents(part.to_vec()) {
            assert_valid(&validator, &document);
        }
    }
    for (key, value) in [("mplp.status", "cancelled"), ("mplp.status", "running"), ("mplp.plan.id", CONTEXT)]
    {
        let mut span = spans[0].clone();
        span.status = Default::default();
        span.attributes.push(KeyValue::new(key, value));
        documents(vec![span]).iter().for_each(|document| assert_valid(&validator, document));
    }
}

#[test]
fn the_protocols_own_documents_are_read_and_written_again() {
    let Some(folder) = folder("the_protocols_own_documents_are_read_and_written_again") else { return };
    let validator = validator(&folder);
    let manifest = json(&folder.join("manifest.json"));
    let traces = manifest["documents"].as_array().unwrap().iter().filter(|d| d["module"] == "trace");
    let mut read = 0;
    for entry in traces {
        // Whole seconds are written without their fraction.
        let text = std::fs::read_to_string(folder.join(entry["file"].as_str().unwrap())).unwrap();
        let mut document: Json = serde_json::from_str(&text.replace(".000Z", "Z")).unwrap();
        let valid = entry["valid_without_$comment"] == true;
        let decoded = decode_document(document.to_string().as_bytes());
        assert_eq!(decoded.is_ok(), valid, "{entry}: {:?}", decoded.err());
        let Ok(batch) = decoded else { continue };
        read += 1;
        let encoded = encode_documents(&batch.seal(), None);
        let again: Json = serde_json::from_str(&encoded.documents[0].1).unwrap();
        assert_valid(&validator, &again);
        document.as_object_mut().unwrap().remove("$comment");
        for field in ["trace_id", "context_id", "plan_id", "status", "segments", "events"] {
            let given = |json: &Json| {
                Some(json[field].clone()).filter(|v| !matches!(v, Json::Null) && *v != Json::Array(vec![]))
            };
            assert_eq!(given(&again), given(&document), "{field} of {entry}");
        }
        assert_eq!(again["root_span"]["attributes"]["span.kind"], "internal");
    }
    assert!(read >= 3, "{read}");
}

#[test]
fn ids_are_those_of_the_vectors() {
    let Some(folder) = folder("ids_are_those_of_the_vectors") else { return };
    let vectors = json(&folder.join("id-vectors.json"));
    for vector in vectors["otel_to_mplp"].as_array().unwrap() {
        let text = |key: &str| vector[key].as_str().unwrap().to_owned();
        let mut span = every_field().get(0).unwrap().to_span_data();
        span.parent_span_id = None;
        span.context.trace_id = text("otel_trace_id").parse().unwrap();
        span.context.span_id = text("otel_span_id").parse().unwrap();
        let document = documents(vec![span.clone()]).remove(0);
        assert_eq!(document["trace_id"], text("mplp_trace_id"));
        assert_eq!(document["root_span"]["span_id"], text("mplp_span_id"));
        let back = decode_document(document.to_string().as_bytes()).unwrap();
        let back = back.get(0).unwrap();
        assert_eq!((back.trace_id(), back.span_id()), (span.context.trace_id, span.context.span_id));
    }
}

#[tokio::test]
async fn the_exporter_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let config = MplpConfig::new(folder.path()).context_id(CONTEXT);
    span_exporter(&MplpExporter::new(&config).unwrap()).await;
}

#[tokio::test]
async fn a_trace_in_pieces_becomes_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let config = MplpConfig::new(folder.path()).context_id(CONTEXT);
    let whole = every_field();
    let exporter = MplpExporter::new(&config).unwrap();
    for range in [1..2, 2..3, 0..1, 1..3] {
        exporter.export(&whole.slice(range)).await.unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let document = std::fs::read(&files[0]).unwrap();
    let found = decode_document(&document).unwrap();
    let mut ids: Vec<u64> = found.iter().map(|s| s.span_id().to_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3]);
    assert_eq!(found.resource().service_name(), "conformance");
}

#[tokio::test]
async fn what_cannot_be_written_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let exporter = MplpExporter::new(&MplpConfig::new(folder.path())).unwrap();
    let error = exporter.export(&every_field()).await.unwrap_err();
    assert_eq!(error.rejected(), Some(3));
    assert!(error.to_string().contains("names no MPLP Context"), "{error}");

    let mut config = MplpConfig::new(folder.path()).context_id(CONTEXT);
    config.max_spans_per_document = 2;
    config.max_documents = 1;
    let exporter = MplpExporter::new(&config).unwrap();
    let error = exporter.export(&every_field()).await.unwrap_err();
    assert_eq!(error.rejected(), Some(1));
    let mut other = every_field().get(0).unwrap().to_span_data();
    other.context.trace_id = trace_core::model::TraceId::from_random(9);
    let other = SpanBatch::from_spans(Arc::default(), [other]);
    let error = exporter.export(&other).await.unwrap_err();
    assert!(error.to_string().contains("as many as it may"), "{error}");

    config.context_id = Some("ctx-001".into());
    assert!(MplpExporter::new(&config).unwrap_err().to_string().contains("\"ctx-001\" is no UUID v4"));
}
