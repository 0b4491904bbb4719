//! The instruments of one naming scheme, and their attributes.

use crate::metric::{
    BoundCounter, BoundHistogram, Counter, DEFAULT_BOUNDS, Histogram, InvalidInstrument, Meter, UpDownCounter,
};
use crate::model::KeyValue;

use super::collect_metrics::UNMATCHED;
use super::error_type::ErrorType;
use super::operation::Operation;
use super::series::SeriesKey;

/// Sizes from 256 B to 16 MiB.
const SIZE_BOUNDS: [f64; 9] =
    [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

/// How instruments and attributes are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// `mplp_http_...` by method, handler and status.
    Mplp,
    /// `http.server...` of OpenTelemetry.
    Server,
    /// `http.client...` of OpenTelemetry.
    Client,
}

/// The instruments of a scheme.
#[derive(Clone)]
pub(super) struct Family {
    pub(super) scheme: Scheme,
    requests: Option<Counter>,
    duration: Histogram,
    /// Whether the following are used.
    pub(super) detailed: bool,
    in_flight: UpDownCounter,
    request_size: Histogram,
    response_size: Histogram,
}

/// One series of the instruments that every request records into.
pub(super) struct BoundFamily {
    requests: Option<BoundCounter>,
    duration: BoundHistogram,
    /// For sizes: a bound series is exported even if it stays empty, as those of requests without a body would.
    attributes: Vec<KeyValue>,
}

/// What is measured of a request.
#[derive(Clone, Copy)]
pub(super) struct Measured {
    pub(super) seconds: f64,
    pub(super) request_bytes: Option<u64>,
    /// `None` if there was no response.
    pub(super) response_bytes: Option<u64>,
}

impl Family {
    /// Registers the instruments. Those that are never used are never exported.
    pub(super) fn new(meter: &Meter, scheme: Scheme) -> Result<Self, InvalidInstrument> {
        let names = match scheme {
            Scheme::Mplp => Names {
                duration: "mplp_http_request_duration",
                in_flight: "mplp_http_requests_in_flight",
                request_size: "mplp_http_request_size",
                response_size: "mplp_http_response_size",
            },
            Scheme::Server => Names {
                duration: "http.server.request.duration",
                in_flight: "http.server.active_requests",
                request_size: "http.server.request.body.size",
                response_size: "http.server.response.body.size",
            },
            Scheme::Client => Names {
                duration: "http.client.request.duration",
                in_flight: "http.client.active_requests",
                request_size: "http.client.request.body.size",
                response_size: "http.client.response.body.size",
            },
        };
        let requests = match scheme {
            Scheme::Mplp => {
                let requests = meter.counter("mplp_http_requests").unit("{request}");
                Some(requests.description("Requests that have ended.").build()?)
            }
            Scheme::Server | Scheme::Client => None,
        };
        let size =
            |name, what| meter.histogram(name).unit("By").description(what).bounds(SIZE_BOUNDS).build();
        Ok(Self {
            scheme,
            requests,
            duration: meter
                .histogram(names.duration)
                .unit("s")
                .description("Time from the beginning of a request to the end of its response body.")
                .bounds(DEFAULT_BOUNDS)
                .build()?,
            detailed: false,
            in_flight: meter
                .up_down_counter(names.in_flight)
                .unit("{request}")
                .description("Requests under way.")
                .build()?,
            request_size: size(names.request_size, "Request bodies, as far as their size is known.")?,
            response_size: size(names.response_size, "Response bodies, as far as they came.")?,
        })
    }

    /// One more request is under way, or one less; only if detailed.
    pub(super) fn in_flight(&self, change: i64, of: &Operation, https: bool) {
        self.in_flight.add(change, &self.in_flight_attributes(of, https));
    }

    pub(super) fn bind(&self, of: &Operation, key: SeriesKey) -> BoundFamily {
        let attributes = self.attributes(of, key);
        BoundFamily {
            requests: self.requests.as_ref().map(|r| r.bind(&attributes)),
            duration: self.duration.bind(&attributes),
            attributes,
        }
    }

    /// Records what is not bound: sizes.
    pub(super) fn record_rest(&self, bound: &BoundFamily, measured: Measured) {
        self.record_sizes(&bound.attributes, measured);
    }

    /// Records without a bound series.
    pub(super) fn record_unbound(&self, of: &Operation, key: SeriesKey, measured: Measured) {
        let attributes = self.attributes(of, key);
        if let Some(requests) = &self.requests {
            requests.add(1, &attributes);
        }
        self.duration.record(measured.seconds, &attributes);
        self.record_sizes(&attributes, measured);
    }

    fn record_sizes(&self, attributes: &[KeyValue], measured: Measured) {
        if !self.detailed {
            return;
        }
        if let Some(bytes) = measured.request_bytes {
            self.request_size.record(bytes as f64, attributes);
        }
        if let Some(bytes) = measured.response_bytes {
            self.response_size.record(bytes as f64, attributes);
        }
    }

    fn attributes(&self, of: &Operation, key: SeriesKey) -> Vec<KeyValue> {
        let mut out = Vec::with_capacity(8);
        if self.scheme == Scheme::Mplp {
            let handler = of.template.as_deref().unwrap_or(UNMATCHED).to_owned();
            out.push(KeyValue::new("method", of.method));
            out.push(KeyValue::new("handler", handler));
            out.push(KeyValue::new("status", status_label(key).to_string()));
            return out;
        }
        out.push(KeyValue::new("http.request.method", of.method));
        out.push(KeyValue::new("url.scheme", scheme_name(key.https)));
        if let Some(template) = &of.template {
            let name = if self.scheme == Scheme::Server { "http.route" } else { "url.template" };
            out.push(KeyValue::new(name, template.to_string()));
        }
        if let Some((host, port)) = &of.server {
            out.push(KeyValue::new("server.address", host.to_string()));
            out.extend(port.map(|port| KeyValue::new("server.port", port)));
        }
        out.extend(key.version.map(|version| KeyValue::new("network.protocol.version", version)));
        if key.status != 0 {
            out.push(KeyValue::new("http.response.status_code", key.status));
        }
        out.extend(key.error.name().map(|name| KeyValue::new("error.type", name.to_owned())));
        out
    }

    fn in_flight_attributes(&self, of: &Operation, https: bool) -> Vec<KeyValue> {
        let mut out = Vec::with_capacity(4);
        if self.scheme == Scheme::Mplp {
            let handler = of.template.as_deref().unwrap_or(UNMATCHED).to_owned();
            out.push(KeyValue::new("method", of.method));
            out.push(KeyValue::new("handler", handler));
            return out;
        }
        out.push(KeyValue::new("http.request.method", of.method));
        out.push(KeyValue::new("url.scheme", scheme_name(https)));
        if let Some((host, port)) = &of.server {
            out.push(KeyValue::new("server.address", host.to_string()));
            out.extend(port.map(|port| KeyValue::new("server.port", port)));
        }
        out
    }
}

impl BoundFamily {
    /// With the current span as exemplar, if the registry's filter takes it.
    pub(super) fn record(&self, measured: Measured) {
        if let Some(requests) = &self.requests {
            requests.add(1);
        }
        self.duration.record(measured.seconds);
    }

    /// Without an exemplar.
    pub(super) fn record_plain(&self, measured: Measured) {
        if let Some(requests) = &self.requests {
            requests.add_plain(1);
        }
        self.duration.record_plain(measured.seconds);
    }

    /// With an exemplar of the duration alone.
    pub(super) fn record_duration(&self, measured: Measured) {
        if let Some(requests) = &self.requests {
            requests.add_plain(1);
        }
        self.duration.record(measured.seconds);
    }
}

struct Names {
    duration: &'static str,
    in_flight: &'static str,
    request_size: &'static str,
    response_size: &'static str,
}

pub(super) const fn scheme_name(https: bool) -> &'static str {
    if https { "https" } else { "http" }
}

/// The status, and for a request without a response 499 (as nginx logs it) if nobody waited for one, else 500.
const fn status_label(key: SeriesKey) -> u16 {
    match (key.status, key.error) {
        (0, ErrorType::Cancelled) => 499,
        (0, _) => 500,
        (status, _) => status,
    }
}
