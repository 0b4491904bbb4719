//! A span belongs to whom it says, else to whom its parent belongs: through every door, across threads, and to services
//! that are trusted.
#![cfg(all(feature = "otel", feature = "tracing", feature = "testing", feature = "http"))]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body_util::Empty;
use opentelemetry::Context;
use opentelemetry::trace::{
    FutureExt as _, Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use trace_core::analyze::{RedConfig, RedWindows};
use trace_core::http::{
    MonitoringLayer, RequestObservation, RequestObserver as _, RequestSpan, WindowsObserver, trace_requests,
};
use trace_core::model::{TenantId, Value};
use trace_core::pipeline::Pipeline;
use trace_core::propagate::{
    InBaggage as _, TenantBaggage, W3cPropagator, current_baggage, inject_current_by,
};
use trace_core::record::otel::TracerProvider;
use trace_core::record::tracing_layer::TraceLayer;
use trace_core::record::{InSpan as _, Recorder, current_context, enter_context};
use trace_core::tenant::{Quota, Tenancy, TenantResolver};
use trace_core::testing::CaptureExporter;
use trace_core::{async_span, span};
use tracing_subscriber::layer::SubscriberExt as _;

/// A pipeline of which `customer` names tenants, too.
struct World {
    pipeline: Pipeline,
    out: CaptureExporter,
}

impl World {
    fn new() -> Self {
        let out = CaptureExporter::new();
        let tenancy = Tenancy::builder(TenantResolver::new().span_attribute("customer")).build();
        let pipeline = Pipeline::builder().tenants(tenancy).export_spans("out", out.clone()).start().unwrap();
        Self { pipeline, out }
    }

    fn recorder(&self) -> &Recorder {
        self.pipeline.recorder()
    }

    /// The tenants of all spans by name, `-` for those that have none written.
    fn tenants(&self) -> BTreeMap<String, String> {
        self.pipeline.flush(Duration::from_secs(10)).unwrap();
        let tenant = |s: &trace_core::model::SpanData| {
            let own = s.attributes.iter().filter(|kv| kv.key == TenantId::ATTRIBUTE).collect::<Vec<_>>();
            match own.as_slice() {
                [] => "-".to_owned(),
                [kv] => match &kv.value {
                    Value::String(name) => name.to_string(),
                    other => format!("{other:?}"),
                },
                _ => "twice".to_owned(),
            }
        };
        self.out.spans().iter().map(|s| (s.name.to_string(), tenant(s))).collect()
    }

    /// Asserts the tenant of each span, named `tenant: span, span`.
    fn expect(&self, expected: &[(&str, &[&str])]) {
        let expected: BTreeMap<String, String> = expected
            .iter()
            .flat_map(|(tenant, names)| names.iter().map(|n| ((*n).to_owned(), (*tenant).to_owned())))
            .collect();
        assert_eq!(self.tenants(), expected);
    }
}

#[test]
fn children_in_the_ring_inherit_and_what_they_say_themselves_wins() {
    let w = World::new();
    let r = w.recorder();
    drop(span!(recorder: r, "before"));
    {
        let _root = span!(recorder: r, "root", mplp.tenant.id = "acme", n = 1);
        let _child = span!(recorder: r, "child", a = 1, b = "text", c = 2.5, d = true);
        drop(span!(recorder: r, "grandchild"));
        {
            let _other = span!(recorder: r, "other", customer = "globex");
            drop(span!(recorder: r, "child of other"));
        }
        drop(span!(recorder: r, "invalid", customer = "no id"));
        drop(span!(recorder: r, "sibling"));
    }
    drop(span!(recorder: r, "after"));
    w.expect(&[
        ("-", &["before", "after"]),
        ("acme", &["root", "child", "grandchild", "invalid", "sibling"]),
        ("globex", &["other", "child of other"]),
    ]);
}

#[test]
fn a_tenant_that_is_named_while_the_span_is_active_counts_for_what_follows() {
    let w = World::new();
    let r = w.recorder();
    {
        let root = span!(recorder: r, "root");
        drop(span!(recorder: r, "early"));
        root.set_attribute("customer", "acme");
        drop(span!(recorder: r, "late"));
        w.pipeline.flush(Duration::from_secs(10)).unwrap();
        drop(r.span("later").start());
    }
    let held = r.span("held").start();
    held.set_attribute(TenantId::ATTRIBUTE, "globex");
    held.in_scope(|| drop(span!(recorder: r, "inside")));
    drop(held);
    w.expect(&[("-", &["early"]), ("acme", &["root", "late", "later"]), ("globex", &["held", "inside"])]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_goes_along_with_futures_contexts_and_builders() {
    let w = World::new();
    let r = w.recorder().clone();
    let work = async {
        tokio::task::yield_now().await;
        drop(span!(recorder: &r, "in the future"));
        let context = current_context().unwrap();
        let elsewhere = (r.clone(), context.clone());
        std::thread::spawn(move || {
            let (r, context) = elsewhere;
            drop(r.span("explicit").parent(context.clone()).start());
            let _below = enter_context(context);
            drop(span!(recorder: &r, "entered"));
        })
        .join()
        .unwrap();
    };
    work.in_span(async_span!(recorder: &r, "task", mplp.tenant.id = "acme")).await;
    let late = async {
        tokio::task::yield_now().await;
        drop(span!(recorder: &r, "in the late future"));
    };
    let span = r.span("built").attribute("customer", "globex").start();
    assert_eq!(span.context().unwrap().tenant.name(), Some("globex"));
    late.in_span(span).await;
    w.expect(&[
        ("acme", &["task", "in the future", "explicit", "entered"]),
        ("globex", &["built", "in the late future"]),
    ]);
}

#[tokio::test]
async fn the_api_inherits_from_the_macro_and_the_other_way_round() {
    let w = World::new();
    let r = w.recorder();
    let tracer = TracerProvider::new(r.clone()).tracer("t");
    {
        let _root = span!(recorder: r, "root", mplp.tenant.id = "acme");
        tracer.in_span("api", |cx| {
            drop(span!(recorder: r, "macro in api"));
            drop(tracer.start_with_context("api in api", &cx));
        });
    }
    let builder = tracer
        .span_builder("api root")
        .with_attributes([opentelemetry::KeyValue::new(TenantId::ATTRIBUTE, "globex")]);
    let root = tracer.build_with_context(builder, &Context::new());
    let work = async {
        tokio::task::yield_now().await;
        drop(span!(recorder: r, "macro in api root"));
    };
    work.with_context(Context::new().with_span(root)).await;
    let mut late = tracer.build_with_context(tracer.span_builder("api late"), &Context::new());
    late.set_attribute(opentelemetry::KeyValue::new("customer", "initech"));
    drop(tracer.start_with_context("in api late", &Context::new().with_span(late)));
    drop(tracer.start_with_context("api alone", &Context::new()));
    w.expect(&[
        ("-", &["api alone"]),
        ("acme", &["root", "api", "macro in api", "api in api"]),
        ("globex", &["api root", "macro in api root"]),
        ("initech", &["api late", "in api late"]),
    ]);
}

#[test]
fn tracing_spans_inherit_also_what_is_recorded_on_them_later() {
    let w = World::new();
    let r = w.recorder();
    let subscriber = tracing_subscriber::registry().with(TraceLayer::new(r.clone()));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("root", mplp.tenant.id = "acme").in_scope(|| {
            tracing::info_span!("child").in_scope(|| drop(span!(recorder: r, "macro")));
        });
        tracing::info_span!("late", customer = tracing::field::Empty).in_scope(|| {
            drop(tracing::info_span!("before"));
            tracing::Span::current().record("customer", "globex");
            drop(tracing::info_span!("after"));
            drop(span!(recorder: r, "macro after"));
        });
        let _root = span!(recorder: r, "macro root", mplp.tenant.id = "initech");
        drop(tracing::info_span!("in macro root"));
    });
    w.expect(&[
        ("-", &["before"]),
        ("acme", &["root", "child", "macro"]),
        ("globex", &["late", "after", "macro after"]),
        ("initech", &["macro root", "in macro root"]),
    ]);
}

/// One service calls another by these headers; the second one's handler records a span.
async fn call(w: &World, headers: HeaderMap, trusts: bool) {
    let layer = trace_requests(w.recorder().clone());
    let layer = match trusts {
        true => layer.propagator(TenantBaggage::new(W3cPropagator)),
        false => layer.propagator(W3cPropagator),
    };
    let r = w.recorder().clone();
    let service = ServiceBuilder::new().layer(layer).service(service_fn(move |_: Request<()>| {
        assert!(!trusts || current_baggage().get(TenantBaggage::KEY).is_none());
        drop(span!(recorder: &r, "handled"));
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(
            http_body_util::Empty::<&[u8]>::new(),
        )))
    }));
    let mut request = Request::get("/").body(()).unwrap();
    *request.headers_mut() = headers;
    drop(service.oneshot(request).await.unwrap());
}

/// What a service sends that works for `acme`.
async fn sent(w: &World, active: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let _span = active.then(|| span!(recorder: w.recorder(), "caller", mplp.tenant.id = "acme"));
    let mut baggage = trace_core::propagate::Baggage::EMPTY;
    baggage.insert("a", "1").unwrap();
    async { inject_current_by(&TenantBaggage::new(W3cPropagator), &mut headers) }.in_baggage(baggage).await;
    headers
}

#[tokio::test]
async fn a_tenant_crosses_to_services_that_trust_their_callers_and_to_no_others() {
    for (trusts, tenant) in [(true, "acme"), (false, "-")] {
        let w = World::new();
        call(&w, sent(&w, true).await, trusts).await;
        w.expect(&[("acme", &["caller"]), (tenant, &["GET", "handled"])]);
    }
    let w = World::new();
    let mut headers = sent(&w, false).await;
    assert_eq!(headers["baggage"], "a=1");
    headers.insert("baggage", "mplp.tenant_id=globex".parse().unwrap());
    call(&w, headers, true).await;
    w.expect(&[("globex", &["GET", "handled"])]);
}

#[tokio::test]
async fn a_request_is_counted_for_the_tenant_that_its_handler_has_named() {
    let w = World::new();
    let windows = Arc::new(RedWindows::new(RedConfig::default()));
    let (tell, told) = std::sync::mpsc::channel();
    let counts = WindowsObserver::new("shop", windows.clone());
    let observer = move |request: &RequestObservation| {
        counts.observe(request);
        tell.send(request.tenant.name()).unwrap();
    };
    let layer =
        MonitoringLayer::builder(w.recorder().clone()).detect_anomalies(Arc::new(observer)).build().unwrap();
    let service = ServiceBuilder::new().layer(layer).service(service_fn(|request: Request<()>| {
        if let Some(tenant) = request.headers().get("x-proved") {
            let span = request.extensions().get::<RequestSpan>().unwrap();
            span.set_attribute(TenantId::ATTRIBUTE, tenant.to_str().unwrap().to_owned());
        }
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(Empty::<&[u8]>::new())))
    }));
    for tenant in ["acme", ""] {
        let mut request = Request::get("/").body(()).unwrap();
        if !tenant.is_empty() {
            request.headers_mut().insert("x-proved", tenant.parse().unwrap());
        }
        drop(service.clone().oneshot(request).await.unwrap());
        let seen = told.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(seen, (!tenant.is_empty()).then_some(tenant));
    }
    let tenants: Vec<String> = windows.tenants().iter().map(ToString::to_string).collect();
    assert_eq!(tenants, ["acme", "default"]);
}

#[test]
fn a_quota_counts_what_was_inherited() {
    let out = CaptureExporter::new();
    let quota = Quota { spans_per_second: Some(1e-9), span_burst: Some(3), ..Quota::default() };
    let tenancy = Tenancy::builder(TenantResolver::new()).quota(quota).build();
    let pipeline = Pipeline::builder().tenants(tenancy).export_spans("out", out.clone()).start().unwrap();
    for tenant in ["acme", "globex"] {
        let _root = span!(recorder: pipeline.recorder(), "root", mplp.tenant.id = tenant);
        (0..9).for_each(|_| drop(span!(recorder: pipeline.recorder(), "child")));
    }
    drop(span!(recorder: pipeline.recorder(), "nobody's"));
    pipeline.flush(Duration::from_secs(10)).unwrap();
    let ledger = pipeline.ledger();
    let of = |name: &str| {
        let t = ledger.tenants.iter().find(|t| t.tenant == name).unwrap();
        (t.received, t.accepted, t.dropped)
    };
    assert_eq!([of("acme"), of("globex"), of("default")], [(10, 3, 7), (10, 3, 7), (1, 1, 0)]);
    assert_eq!(out.spans().len(), 7);
}
