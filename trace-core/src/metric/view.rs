//! Views: what the owner of a program changes about the instruments of libraries.

use std::borrow::Cow;

use super::descriptor::Descriptor;
use super::{Aggregation, InstrumentKind, InvalidView};
use crate::model::Scope;

/// Selects instruments, and says how their metrics differ from what the instruments ask for.
///
/// An instrument that several views select has a metric for each of them; one that none selects has its own.
///
/// ```
/// use trace_core::metric::{Aggregation, View};
/// let views = [
///     View::of("http.server.*").keep_attributes(["http.route"]).aggregation(Aggregation::EXPONENTIAL),
///     View::of("debug.*").aggregation(Aggregation::Drop),
/// ];
/// ```
#[derive(Clone, Debug, Default)]
pub struct View {
    name: Option<Cow<'static, str>>,
    kind: Option<InstrumentKind>,
    unit: Option<Cow<'static, str>>,
    meter: Option<Cow<'static, str>>,
    pub(super) new_name: Option<Cow<'static, str>>,
    pub(super) new_description: Option<Cow<'static, str>>,
    pub(super) keys: Option<Vec<Cow<'static, str>>>,
    pub(super) aggregation: Aggregation,
    pub(super) cardinality_limit: Option<usize>,
}

impl View {
    /// Selects instruments by name, in which `*` stands for any text and `?` for one character. Upper and lower case
    /// do not differ.
    pub fn of(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// Selects instruments of a kind.
    pub fn of_kind(kind: InstrumentKind) -> Self {
        Self { kind: Some(kind), ..Self::default() }
    }

    /// Selects the instruments of a meter by the exact name of its scope.
    pub fn of_meter(meter: impl Into<Cow<'static, str>>) -> Self {
        Self { meter: Some(meter.into()), ..Self::default() }
    }

    /// Selects further by kind.
    #[must_use]
    pub fn kind(mut self, kind: InstrumentKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Selects further by unit, which must be equal.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Selects further by the exact name of the meter's scope.
    #[must_use]
    pub fn meter(mut self, meter: impl Into<Cow<'static, str>>) -> Self {
        self.meter = Some(meter.into());
        self
    }

    /// The metric's name. It need not follow the rule for instruments.
    #[must_use]
    pub fn rename(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.new_name = Some(name.into());
        self
    }

    /// The metric's description.
    #[must_use]
    pub fn describe(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.new_description = Some(description.into());
        self
    }

    /// Only these attribute keys make a series. What differs in other keys is added up; of a gauge the last value
    /// stays.
    #[must_use]
    pub fn keep_attributes<K: Into<Cow<'static, str>>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.keys = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// How measurements are aggregated.
    #[must_use]
    pub fn aggregation(mut self, aggregation: Aggregation) -> Self {
        self.aggregation = aggregation;
        self
    }

    /// How many series the metric may have, besides the one of overflow.
    #[must_use]
    pub fn cardinality_limit(mut self, limit: usize) -> Self {
        self.cardinality_limit = Some(limit);
        self
    }

    pub(super) fn validate(&self) -> Result<(), InvalidView> {
        let selector = || self.name.as_deref().unwrap_or("*").to_owned();
        let by_name = self.name.as_deref();
        if by_name.is_none() && self.kind.is_none() && self.unit.is_none() && self.meter.is_none() {
            return Err(InvalidView::NoSelector);
        }
        if let Some(name) = &self.new_name
            && by_name.is_none_or(|n| n.contains(['*', '?']))
        {
            return Err(InvalidView::RenamesMany { selector: selector(), name: name.to_string() });
        }
        if self.cardinality_limit == Some(0) {
            return Err(InvalidView::NoSeries { selector: selector() });
        }
        Ok(self.aggregation.validate(&selector())?)
    }

    /// Whether it selects this instrument of this scope.
    pub(super) fn selects(&self, instrument: &Descriptor, scope: &Scope) -> bool {
        self.name.as_deref().is_none_or(|pattern| matches(pattern.as_bytes(), instrument.name.as_bytes()))
            && self.kind.is_none_or(|kind| kind == instrument.kind)
            && self.unit.as_deref().is_none_or(|unit| unit == instrument.unit)
            && self.meter.as_deref().is_none_or(|meter| meter == scope.name)
    }
}

/// Whether a text is what a pattern with `*` and `?` describes. The time is at most the product of their lengths:
/// only the last `*` is ever tried again.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_know_stars_and_question_marks() {
        let m = |p: &str, t: &str| matches(p.as_bytes(), t.as_bytes());
        for (p, t) in
            [("*", "a.b"), ("a.*", "a.b"), ("*.b", "a.b"), ("a?b", "A.b"), ("a*b*c", "a.b.b.c"), ("a**", "a")]
        {
            assert!(m(p, t), "{p} {t}");
        }
        for (p, t) in [("a", "ab"), ("a.*", "ab"), ("?", ""), ("a*c", "a.b"), ("", "a"), ("a?", "a")] {
            assert!(!m(p, t), "{p} {t}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_as_the_plain_recursion_says(p in "[ab*?]{0,8}", t in "[ab]{0,8}") {
            fn plain(p: &[u8], t: &[u8]) -> bool {
                match (p.split_first(), t.split_first()) {
                    (None, None) => true,
                    (Some((b'*', rest)), _) => plain(rest, t) || t.split_first().is_some_and(|(_, t)| plain(p, t)),
                    (Some((b'?', p)), Some((_, t))) => plain(p, t),
                    (Some((a, p)), Some((b, t))) => a == b && plain(p, t),
                    _ => false,
                }
            }
            prop_assert_eq!(matches(p.as_bytes(), t.as_bytes()), plain(p.as_bytes(), t.as_bytes()));
        }
    }

    #[test]
    fn a_view_that_cannot_be_meant_is_refused() {
        assert_eq!(View::default().validate(), Err(InvalidView::NoSelector));
        assert!(matches!(View::of("a*").rename("b").validate(), Err(InvalidView::RenamesMany { .. })));
        assert!(matches!(View::of_meter("m").rename("b").validate(), Err(InvalidView::RenamesMany { .. })));
        assert!(matches!(View::of("a").cardinality_limit(0).validate(), Err(InvalidView::NoSeries { .. })));
        let buckets = Aggregation::ExplicitHistogram { bounds: vec![2.0, 1.0] };
        assert!(matches!(View::of("a").aggregation(buckets).validate(), Err(InvalidView::Buckets(_))));
        assert_eq!(View::of("a").rename("b c").validate(), Ok(()));
    }

    #[test]
    fn every_selector_must_hold() {
        let mut d = Descriptor::new("http.requests".into(), InstrumentKind::Counter);
        d.unit = "1".into();
        let scope = Scope::named("lib");
        let selects = |v: View| v.selects(&d, &scope);
        assert!(selects(View::of("http.*").kind(InstrumentKind::Counter).unit("1").meter("lib")));
        assert!(!selects(View::of("http.*").kind(InstrumentKind::Gauge)));
        assert!(!selects(View::of("http.*").unit("s")));
        assert!(!selects(View::of_meter("other")));
        assert!(selects(View::of_kind(InstrumentKind::Counter)));
    }
}
