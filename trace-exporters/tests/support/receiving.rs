//! What the tests of receivers share: who holds what was received, and asking a service.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tower::{Service, ServiceExt as _};
use trace_core::batch::SpanBatchMut;
use trace_core::model::{MetricBatch, Resource, SpanData, TenantId};
use trace_exporters::receiver::{Holder, MetricHolder, NotHeld, ReplyBody};

/// What was received, and the tenant that its request proved.
type Received<T> = Arc<Mutex<Vec<(Option<TenantId>, T)>>>;

/// Keeps what it gets, or refuses it.
#[derive(Clone, Default)]
pub struct Kept {
    pub spans: Received<SpanData>,
    /// Of each batch of spans.
    pub resources: Arc<Mutex<Vec<Arc<Resource>>>>,
    pub metrics: Received<MetricBatch>,
    pub refuse: Option<NotHeld>,
}

impl Kept {
    pub fn refusing(why: NotHeld) -> Self {
        Self { refuse: Some(why), ..Self::default() }
    }

    pub fn spans(&self) -> Vec<SpanData> {
        self.spans.lock().unwrap().iter().map(|(_, span)| span.clone()).collect()
    }

    pub fn metrics(&self) -> Vec<MetricBatch> {
        self.metrics.lock().unwrap().iter().map(|(_, batch)| batch.clone()).collect()
    }
}

#[async_trait]
impl Holder for Kept {
    async fn hold(&self, batches: Vec<SpanBatchMut>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
        if let Some(why) = &self.refuse {
            return Err(why.clone());
        }
        self.resources.lock().unwrap().extend(batches.iter().map(|b| b.resource().clone()));
        let spans = batches.iter().flat_map(SpanBatchMut::iter).map(|s| (tenant.clone(), s.to_span_data()));
        self.spans.lock().unwrap().extend(spans);
        Ok(())
    }
}

#[async_trait]
impl MetricHolder for Kept {
    async fn hold(&self, batches: Vec<MetricBatch>, tenant: Option<TenantId>) -> Result<(), NotHeld> {
        if let Some(why) = &self.refuse {
            return Err(why.clone());
        }
        self.metrics.lock().unwrap().extend(batches.into_iter().map(|b| (tenant.clone(), b)));
        Ok(())
    }
}

#[derive(Debug)]
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Told {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

/// What the service answers to a POST.
pub async fn post<S>(service: &S, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Told
where
    S: Service<Request<Full<Bytes>>, Response = Response<ReplyBody>, Error = Infallible> + Clone,
{
    let request = headers.iter().fold(Request::post(path), |r, (name, value)| r.header(*name, *value));
    ask(service, request.body(Full::new(body.into())).unwrap()).await
}

pub async fn ask<S>(service: &S, request: Request<Full<Bytes>>) -> Told
where
    S: Service<Request<Full<Bytes>>, Response = Response<ReplyBody>, Error = Infallible> + Clone,
{
    let (head, body) = service.clone().oneshot(request).await.unwrap().into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Told { status: head.status, headers: head.headers, text }
}
