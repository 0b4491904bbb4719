//! Rules: the first whose predicate holds says how a span is sampled.

use std::fmt;
use std::sync::Arc;

use super::composable::{ComposableSampler, SamplingIntent};
use crate::model::{SpanKind, Value};
use crate::signal::SamplingInput;

type Test = dyn Fn(&SamplingInput<'_>) -> bool + Send + Sync;

/// A question about a span that starts. Cheap to clone.
#[derive(Clone)]
pub struct Predicate {
    description: String,
    test: Arc<Test>,
}

impl Predicate {
    /// A question of your own; the description stands in that of the sampler.
    pub fn new(
        description: impl Into<String>,
        test: impl Fn(&SamplingInput<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { description: description.into(), test: Arc::new(test) }
    }

    /// Every span.
    pub fn any() -> Self {
        Self::new("any", |_| true)
    }

    /// The name is this. A `*` stands for any characters: `GET /items/*`.
    pub fn name(pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        Self::new(format!("name={pattern}"), move |i| matches(&pattern, i.name))
    }

    /// The kind is this.
    pub fn kind(kind: SpanKind) -> Self {
        Self::new(format!("kind={}", kind.as_str()), move |i| i.kind == kind)
    }

    /// An attribute that is known at the start has this value.
    pub fn attribute(key: impl Into<String>, value: impl Into<Value>) -> Self {
        let (key, value) = (key.into(), value.into());
        let description = format!("{key}={}", value.as_ref());
        Self::new(description, move |i| i.attributes.get(&key).is_some_and(|v| v == value.as_ref()))
    }

    /// The service is this one.
    pub fn service(name: impl Into<String>) -> Self {
        let name = name.into();
        Self::new(format!("service={name}"), move |i| i.resource.is_some_and(|r| r.service_name() == name))
    }

    /// The span has no parent.
    pub fn root() -> Self {
        Self::new("root", |i| i.parent.is_none())
    }

    /// The parent lives in another process.
    pub fn remote_parent() -> Self {
        Self::new("remote_parent", |i| i.parent.is_some_and(|p| p.is_remote))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (a, b) = (self.test, other.test);
        Self::new(format!("({} and {})", self.description, other.description), move |i| a(i) && b(i))
    }

    /// One of them holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (a, b) = (self.test, other.test);
        Self::new(format!("({} or {})", self.description, other.description), move |i| a(i) || b(i))
    }

    /// It does not hold.
    #[must_use]
    pub fn negate(self) -> Self {
        let test = self.test;
        Self::new(format!("not {}", self.description), move |i| !test(i))
    }

    /// The answer for one span.
    pub fn holds(&self, input: &SamplingInput<'_>) -> bool {
        (self.test)(input)
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

/// Whether a text fits a pattern in which `*` stands for any characters. In time linear in both: after a star, the
/// first place where the next part fits is as good as any later one.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|p| !p.is_empty()) {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

/// `ComposableRuleBased`: rules in order; the first that holds gives the intent, and a span for which none holds is
/// dropped.
#[derive(Default)]
pub struct RuleBased(Vec<(Predicate, Box<dyn ComposableSampler>)>);

impl RuleBased {
    /// No rules: everything is dropped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a rule behind those added before.
    #[must_use]
    pub fn rule(mut self, predicate: Predicate, sampler: impl ComposableSampler + 'static) -> Self {
        self.0.push((predicate, Box::new(sampler)));
        self
    }
}

impl ComposableSampler for RuleBased {
    fn intent(&self, input: &SamplingInput<'_>) -> SamplingIntent {
        let rule = self.0.iter().find(|(predicate, _)| predicate.holds(input));
        rule.map_or(SamplingIntent::DROP, |(_, sampler)| sampler.intent(input))
    }

    fn describe(&self) -> String {
        let rules: Vec<String> = self.0.iter().map(|(p, s)| format!("({p:?}:{})", s.describe())).collect();
        format!("ComposableRuleBased{{{}}}", rules.join(","))
    }
}

impl fmt::Debug for RuleBased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KeyValue, Resource, TraceId};
    use crate::signal::StartAttributes;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, fits) in [
            ("GET /items", "GET /items", true),
            ("GET /items", "GET /items/", false),
            ("GET *", "GET /items", true),
            ("*", "", true),
            ("*/health*", "GET /health/live", true),
            ("*/health", "GET /health/live", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
            ("a**a", "aa", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn predicates_see_name_kind_attributes_and_service() {
        let (attributes, resource) =
            ([KeyValue::new("tenant", "acme"), KeyValue::new("n", 7)], Resource::service("shop"));
        let input = SamplingInput::new(TraceId::MIN, "GET /", SpanKind::Server)
            .with_attributes(StartAttributes::of(&attributes))
            .from_resource(&resource);
        let yes = [
            Predicate::name("GET *").and(Predicate::kind(SpanKind::Server)),
            Predicate::attribute("tenant", "acme").and(Predicate::attribute("n", 7)),
            Predicate::service("shop").and(Predicate::root()),
            Predicate::name("other").or(Predicate::any()),
            Predicate::remote_parent().negate(),
        ];
        assert!(yes.iter().all(|p| p.holds(&input)));
        let no = [
            Predicate::kind(SpanKind::Client),
            Predicate::attribute("tenant", "other"),
            Predicate::attribute("n", "7"),
            Predicate::attribute("absent", 1),
            Predicate::service("other"),
        ];
        assert!(no.iter().all(|p| !p.holds(&input)));
        assert_eq!(format!("{:?}", yes[0]), "(name=GET * and kind=server)");
    }
}
