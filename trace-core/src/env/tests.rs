//! The rules of the specification, variable by variable.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metric::{ExemplarFilter, TemporalityPreference};
use crate::model::Value;
use crate::pipeline::DestinationConfig;
use crate::record::SpanLimits;

fn read(variables: &[(&str, &str)]) -> EnvSettings {
    EnvSettings::read(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
}

fn warned(env: &EnvSettings) -> Vec<&'static str> {
    env.warnings.iter().map(|w| w.variable).collect()
}

#[test]
fn an_empty_environment_sets_nothing_and_an_empty_variable_is_unset() {
    let nothing = EnvSettings::default();
    assert_eq!(read(&[]), nothing);
    let empty = read(&[
        ("OTEL_SDK_DISABLED", ""),
        ("OTEL_SERVICE_NAME", " "),
        ("OTEL_BSP_SCHEDULE_DELAY", ""),
        ("OTEL_TRACES_EXPORTER", ""),
        ("OTEL_LOG_LEVEL", ""),
        ("OTEL_RESOURCE_ATTRIBUTES", ""),
    ]);
    assert_eq!(empty, nothing);
    assert_eq!(nothing.batch.apply_to(DestinationConfig::default()), DestinationConfig::default());
    assert_eq!(nothing.limits.apply_to(SpanLimits::default()), SpanLimits::default());
}

#[test]
fn only_true_is_true_and_other_words_are_reported() {
    for (text, disabled, warnings) in
        [("true", true, 0), ("TRUE", true, 0), ("False", false, 0), ("1", false, 1), ("yes", false, 1)]
    {
        let env = read(&[("OTEL_SDK_DISABLED", text)]);
        assert_eq!((env.disabled, env.warnings.len()), (disabled, warnings), "{text}");
    }
}

#[test]
fn numbers_that_cannot_be_used_are_reported_and_the_default_stays() {
    for text in ["-1", "1.5", "1s", "99999999999999999999999"] {
        let env = read(&[("OTEL_BSP_SCHEDULE_DELAY", text), ("OTEL_SPAN_EVENT_COUNT_LIMIT", text)]);
        assert_eq!((env.batch.schedule_delay, env.limits.event_count), (None, None), "{text}");
        assert_eq!(warned(&env), ["OTEL_BSP_SCHEDULE_DELAY", "OTEL_SPAN_EVENT_COUNT_LIMIT"], "{text}");
    }
    assert_eq!(warned(&read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "0")])), ["OTEL_BSP_MAX_QUEUE_SIZE"]);
    assert_eq!(
        read(&[("OTEL_BSP_SCHEDULE_DELAY", " 0 ")]).batch.schedule_delay,
        Some(Duration::ZERO),
        "zero is a number"
    );
}

#[test]
fn the_batch_variables_feed_a_destination() {
    let env = read(&[
        ("OTEL_BSP_SCHEDULE_DELAY", "250"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "500"),
    ]);
    let config = env.batch.apply_to(DestinationConfig::default());
    assert_eq!(config.max_delay, Duration::from_millis(250));
    assert_eq!(config.timeout, Duration::MAX, "0 is no limit");
    assert_eq!((config.queue_records, config.max_batch), (100, 100));
    assert_eq!(warned(&env), ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"]);
    let queue_alone =
        read(&[("OTEL_BSP_MAX_QUEUE_SIZE", "100")]).batch.apply_to(DestinationConfig::default());
    assert_eq!(queue_alone.max_batch, 100, "a batch is never larger than the queue");
}

#[test]
fn the_service_name_wins_over_the_resource_attributes() {
    let env = read(&[
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a, team=x%2Cy%20%C3%A9 ,k=a=b"),
        ("OTEL_SERVICE_NAME", "b"),
    ]);
    let resource = env.resource();
    assert_eq!(resource.service_name(), "b");
    assert_eq!(resource.attributes.get("team"), Some(&Value::from("x,y é".to_owned())));
    assert_eq!(resource.attributes.get("k"), Some(&Value::from("a=b".to_owned())));
    assert!(env.warnings.is_empty());
}

#[test]
fn resource_attributes_that_cannot_be_read_are_ignored_as_a_whole() {
    for text in ["a=1,b", "a=1,=2", "a=1,b=%zz", "a=1,b=%ff", "a=1,b=%4"] {
        let env = read(&[("OTEL_RESOURCE_ATTRIBUTES", text)]);
        assert!(env.resource_attributes.is_empty(), "{text}");
        assert_eq!(warned(&env), ["OTEL_RESOURCE_ATTRIBUTES"], "{text}");
    }
}

#[test]
fn words_are_read_in_any_case_and_unknown_ones_are_ignored() {
    let env = read(&[("OTEL_LOG_LEVEL", "Debug"), ("OTEL_METRICS_EXEMPLAR_FILTER", "ALWAYS_OFF")]);
    assert_eq!(env.log_level, Some(LogLevel::Debug));
    assert_eq!(env.metrics.exemplar_filter, Some(ExemplarFilter::AlwaysOff));
    let env = read(&[("OTEL_LOG_LEVEL", "loud"), ("OTEL_METRICS_EXEMPLAR_FILTER", "some")]);
    assert_eq!((env.log_level, env.metrics.exemplar_filter), (None, None));
    assert_eq!(warned(&env), ["OTEL_LOG_LEVEL", "OTEL_METRICS_EXEMPLAR_FILTER"]);
}

#[test]
fn what_otlp_wants_of_metrics_is_read_in_any_case() {
    let name = |suffix: &str| format!("OTEL_EXPORTER_OTLP_METRICS_{suffix}");
    let (temporality, histogram) = (name("TEMPORALITY_PREFERENCE"), name("DEFAULT_HISTOGRAM_AGGREGATION"));
    for (word, expected) in [
        ("Delta", Some(TemporalityPreference::Delta)),
        ("LOWMEMORY", Some(TemporalityPreference::LowMemory)),
        ("cumulative", Some(TemporalityPreference::Cumulative)),
        ("both", None),
    ] {
        let env = read(&[(&temporality, word)]);
        assert_eq!(
            (env.metrics.temporality, env.warnings.len()),
            (expected, usize::from(expected.is_none()))
        );
    }
    for (word, expected) in [
        ("explicit_bucket_histogram", Some(false)),
        ("BASE2_exponential_bucket_histogram", Some(true)),
        ("exponential", None),
    ] {
        let env = read(&[(&histogram, word)]);
        assert_eq!(env.metrics.exponential_histograms, expected, "{word}");
        assert_eq!(env.warnings.len(), usize::from(expected.is_none()), "{word}");
    }
}

#[test]
fn the_general_attribute_limits_stand_in_for_those_of_spans() {
    let env = read(&[
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "10"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "20"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "100000"),
        ("OTEL_SPAN_LINK_COUNT_LIMIT", "3"),
    ]);
    assert_eq!(env.limits.attribute_count, Some(100_000));
    assert_eq!(env.limits.attribute_value_length, Some(20));
    let limits = env.limits.apply_to(SpanLimits::default());
    assert_eq!((limits.attributes, limits.links, limits.events), (u16::MAX, 3, 128));
    assert_eq!(limits.value_length, 20);
}

#[test]
fn exporters_are_a_list_without_repetition() {
    let env = read(&[("OTEL_TRACES_EXPORTER", "OTLP, console,,otlp"), ("OTEL_METRICS_EXPORTER", "none")]);
    assert_eq!(env.traces_exporters, Some(vec!["otlp".to_owned(), "console".to_owned()]));
    assert_eq!(env.metrics_exporters, Some(vec!["none".to_owned()]));
    let env = read(&[("OTEL_TRACES_EXPORTER", "none,otlp")]);
    assert_eq!(env.traces_exporters, Some(vec!["otlp".to_owned()]));
    assert_eq!(warned(&env), ["OTEL_TRACES_EXPORTER"]);
}

#[test]
fn samplers_and_propagators_are_passed_on_as_they_are() {
    let env = read(&[
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
        ("OTEL_PROPAGATORS", "b3,tracecontext"),
    ]);
    assert_eq!(env.sampler.as_deref(), Some("parentbased_traceidratio"));
    assert_eq!(env.sampler_arg.as_deref(), Some("0.5"));
    assert_eq!(env.propagators.as_deref(), Some("b3,tracecontext"));
}

proptest! {
    #[test]
    fn any_value_of_any_variable_is_read_or_reported(text in "\\PC{0,40}") {
        EnvSettings::read(&|_| Some(text.clone()));
    }

    #[test]
    fn what_is_percent_encoded_comes_back(key in "[a-z.]{1,9}", value in "\\PC{0,20}") {
        let encoded: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
        let parsed = parse_resource_attributes(&format!("{key}={encoded}")).unwrap();
        prop_assert_eq!(&parsed, &[crate::model::KeyValue::new(key, value)]);
    }
}
