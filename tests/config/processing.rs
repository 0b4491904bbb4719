//! `processing` and `tenancy`.

use mplp_trace::config::TraceConfig;
use mplp_trace::core::process::Redaction;
use mplp_trace::core::tenant::TenantLedger;
use serde_json::json;

use crate::support::{at, load, problems};

#[test]
fn redaction_is_on_if_its_section_is_there() {
    assert_eq!(load("", &[]).processing.redact, None);
    let redact = load(&at("processing", "redact: {}"), &[]).processing.redact.unwrap();
    assert!(redact.usual_secrets && redact.action == Redaction::Mask && redact.build().is_ok());
    assert_eq!(
        load(&at("processing", "redact: {enabled: false, patterns: ['(']}"), &[]).processing.redact,
        None
    );
    let text = "redact: {action: hash, hashKey: '${KEY}', keys: ['user.*'], detectors: [email], usualSecrets: false}";
    let config = load(&at("processing", text), &[("KEY", "0123456789abcdef")]);
    let shown = serde_json::to_value(&config).unwrap();
    assert_eq!(shown["processing"]["redact"]["hashKey"], json!("***"));
    assert_eq!(shown["processing"]["redact"]["detectors"], json!(["email"]));
    assert_eq!(shown["processing"]["redact"]["action"], json!("hash"));
}

#[test]
fn rules_that_cannot_work_are_reported_with_their_place() {
    let said = problems(&at("processing.redact", "patterns: ['(']"), &[]);
    assert!(
        said[0].starts_with("processing.redact cannot be used: pattern \"(\" cannot be used"),
        "{said:?}"
    );
    let said = problems(&at("processing.redact", "action: hash"), &[]);
    assert!(said[0].contains("at least 16 bytes"), "{said:?}");
    let said = problems(&at("processing.redact", "rules: [{key: a, pattern: b}, {action: drop}]"), &[]);
    assert_eq!(
        said,
        ["processing.redact.rules[0]", "processing.redact.rules[1]"]
            .map(|path| format!("{path} needs exactly one of key, pattern and detector"))
    );
    let said = problems(&at("processing.redact", "detectors: [mail]"), &[]);
    assert!(said[0].contains("processing.redact.detectors[0]") && said[0].contains("known are"), "{said:?}");
}

#[test]
fn quotas_are_read_for_all_and_for_each_tenant() {
    let text = "spanAttributes: [customer]\nquota: {spansPerSecond: 100, alertsPerMinute: 5}\n\
                tenants: [{name: acme, series: 10}]\nmaxTenants: 50";
    let config = load(&at("tenancy", text), &[]);
    let tenancy = config.tenancy.as_ref().unwrap();
    assert_eq!(tenancy.quota.spans_per_second, Some(100.0));
    assert_eq!(tenancy.tenants.values().next().unwrap().series, Some(10));
    assert_eq!(tenancy.build().ledger(), Vec::<TenantLedger>::new());
    assert_eq!(load("", &[]).tenancy, None);
    let text = at("tenancy", "defaultTenant: 'not valid!'\ntenants: [{name: a}, {name: a}, {}]");
    let said = problems(&text, &[]);
    assert!(said.iter().any(|p| p.contains("tenancy.defaultTenant")), "{said:?}");
    assert!(said.iter().any(|p| p.contains("the tenant a twice")), "{said:?}");
    assert!(said.iter().any(|p| p.contains("without a name")), "{said:?}");
}

#[test]
fn what_every_span_gets_is_text_or_a_number_or_a_boolean_by_key() {
    let config: TraceConfig = load(&at("processing", "enrich: {team.name: shop, region: '${R:-eu}'}"), &[]);
    assert_eq!(config.processing.enrich["team.name"], "shop".into());
    assert_eq!(config.processing.enrich["region"], "eu".into());
}

#[test]
fn attributes_keep_their_type_and_a_variable_is_text() {
    let text = "enrich: {shard: 3, ratio: 0.5, live: true, zone: '${Z}'}\noverwrite: {v: '7'}\n\
                resource: {enrich: {region: eu}, overwrite: {pods: 2}}";
    let processing = load(&at("processing", text), &[("Z", "12")]).processing;
    let shown = serde_json::to_value(&processing).unwrap();
    assert_eq!(shown["enrich"], json!({"shard": 3, "ratio": 0.5, "live": true, "zone": "12"}));
    assert_eq!(shown["overwrite"], json!({"v": "7"}));
    let (filled, replaced) = processing.resource.resources();
    assert_eq!(filled.attributes.get("region"), Some(&"eu".into()));
    assert_eq!(replaced.attributes.get("pods"), Some(&2i64.into()));
}

#[test]
fn rules_of_redaction_have_an_action_each() {
    let text = "action: mask\nhashKey: 0123456789abcdef\nrules:\n\
                - {key: 'user.*', action: drop}\n- {pattern: 'id-([0-9]+)'}\n- {detector: email, action: hash}";
    let redact = load(&at("processing.redact", text), &[]).processing.redact.unwrap();
    let shown = serde_json::to_value(&redact.rules).unwrap();
    let expected = json!([
        {"key": "user.*", "action": "drop"},
        {"pattern": "id-([0-9]+)", "action": "mask"},
        {"detector": "email", "action": "hash"},
    ]);
    assert_eq!(shown, expected);
    assert!(redact.build().is_ok());
}

#[test]
fn a_list_of_texts_is_wanted_where_there_is_something_else() {
    for (given, shown) in [("3", "a number"), ("true", "a boolean"), ("{a: b}", "a section")] {
        let said = problems(&at("processing.redact", &format!("keys: {given}")), &[]);
        let expected = format!("processing.redact.keys is {shown}; allowed: a list of texts, such as [a, b]");
        assert_eq!(said, [expected]);
    }
}
