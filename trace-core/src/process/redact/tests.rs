//! What redaction finds, what it leaves alone, and where it looks.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;

use super::*;
use crate::batch::SpanBatchMut;
use crate::model::{
    Event, KeyValue, Link, Resource, SpanContext, SpanData, SpanId, Status, Timestamp, TraceFlags, TraceId,
    Value,
};
use crate::signal::SpanProcessor;

fn span(attributes: Vec<KeyValue>) -> SpanData {
    let context = SpanContext::new(TraceId::from_random(7), SpanId::new(7).unwrap(), TraceFlags::SAMPLED);
    let at = Timestamp::from_unix_secs(1);
    let mut span = SpanData::new(context, "s".to_owned(), at, at);
    span.attributes = attributes;
    span
}

fn through(redact: &RedactProcessor, span: SpanData) -> SpanData {
    let mut batch = SpanBatchMut::new(Arc::new(Resource::service("s")));
    batch.push(span);
    redact.process(&mut batch);
    batch.get(0).unwrap().to_span_data()
}

/// What becomes of a text value.
fn value(redact: &RedactProcessor, text: &str) -> Option<Value> {
    let span = through(redact, span(vec![KeyValue::new("k", text.to_owned())]));
    span.attributes.first().map(|kv| kv.value.clone())
}

fn masking() -> &'static RedactProcessor {
    static MASKING: LazyLock<RedactProcessor> =
        LazyLock::new(|| RedactProcessor::builder().usual_secrets(Redaction::Mask).build().unwrap());
    &MASKING
}

#[test]
fn secrets_are_found_by_their_form() {
    let redact = masking();
    for (text, expected) in [
        ("mail to ann.lee+x@mail.example.org now", "mail to *** now"),
        ("card 4111 1111 1111 1111 ok", "card *** ok"),
        ("4111111111111111", "***"),
        ("on 2024-01-02 4111-1111-1111-1111", "on 2024-01-02 ***"),
        ("378282246310005 and 5500000000000004", "*** and ***"),
        ("Authorization: Bearer abcdef0123456789==", "Authorization: Bearer ***"),
        ("basic dXNlcjpwYXNzd29yZA==", "basic ***"),
        ("t=eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "t=***"),
        ("key AKIAIOSFODNN7EXAMPLE.", "key ***."),
        ("ghp_0123456789abcdefghijABCDEFGHIJ012345", "***"),
        ("postgres://bob:p@ss@db.example.com/x", "postgres://***@db.example.com/x"),
        ("https://token@example.com", "https://***@example.com"),
        ("日本 a@b.example 語", "日本 *** 語"),
    ] {
        assert_eq!(value(redact, text), Some(Value::from(expected.to_owned())), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_secret_stays() {
    let redact = masking();
    for text in [
        "4111111111111112",
        "1700000000000000000",
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "user@localhost",
        "@media",
        "a bearer of news",
        "basic training",
        "AKIA is a prefix",
        "http://example.com/a:b",
        "http://example.com/?mail=none@",
        "",
    ] {
        assert_eq!(value(redact, text), Some(Value::from(text.to_owned())), "{text}");
    }
}

#[test]
fn keys_decide_whatever_the_type_and_exceptions_win() {
    let redact = RedactProcessor::builder()
        .key("*secret*", Redaction::Mask)
        .key("gone.*", Redaction::Drop)
        .except_key("secret_count")
        .build()
        .unwrap();
    let after = through(
        &redact,
        span(vec![
            KeyValue::new("Client.SECRET", 7),
            KeyValue::new("gone.a", "x"),
            KeyValue::new("secret_count", 3),
            KeyValue::new("plain", "y"),
            KeyValue::new(String::from("my.secret"), "owned key"),
        ]),
    );
    assert_eq!(
        after.attributes,
        [
            KeyValue::new("Client.SECRET", "***"),
            KeyValue::new("secret_count", 3),
            KeyValue::new("plain", "y"),
            KeyValue::new("my.secret", "***"),
        ]
    );
}

#[test]
fn every_place_is_searched() {
    let mut s = span(vec![KeyValue::new("list", vec!["a@b.example".to_owned(), "x".to_owned()])]);
    let found = || vec![KeyValue::new("k", "c@d.example")];
    s.name = "user e@f.example".to_owned().into();
    s.status = Status::Error("no mail to g@h.example".to_owned().into());
    s.events = vec![Event {
        name: "sent to i@j.example".to_owned().into(),
        time: Timestamp::from_unix_secs(1),
        attributes: found(),
        dropped_attributes: 0,
    }];
    s.links = vec![Link { context: s.context.clone(), attributes: found(), dropped_attributes: 0 }];
    let after = through(masking(), s.clone());
    assert_eq!(after.attributes[0].value, Value::from(vec!["***", "x"]));
    assert_eq!(after.status, Status::Error("no mail to ***".into()));
    assert_eq!(after.events[0].name, "sent to ***");
    assert_eq!(after.events[0].attributes[0].value, Value::from("***"));
    assert_eq!(after.links[0].attributes[0].value, Value::from("***"));
    assert_eq!(after.name, "user e@f.example", "names are left alone unless asked for");
    let names = RedactProcessor::builder()
        .detector(PatternDetector::Email, Redaction::Drop)
        .span_names(true)
        .build()
        .unwrap();
    let after = through(&names, s);
    assert_eq!(after.name, "user ***", "a name cannot be dropped");
    assert!(after.attributes.is_empty() && after.links[0].attributes.is_empty());
}

#[test]
fn an_array_is_searched_even_if_no_other_text_could_match() {
    let after = through(masking(), span(vec![KeyValue::new("list", vec!["a@b.example".to_owned()])]));
    assert_eq!(after.attributes[0].value, Value::from(vec!["***"]));
}

#[test]
fn the_resource_is_redacted_once_for_all_batches() {
    let own = Arc::new(Resource::new([
        KeyValue::new("service.name", "s"),
        KeyValue::new("process.command_line", "run --db=postgres://a:b@c.example"),
    ]));
    let redact = RedactProcessor::builder().usual_secrets(Redaction::Mask).build().unwrap();
    let (mut first, mut second) = (SpanBatchMut::new(own.clone()), SpanBatchMut::new(own.clone()));
    redact.process(&mut first);
    redact.process(&mut second);
    let line = first.resource().attributes.get("process.command_line");
    assert_eq!(line, Some(&Value::from("run --db=postgres://***@c.example")));
    assert!(Arc::ptr_eq(first.resource(), second.resource()));
    let clean = Arc::new(Resource::service("s"));
    let mut third = SpanBatchMut::new(clean.clone());
    redact.process(&mut third);
    assert!(Arc::ptr_eq(third.resource(), &clean), "what has nothing to hide is not copied");
}

#[test]
fn hashes_are_equal_for_equal_values_and_differ_by_key() {
    let with = |key: &str| {
        RedactProcessor::builder()
            .detector(PatternDetector::Email, Redaction::Hash)
            .key("user.id", Redaction::Hash)
            .hash_key(key)
            .build()
            .unwrap()
    };
    let (a, b) = (with("0123456789abcdef"), with("fedcba9876543210"));
    let hashed = |r: &RedactProcessor| value(r, "x@y.example").unwrap().to_string();
    assert!(hashed(&a).starts_with("hmac:"));
    assert_eq!(hashed(&a), hashed(&a));
    assert_ne!(hashed(&a), hashed(&b));
    let number = through(&a, span(vec![KeyValue::new("user.id", 7)])).attributes.remove(0).value;
    assert!(number.to_string().starts_with("hmac:"));
    assert!(!format!("{a:?}").contains("0123456789abcdef"));
}

#[test]
fn own_patterns_replace_their_group_only() {
    let redact = RedactProcessor::builder().pattern(r"order=(\d+)", Redaction::Mask).build().unwrap();
    assert_eq!(value(&redact, "x order=17, order=18"), Some(Value::from("x order=***, order=***")));
}

#[test]
fn rules_that_cannot_work_are_refused_with_a_reason() {
    let build = |p: &str| RedactProcessor::builder().pattern(p, Redaction::Mask).build().unwrap_err();
    assert!(build("(").to_string().contains("\"(\" cannot be used: "), "{}", build("("));
    assert!(matches!(build("a*"), RedactError::MatchesNothing(_)));
    assert!(build(r"\w{5000}{5000}").to_string().contains("too large"));
    let hash = RedactProcessor::builder().key("*", Redaction::Hash);
    assert_eq!(hash.clone().build().unwrap_err(), RedactError::NoHashKey);
    assert_eq!(hash.hash_key("short").build().unwrap_err(), RedactError::NoHashKey);
    let many = (0..65).fold(RedactProcessor::builder(), |b, i| b.key(i.to_string(), Redaction::Mask));
    assert!(matches!(many.build().unwrap_err(), RedactError::TooMany { given: 65, .. }));
}

proptest! {
    #[test]
    fn any_text_comes_out_and_a_second_pass_changes_nothing(text in "[\\PC@:/ .0-9a-zA-Z]{0,80}") {
        let redact = masking();
        let once = value(redact, &text).unwrap();
        prop_assert_eq!(value(redact, &once.to_string()).unwrap(), once);
    }

    #[test]
    fn a_mail_address_is_found_wherever_it_stands(before in "[ ,;=(]{0,3}", after in "[ ,;)]{0,3}", user in "[a-z]{1,8}") {
        let text = format!("{before}{user}@mail.example{after}");
        prop_assert_eq!(value(masking(), &text), Some(Value::from(format!("{before}***{after}"))));
    }
}
