//! What a receiver's answer means.

use std::time::SystemTime;

use http::{HeaderMap, StatusCode};
use trace_core::signal::ExportError;

use super::sample::Amount;
use crate::http_client::{Answer, permanent, retry_after};
use crate::shorten::shorten;

/// What became of a request.
#[derive(Debug)]
pub(super) enum Outcome {
    /// All of it is stored.
    Stored,
    /// All but so many samples.
    Partly { missing: u64, why: String },
    /// The receiver does not know this version.
    OtherVersion { why: String },
    /// Nothing is stored, for now or for good.
    Refused(ExportError),
}

/// `v2`: whether the request was one of 2.0.
pub(super) fn read(answer: &Answer, sent: Amount, v2: bool, subject: &str, now: SystemTime) -> Outcome {
    let status = answer.status;
    let written = if v2 { written(&answer.headers) } else { None };
    let said = shorten(&String::from_utf8_lossy(&answer.body));
    let message =
        if said.is_empty() { format!("{subject}: {status}") } else { format!("{subject}: {status}: {said}") };
    if status.is_success() {
        return match written {
            _ if !v2 => Outcome::Stored,
            // Receivers of 1.0 read a body of 2.0 as an empty one, store nothing, and say that all is well.
            None => {
                Outcome::OtherVersion { why: format!("{subject}: {status} without saying what was stored") }
            }
            Some(stored) => match sent.missing(stored) {
                0 => Outcome::Stored,
                missing => Outcome::Partly { missing, why: message },
            },
        };
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return Outcome::OtherVersion { why: message };
    }
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        let error = ExportError::retryable(message);
        return Outcome::Refused(error.after(retry_after(&answer.headers, now)));
    }
    match written {
        Some(stored) if sent.missing(stored) < sent.missing(Amount::default()) => {
            Outcome::Partly { missing: sent.missing(stored).max(1), why: message }
        }
        _ => Outcome::Refused(permanent(status, message)),
    }
}

/// What the receiver says it stored; `None` if it says nothing.
fn written(headers: &HeaderMap) -> Option<Amount> {
    let number = |name: &str| {
        let text = headers.get(format!("x-prometheus-remote-write-{name}-written"))?.to_str().ok()?;
        text.trim().parse::<u64>().ok()
    };
    let (samples, histograms, exemplars) = (number("samples"), number("histograms"), number("exemplars"));
    (samples.is_some() || histograms.is_some() || exemplars.is_some()).then(|| Amount {
        samples: samples.unwrap_or(0),
        histograms: histograms.unwrap_or(0),
        exemplars: exemplars.unwrap_or(0),
    })
}
