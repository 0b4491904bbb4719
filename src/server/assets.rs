//! The files of the live page, embedded.

use std::collections::HashMap;
use std::io::Write as _;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::write::GzEncoder;

use super::error::ApiError;

macro_rules! files {
    ($($path:literal),* $(,)?) => { &[$(($path, include_bytes!(concat!("page/", $path)) as &[u8])),*] };
}

/// Every file that the page needs, by its path.
const FILES: &[(&str, &[u8])] = files![
    "index.html",
    "favicon.svg",
    "style.css",
    "cards.css",
    "trace.css",
    "api.js",
    "app.js",
    "format.js",
    "lib.js",
    "live.js",
    "route.js",
    "tree.js",
    "components/alerts.js",
    "components/anomalies.js",
    "components/card.js",
    "components/header.js",
    "components/operations.js",
    "components/pipeline.js",
    "components/plots.js",
    "components/span.js",
    "components/traces.js",
    "components/waterfall.js",
    "vendor/LICENSES.txt",
    "vendor/htm.js",
    "vendor/preact-hooks.js",
    "vendor/preact.js",
    "vendor/signals-core.js",
    "vendor/signals.js",
    "vendor/uplot.css",
    "vendor/uplot.js",
];

/// Smaller files gain nothing from compression.
const MIN_GZIP: usize = 1024;

struct Asset {
    content_type: &'static str,
    etag: String,
    plain: Bytes,
    gzip: Option<Bytes>,
}

/// The files, ready to be sent.
pub(super) struct Assets(HashMap<String, Asset>);

impl Assets {
    pub(super) fn load() -> Self {
        let asset = |path: &str, content: &'static [u8]| Asset {
            content_type: content_type(path),
            etag: format!("\"{:016x}\"", fnv1a(content)),
            plain: Bytes::from_static(content),
            gzip: (content.len() >= MIN_GZIP).then(|| gzip(content)).flatten(),
        };
        let mut all: HashMap<_, _> =
            FILES.iter().map(|(path, content)| (format!("/{path}"), asset(path, content))).collect();
        if let Some(index) = all.remove("/index.html") {
            all.insert("/".to_owned(), index);
        }
        Self(all)
    }

    /// The file at the path of the request, or a 404 in JSON.
    pub(super) fn answer(&self, request: &Request) -> Response {
        let Some(asset) = self.0.get(request.uri().path()) else {
            let message = format!("there is nothing at {}", shown(request.uri().path()));
            return ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message).into_response();
        };
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "use GET");
            return ([(header::ALLOW, "GET, HEAD")], error).into_response();
        }
        let fixed = [
            (header::ETAG, asset.etag.clone()),
            (header::CACHE_CONTROL, "no-cache".to_owned()),
            (header::VARY, "accept-encoding".to_owned()),
        ];
        if names(request.headers(), header::IF_NONE_MATCH, &asset.etag) {
            return (StatusCode::NOT_MODIFIED, fixed).into_response();
        }
        let content_type = [(header::CONTENT_TYPE, asset.content_type)];
        match &asset.gzip {
            Some(packed) if names(request.headers(), header::ACCEPT_ENCODING, "gzip") => {
                (fixed, content_type, [(header::CONTENT_ENCODING, "gzip")], packed.clone()).into_response()
            }
            _ => (fixed, content_type, asset.plain.clone()).into_response(),
        }
    }
}

/// Whether a comma list in a header has this item.
fn names(headers: &HeaderMap, header: header::HeaderName, item: &str) -> bool {
    let lists = headers.get_all(header).into_iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| {
        let one = one.trim();
        let refused = one.split_once(";q=").is_some_and(|(_, q)| q.trim().parse() == Ok(0.0));
        !refused && one.split(';').next() == Some(item)
    })
}

fn shown(path: &str) -> String {
    path.chars().take(100).collect()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

fn gzip(content: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// FNV-1a: tells versions of a file apart, which is all that an entity tag is for.
fn fnv1a(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_of_the_page_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server/page");
        let mut found = BTreeSet::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_none_or(|e| e != "md") {
                    found.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let embedded: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(found, embedded);
    }
}
