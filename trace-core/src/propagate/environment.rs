//! Header formats chosen by `OTEL_PROPAGATORS`.

use super::{
    B3Propagator, BaggagePropagator, CompositePropagator, CorrelationPropagator, JaegerPropagator,
    OtTracePropagator, TraceContextPropagator, XrayPropagator,
};

const VARIABLE: &str = "OTEL_PROPAGATORS";
const DEFAULT: [&str; 2] = ["tracecontext", "baggage"];
const NONE: &str = "none";
/// Not a name that anybody can write: it has a comma.
const BOTH_B3: &str = "b3,b3multi";
/// Of a name shown in a warning.
const SHOWN: usize = 64;

/// Something in `OTEL_PROPAGATORS` is ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PropagatorWarning {
    /// There is no such format.
    #[error(
        "OTEL_PROPAGATORS names {0:?}, which is unknown and ignored; known are tracecontext, baggage, b3, b3multi, \
         jaeger, ottrace, xray, correlation and none"
    )]
    Unknown(String),
    /// `none` beside others, which are ignored.
    #[error("OTEL_PROPAGATORS has \"none\" beside other names: none is used")]
    NoneAmongOthers,
}

impl CompositePropagator {
    /// The formats that `OTEL_PROPAGATORS` names, in its order, each once; `tracecontext,baggage` if it is not set,
    /// is empty or names nothing that is known. Besides OpenTelemetry's names (`tracecontext`, `baggage`, `b3`,
    /// `b3multi`, `jaeger`, `ottrace`, `xray`, `none`) there is `correlation` for [`CorrelationPropagator`]. Case
    /// does not count.
    ///
    /// ```
    /// use trace_core::propagate::CompositePropagator;
    ///
    /// let (propagator, warnings) = CompositePropagator::from_env(|name| std::env::var(name).ok());
    /// for warning in warnings {
    ///     eprintln!("warning: {warning}");
    /// }
    /// # drop(propagator);
    /// ```
    pub fn from_env(lookup: impl Fn(&str) -> Option<String>) -> (Self, Vec<PropagatorWarning>) {
        let value = lookup(VARIABLE).unwrap_or_default().to_ascii_lowercase();
        let mut warnings = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if names.contains(&name) {
                continue;
            }
            if name == NONE || Self::new().and_named(name).is_some() {
                names.push(name);
            } else {
                warnings.push(PropagatorWarning::Unknown(name.chars().take(SHOWN).collect()));
            }
        }
        if names.contains(&NONE) {
            if names.len() > 1 {
                warnings.push(PropagatorWarning::NoneAmongOthers);
            }
            return (Self::new(), warnings);
        }
        if names.is_empty() {
            names.extend(DEFAULT);
        }
        if names.contains(&"b3") && names.contains(&"b3multi") {
            // Each alone would replace what the other has written.
            names.retain(|name| *name != "b3multi");
            names.iter_mut().filter(|name| **name == "b3").for_each(|name| *name = BOTH_B3);
        }
        let all = names.iter().fold(Self::new(), |all, name| all.clone().and_named(name).unwrap_or(all));
        (all, warnings)
    }

    fn and_named(self, name: &str) -> Option<Self> {
        Some(match name {
            "tracecontext" => self.and(TraceContextPropagator),
            "baggage" => self.and(BaggagePropagator),
            "b3" => self.and(B3Propagator::SINGLE),
            "b3multi" => self.and(B3Propagator::MULTI),
            BOTH_B3 => self.and(B3Propagator::BOTH),
            "jaeger" => self.and(JaegerPropagator),
            "ottrace" => self.and(OtTracePropagator),
            "xray" => self.and(XrayPropagator),
            "correlation" => self.and(CorrelationPropagator::new()),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanContext, SpanId, TraceFlags, TraceId};
    use crate::propagate::{Baggage, Propagator};

    fn chosen(value: Option<&str>) -> (Vec<String>, Vec<PropagatorWarning>) {
        let lookup = |name: &str| (name == "OTEL_PROPAGATORS").then_some(value)?.map(str::to_owned);
        let (all, warnings) = CompositePropagator::from_env(lookup);
        (all.fields().into_iter().map(str::to_owned).collect(), warnings)
    }

    #[test]
    fn without_a_value_it_is_w3c() {
        for value in [None, Some(""), Some(" , ")] {
            assert_eq!(chosen(value).0, ["baggage", "traceparent", "tracestate"]);
        }
    }

    #[test]
    fn each_name_has_its_format_and_repeated_ones_count_once() {
        for (name, field) in [
            ("tracecontext", "traceparent"),
            ("baggage", "baggage"),
            ("b3", "b3"),
            ("b3multi", "x-b3-traceid"),
            ("jaeger", "uber-trace-id"),
            ("ottrace", "ot-tracer-traceid"),
            ("xray", "x-amzn-trace-id"),
            ("Correlation", "x-correlation-id"),
        ] {
            let (fields, warnings) = chosen(Some(&format!("{name}, {name}")));
            assert!(
                fields.iter().any(|f| f == field) && warnings.is_empty(),
                "{name}: {fields:?} {warnings:?}"
            );
        }
    }

    #[test]
    fn both_encodings_of_b3_are_written_if_both_are_named() {
        let (all, _) = CompositePropagator::from_env(|_| Some("b3multi,b3".to_owned()));
        let mut out = Vec::new();
        all.inject(
            Some(&SpanContext::new(TraceId::MIN, SpanId::MAX, TraceFlags::SAMPLED)),
            &Baggage::EMPTY,
            &mut out,
        );
        let names: Vec<_> = out.iter().map(|(k, _)| k.as_str()).collect();
        assert_eq!(names, ["b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"]);
    }

    #[test]
    fn none_means_no_format() {
        assert_eq!(chosen(Some("none")), (vec![], vec![]));
        assert_eq!(chosen(Some("b3,NONE")), (vec![], vec![PropagatorWarning::NoneAmongOthers]));
    }

    #[test]
    fn an_unknown_name_is_warned_of_and_ignored() {
        let warning = || vec![PropagatorWarning::Unknown("b4".into())];
        assert_eq!(chosen(Some("b4,b3")), (vec!["b3".to_owned()], warning()));
        assert_eq!(chosen(Some("b4")), (chosen(None).0, warning()));
        assert!(warning()[0].to_string().contains("\"b4\""));
    }

    #[test]
    fn the_order_is_kept() {
        let both = vec![
            ("traceparent".to_owned(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            ("uber-trace-id".to_owned(), "1:2:0:1".to_owned()),
        ];
        for (value, span) in [("jaeger,tracecontext", 0x00f0_67aa_0ba9_02b7), ("tracecontext,jaeger", 2)] {
            let (all, _) = CompositePropagator::from_env(|_| Some(value.to_owned()));
            assert_eq!(all.extract(&both).context.unwrap().span_id.to_u64(), span);
        }
    }
}
