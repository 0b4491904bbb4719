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
fn what_every_span_gets_is_text_by_key() {
    let config: TraceConfig = load(&at("processing", "enrich: {team.name: shop, region: '${R:-eu}'}"), &[]);
    assert_eq!(config.processing.enrich["team.name"], "shop");
    assert_eq!(config.processing.enrich["region"], "eu");
}
