//! The cases of the W3C's own validation suite for Trace Context, by their names there, as tables.

use super::*;

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

/// Reads, and says `trace-span-flags` and the trace state; empty if the trace begins anew.
fn joined(headers: &[(&str, &str)]) -> (String, String) {
    let headers: Vec<_> = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let Some(c) = W3cPropagator.extract(&headers).context else { return Default::default() };
    (format!("{}-{}-{:02x}", c.trace_id, c.span_id, c.flags.0), c.trace_state.as_str().to_owned())
}

fn parent() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}

/// What is joined with this `traceparent`.
fn by(traceparent: &str) -> String {
    joined(&[("traceparent", traceparent)]).0
}

/// The trace state that stays of these headers beside a valid `traceparent`.
fn state(values: &[&str]) -> String {
    let parent = parent();
    let headers: Vec<_> = [("traceparent", parent.as_str())]
        .into_iter()
        .chain(values.iter().map(|v| ("tracestate", *v)))
        .collect();
    let (ids, state) = joined(&headers);
    assert_eq!(ids, format!("{TRACE}-{SPAN}-01"), "{values:?}");
    state
}

#[test]
fn traceparents_that_are_valid() {
    let ids = format!("{TRACE}-{SPAN}-01");
    for (name, header) in [
        ("header_included", parent()),
        ("version_0xcc", format!("cc-{TRACE}-{SPAN}-01")),
        ("version_0xcc_longer", format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like")),
        ("ows_handling, in front", format!(" \t{}", parent())),
        ("ows_handling, behind", format!("{} \t", parent())),
    ] {
        assert_eq!(by(&header), ids, "{name}");
    }
    for name in ["TraceParent", "TrAcEpArEnT", "TRACEPARENT"] {
        assert_eq!(joined(&[(name, &parent())]).0, ids, "header_name {name}");
    }
    assert_eq!(by(&format!("00-{TRACE}-{SPAN}-00")), format!("{TRACE}-{SPAN}-00"), "not sampled");
}

#[test]
fn traceparents_that_begin_a_new_trace() {
    for (name, header) in [
        ("version_0x00, longer", format!("{}.", parent())),
        ("version_0x00, with more", format!("{}-what-the-future-will-be-like", parent())),
        ("version_0xcc, no dash", format!("cc-{TRACE}-{SPAN}-01.what-the-future-will-not-be-like")),
        ("version_0xff", format!("ff-{TRACE}-{SPAN}-01")),
        ("version_illegal_characters", format!(".0-{TRACE}-{SPAN}-01")),
        ("version_illegal_characters", format!("0.-{TRACE}-{SPAN}-01")),
        ("version_too_long", format!("000-{TRACE}-{SPAN}-01")),
        ("version_too_short", format!("0-{TRACE}-{SPAN}-01")),
        ("trace_id_all_zero", format!("00-{}-{SPAN}-01", "0".repeat(32))),
        ("trace_id_illegal_characters", format!("00-.{}-{SPAN}-01", &TRACE[1..])),
        ("trace_id_too_long", format!("00-{TRACE}3-{SPAN}-01")),
        ("trace_id_too_short", format!("00-{}-{SPAN}-01", &TRACE[1..])),
        ("parent_id_all_zero", format!("00-{TRACE}-{}-01", "0".repeat(16))),
        ("parent_id_illegal_characters", format!("00-{TRACE}-.{}-01", &SPAN[1..])),
        ("parent_id_too_long", format!("00-{TRACE}-{SPAN}7-01")),
        ("parent_id_too_short", format!("00-{TRACE}-{}-01", &SPAN[1..])),
        ("trace_flags_illegal_characters", format!("00-{TRACE}-{SPAN}-.0")),
        ("trace_flags_illegal_characters", format!("00-{TRACE}-{SPAN}-0.")),
        ("trace_flags_too_long", format!("00-{TRACE}-{SPAN}-001")),
        ("trace_flags_too_short", format!("00-{TRACE}-{SPAN}-1")),
    ] {
        assert_eq!(by(&header), "", "{name}");
    }
    let twice = [("traceparent", parent()), ("traceparent", parent())];
    assert_eq!(joined(&twice.each_ref().map(|(k, v)| (*k, v.as_str()))).0, "", "traceparent_duplicated");
    for name in ["trace-parent", "trace.parent"] {
        assert_eq!(joined(&[(name, &parent())]).0, "", "header_name {name}");
    }
    let alone = joined(&[("tracestate", "foo=1")]);
    assert_eq!(alone, Default::default(), "tracestate_included_traceparent_missing");
}

#[test]
fn trace_states_that_are_kept() {
    let longest_key = format!("{}=1", "z".repeat(256));
    let longest_tenant = format!("{}@{}=1", "t".repeat(241), "v".repeat(14));
    let longest_value = format!("foo={}", "v".repeat(256));
    let most: Vec<String> = (1..=32).map(|i| format!("bar{i:02}={i:02}")).collect();
    let most = most.join(",");
    for (name, values, kept) in [
        ("included", &["foo=1,bar=2"][..], "foo=1,bar=2"),
        ("empty_header", &["foo=1", ""], "foo=1"),
        ("empty_header, first", &["", "foo=1"], "foo=1"),
        (
            "multiple_headers_different_keys",
            &["foo=1,bar=2", "rojo=1,congo=2", "baz=3"],
            "foo=1,bar=2,rojo=1,congo=2,baz=3",
        ),
        ("ows_handling", &["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
        ("ows_handling, around", &[" foo=1 ", "\tbar=2\t"], "foo=1,bar=2"),
        (
            "all_allowed_characters",
            &["0123456789abcdefghijklmnopqrstuvwxyz_-*/= !\"#$%&'()*+-./0;<>?@[\\]^_`{|}~"],
            "0123456789abcdefghijklmnopqrstuvwxyz_-*/= !\"#$%&'()*+-./0;<>?@[\\]^_`{|}~",
        ),
        ("key_length_limit", &[&longest_key], &longest_key),
        ("key_length_limit, tenant", &[&longest_tenant], &longest_tenant),
        ("value_length_limit", &[&longest_value], &longest_value),
        ("member_count_limit", &[&most], &most),
        // Which one stays is the receiver's choice; we keep the most recent.
        ("duplicated_keys", &["foo=1,foo=2"], "foo=1"),
        ("duplicated_keys, two headers", &["foo=1", "foo=2"], "foo=1"),
    ] {
        assert_eq!(state(values), kept, "{name}");
    }
}

#[test]
fn trace_states_that_are_dropped_without_the_parent() {
    let key_too_long = format!("{}=1", "z".repeat(257));
    let tenant_too_long = format!("{}@v=1", "t".repeat(242));
    let system_too_long = format!("t@{}=1", "v".repeat(15));
    let too_many: Vec<String> = (1..=33).map(|i| format!("bar{i:02}={i:02}")).collect();
    let too_many = too_many.join(",");
    for (name, value) in [
        ("key_illegal_characters", "foo =1"),
        ("key_illegal_characters", "FOO=1"),
        ("key_illegal_characters", "foo.bar=1"),
        ("key_illegal_vendor_format", "foo@=1,bar=2"),
        ("key_illegal_vendor_format", "@foo=1,bar=2"),
        ("key_illegal_vendor_format", "foo@@bar=1,bar=2"),
        ("key_illegal_vendor_format", "foo@bar@baz=1,bar=2"),
        ("key_length_limit", &key_too_long),
        ("key_length_limit", &tenant_too_long),
        ("key_length_limit", &system_too_long),
        ("value_illegal_characters", "foo=bar=baz"),
        ("value_illegal_characters", "foo=,bar=3"),
        ("member_count_limit", &too_many),
    ] {
        assert_eq!(state(&[value]), "", "{name}: {value}");
    }
}
