//! Labels of a series: its name, and what belongs to the resource, the scope and the point.

use trace_core::model::{AttributeSet, KeyValue, Resource, Scope};

use super::series::Label;

const NAME: &str = "__name__";
const JOB: &str = "job";
const INSTANCE: &str = "instance";
const SCOPE: &str = "otel_scope_";

/// The labels of one series, sorted into what they mean.
#[derive(Debug)]
pub(super) struct Sorted<'a> {
    pub(super) name: &'a str,
    /// `job` and `instance`; empty if it has none.
    pub(super) target: (&'a str, &'a str),
    /// Without `otel_scope_`.
    pub(super) scope: Vec<Label<'a>>,
    pub(super) rest: Vec<Label<'a>>,
}

/// Sorts labels.
///
/// # Errors
/// Why a series with these labels cannot be kept.
pub(super) fn sort<'a>(labels: &mut [Label<'a>]) -> Result<Sorted<'a>, &'static str> {
    labels.sort_unstable();
    if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("a series has a label twice");
    }
    let mut out = Sorted { name: "", target: ("", ""), scope: Vec::new(), rest: Vec::new() };
    for (name, value) in labels.iter().copied() {
        match name {
            "" => return Err("a label has no name"),
            // Which means the same as none.
            _ if value.is_empty() => {}
            NAME => out.name = value,
            JOB => out.target.0 = value,
            INSTANCE => out.target.1 = value,
            _ => match name.strip_prefix(SCOPE).filter(|key| !key.is_empty()) {
                Some(key) => out.scope.push((key, value)),
                None => out.rest.push((name, value)),
            },
        }
    }
    if out.name.is_empty() { Err("a series has no name") } else { Ok(out) }
}

pub(super) fn attributes(labels: &[Label<'_>]) -> AttributeSet {
    AttributeSet::new(labels.iter().map(|(k, v)| KeyValue::new((*k).to_owned(), (*v).to_owned())))
}

/// Who is scraped (OpenTelemetry specification, "Resource Attributes" of the Prometheus rules).
pub(super) fn resource((job, instance): (&str, &str)) -> Resource {
    let (namespace, name) = job.split_once('/').unwrap_or(("", job));
    let pairs = [("service.namespace", namespace), ("service.name", name), ("service.instance.id", instance)];
    let known = pairs.into_iter().filter(|(_, v)| !v.is_empty());
    Resource::new(known.map(|(k, v)| KeyValue::new(k, v.to_owned())))
}

pub(super) fn scope(labels: &[Label<'_>]) -> Scope {
    let mut out = Scope::default();
    let mut rest = Vec::new();
    for (key, value) in labels {
        match *key {
            "name" => out.name = (*value).to_owned().into(),
            "version" => out.version = (*value).to_owned().into(),
            "schema_url" => out.schema_url = (*value).to_owned().into(),
            _ => rest.push((*key, *value)),
        }
    }
    out.attributes = attributes(&rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_into_what_they_mean() {
        let mut labels = [
            ("z", "1"),
            ("job", "eu/shop/web"),
            ("__name__", "up"),
            ("instance", "h:1"),
            ("none", ""),
            ("otel_scope_name", "lib"),
            ("otel_scope_x", "y"),
        ];
        let sorted = sort(&mut labels).unwrap();
        assert_eq!((sorted.name, sorted.rest), ("up", vec![("z", "1")]));
        let resource = resource(sorted.target);
        assert_eq!(resource.attributes.get("service.namespace"), Some(&"eu".into()));
        assert_eq!(resource.service_name(), "shop/web");
        let scope = scope(&sorted.scope);
        assert_eq!((&*scope.name, scope.attributes.get("x")), ("lib", Some(&"y".into())));
    }

    #[test]
    fn a_series_without_a_name_or_with_a_label_twice_is_none() {
        assert!(sort(&mut [("a", "1")]).is_err());
        assert!(sort(&mut [("__name__", "")]).is_err());
        assert!(sort(&mut [("__name__", "a"), ("x", "1"), ("x", "1")]).is_err());
        assert!(sort(&mut [("__name__", "a"), ("", "1")]).is_err());
    }
}
