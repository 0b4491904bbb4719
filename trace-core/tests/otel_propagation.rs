//! Equivalence with the official SDK's propagators, and both adapters.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation as sdk;
use proptest::prelude::*;

use trace_core::model::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use trace_core::pipeline::Pipeline;
use trace_core::propagate::otel::{FromTextMap, ToTextMap};
use trace_core::propagate::{
    B3Propagator, Baggage, CompositePropagator, JaegerPropagator, Propagator, W3cPropagator, current_baggage,
    enter_baggage, format_traceparent,
};
use trace_core::record::otel::TracerProvider;

type Headers = HashMap<String, String>;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn theirs() -> FromTextMap<opentelemetry::propagation::TextMapCompositePropagator> {
    FromTextMap::new(opentelemetry::propagation::TextMapCompositePropagator::new(vec![
        Box::new(sdk::TraceContextPropagator::new()),
        Box::new(sdk::BaggagePropagator::new()),
    ]))
}

fn members(baggage: &Baggage) -> Vec<(String, String)> {
    let mut members: Vec<_> = baggage.iter().map(|e| (e.key().to_owned(), e.value().to_owned())).collect();
    members.sort();
    members
}

#[test]
fn an_official_propagator_is_used_as_one_of_ours() {
    let all = CompositePropagator::new().and(B3Propagator::SINGLE).and(theirs());
    let found = all.extract(&headers(&[
        ("b3", "0"),
        ("Traceparent", PARENT),
        ("tracestate", "a=1,b=2"),
        ("baggage", "k=v%20w;p,a=1"),
    ]));
    let context = found.context.clone().unwrap();
    assert!(context.is_remote && context.trace_state.as_str() == "a=1,b=2");
    assert_eq!(found.baggage.to_header(), "a=1,k=v%20w;p");
    let mut out = headers(&[("TraceParent", "stale"), ("Baggage", "stale=1")]);
    theirs().inject(found.context.as_ref(), &found.baggage, &mut out);
    assert_eq!(out["traceparent"], PARENT);
    assert_eq!(W3cPropagator.extract(&out).context, Some(context));
    theirs().inject(None, &Baggage::EMPTY, &mut out);
    assert!(out.is_empty(), "{out:?}");
}

#[test]
fn ours_serves_the_official_api_in_both_directions() {
    let ours = ToTextMap::new(CompositePropagator::new().and(W3cPropagator).and(JaegerPropagator));
    assert_eq!(ours.fields().collect::<Vec<_>>(), ["baggage", "traceparent", "tracestate", "uber-trace-id"]);
    let carrier = headers(&[("traceparent", PARENT), ("uberctx-k", "v%20w")]);
    let cx = ours.extract_with_context(&Context::new(), &carrier);
    assert_eq!(cx.baggage().get("k").unwrap().as_str(), "v w");

    let pipeline = Pipeline::builder().start().unwrap();
    let tracer = TracerProvider::new(pipeline.recorder().clone()).tracer("lib");
    let span = tracer.start_with_context("work", &cx);
    let mut out = Headers::new();
    ours.inject_context(&cx.with_span(span), &mut out);
    assert!(out["traceparent"].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert!(out["uber-trace-id"].starts_with("4bf92f3577b34da6a3ce929d0e0e4736:"));
    assert_eq!((out["baggage"].as_str(), out["uberctx-k"].as_str()), ("k=v%20w", "v%20w"));

    let nothing = ours.extract_with_context(&cx, &Headers::new());
    assert_eq!(nothing.span().span_context(), cx.span().span_context());
    assert_eq!(nothing.baggage().len(), 1);
}

#[test]
fn spans_of_every_door_are_what_the_official_api_injects() {
    let ours = ToTextMap::new(W3cPropagator);
    let pipeline = Pipeline::builder().start().unwrap();
    let _baggage = enter_baggage(Baggage::parse(["k=v"]));
    let span = pipeline.recorder().span("work").enter();
    let mut out = Headers::new();
    ours.inject(&mut out);
    assert_eq!(out["traceparent"], format_traceparent(span.context().unwrap()));
    assert_eq!(out["baggage"], "k=v");
}

#[test]
fn baggage_that_the_official_api_sets_is_ours_and_the_other_way_round() {
    let outer = enter_baggage(Baggage::parse(["z=1;p,a=2"]));
    assert_eq!(
        Context::map_current(|cx| cx.baggage().get("z").map(ToString::to_string)).as_deref(),
        Some("1")
    );
    assert_eq!(current_baggage().to_header(), "z=1;p,a=2");
    {
        let _theirs =
            Context::current_with_baggage([KeyValue::new("b", "3"), KeyValue::new("a", "4")]).attach();
        assert_eq!(current_baggage().to_header(), "a=4,b=3");
        let _ours = enter_baggage(Baggage::parse(["c=5"]));
        assert_eq!(Context::map_current(|cx| cx.baggage().len()), 1);
        let _none = Context::map_current(|cx| cx.with_cleared_baggage()).attach();
        assert!(current_baggage().is_empty());
    }
    assert_eq!(current_baggage().to_header(), "z=1;p,a=2");
    drop(outer);
    assert_eq!(Context::map_current(|cx| cx.baggage().len()), 0);
}

proptest! {
    #[test]
    fn what_we_accept_the_sdk_accepts_alike(
        parent in prop_oneof![
            "(00|01|ff|0)-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3](-x)?",
            "00-0{28}[0-9a-f]{4}-0{14}[0-9a-f]{2}-[0-9a-f]{2}",
            "[0-9a-fA-F-]{50,60}",
        ],
        state in "([a-z]{1,3}=[a-z0-9]{1,3},){0,3}",
        baggage in "([a-z]{1,2}=[a-z%0-9]{0,4}[ ]?,){0,3}",
    ) {
        let carrier = headers(&[("traceparent", &parent), ("tracestate", &state), ("baggage", &baggage)]);
        let (ours, theirs) = (W3cPropagator.extract(&carrier), theirs().extract(&carrier));
        if let Some(ours) = ours.context {
            let theirs = theirs.context.unwrap();
            prop_assert_eq!((ours.trace_id, ours.span_id), (theirs.trace_id, theirs.span_id));
            prop_assert_eq!(ours.is_sampled(), theirs.is_sampled());
            // Theirs keeps a repeated key, or drops the list for it.
            if ours.trace_state.members().count() == state.matches('=').count() {
                prop_assert_eq!(ours.trace_state, theirs.trace_state);
            }
        }
        // Theirs skips a member that is not UTF-8, where the standard asks for U+FFFD.
        if !ours.baggage.iter().any(|e| e.value().contains('\u{fffd}')) {
            let readable: Vec<_> = members(&ours.baggage).into_iter().filter(|m| m.1.trim() == m.1).collect();
            let known = members(&theirs.baggage);
            prop_assert!(readable.iter().all(|m| known.contains(m)), "{readable:?} {known:?}");
        }
    }

    #[test]
    fn what_we_write_the_sdk_reads_and_the_other_way_round(
        trace in 1u128.., span in 1u64.., sampled: bool,
        entries in prop::collection::btree_map("[a-zA-Z0-9._-]{1,8}", "[ -~é]{0,12}", 0..5),
    ) {
        let context = SpanContext {
            trace_state: TraceState::from_validated("a=1,b@c=2"),
            is_remote: true,
            ..SpanContext::new(
                TraceId::new(trace).unwrap(), SpanId::new(span).unwrap(), TraceFlags::default().with_sampled(sampled),
            )
        };
        let mut baggage = Baggage::EMPTY;
        for (key, value) in &entries {
            // Theirs trims values.
            baggage.insert(key, value.trim()).unwrap();
        }
        let theirs = theirs();
        let pairs: [(&dyn Propagator, &dyn Propagator); 2] = [(&W3cPropagator, &theirs), (&theirs, &W3cPropagator)];
        for (writer, reader) in pairs {
            let mut out = Headers::new();
            writer.inject(Some(&context), &baggage, &mut out);
            let found = reader.extract(&out);
            prop_assert_eq!(found.context.as_ref(), Some(&context));
            // Theirs does not encode `%`, so that such a value comes back otherwise.
            if !entries.values().any(|v| v.contains('%')) {
                prop_assert_eq!(members(&found.baggage), members(&baggage));
            }
        }
    }
}
