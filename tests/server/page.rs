//! The live page.

use axum::body::Body;
use http::Request;

use crate::support::App;

#[tokio::test]
async fn the_page_and_all_it_refers_to_are_served_with_the_right_type() {
    let app = App::new();
    let page = app.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let html = page.text();
    let mut found = 0;
    for part in html.split(['"']).filter(|p| p.ends_with(".js") || p.ends_with(".css") || p.ends_with(".svg"))
    {
        let answer = app.get(&format!("/{part}")).await;
        let expected = match part.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, expected), "{part}");
        found += 1;
    }
    assert!(found >= 6, "{found}");
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = App::new();
    for path in ["/", "/app.js", "/health", "/api/v1/traces", "/nothing", "/metrics"] {
        let answer = app.get(path).await;
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let app = App::new();
    let etag = app.get("/app.js").await.header("etag").to_owned();
    let again = |tag: &str| Request::get("/app.js").header("if-none-match", tag).body(Body::empty()).unwrap();
    let known = app.send(again(&format!("\"other\", {etag}"))).await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    assert_eq!(app.send(again("\"other\"")).await.status, 200);
}

#[tokio::test]
async fn files_are_compressed_for_those_who_can_read_it() {
    let app = App::new();
    let get =
        |accept: &str| Request::get("/app.js").header("accept-encoding", accept).body(Body::empty()).unwrap();
    let packed = app.send(get("br, gzip")).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.body[..2], [0x1f, 0x8b]);
    for plain in ["identity", "gzip;q=0", ""] {
        assert_eq!(app.send(get(plain)).await.header("content-encoding"), "", "{plain}");
    }
}

#[tokio::test]
async fn other_methods_are_refused() {
    let app = App::new();
    for path in ["/", "/app.js", "/api/v1/traces"] {
        let request = Request::delete(path).body(Body::empty()).unwrap();
        app.send(request).await.assert_error(405, "METHOD_NOT_ALLOWED");
    }
}
