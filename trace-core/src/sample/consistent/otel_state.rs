//! The OpenTelemetry member of a trace state, `ot=th:...;rv:...`.

use super::threshold::{Randomness, Threshold};
use crate::model::TraceState;

const KEY: &str = "ot";
/// The longest value of the member (OpenTelemetry, "TraceState handling").
const MAX_CHARS: usize = 256;

/// The `ot` member of a trace state: threshold, explicit randomness, and sub-keys of others, which are passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtelTraceState {
    /// `th`: with what threshold the span was sampled; none if it was not, or the probability is unknown.
    pub threshold: Option<Threshold>,
    randomness: Option<Randomness>,
    /// Further `key:value`, in order.
    others: Vec<String>,
}

impl OtelTraceState {
    /// The `ot` member of a trace state; empty if there is none. What is malformed in it is left out, and of a
    /// repeated sub-key the first stays.
    pub fn of(state: &TraceState) -> Self {
        let mut ot = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in entries(state.get(KEY).unwrap_or("")) {
            if seen.contains(&key) {
                continue;
            }
            seen.push(key);
            match key {
                "th" => ot.threshold = value.parse().ok(),
                "rv" => ot.randomness = value.parse().ok(),
                _ => ot.others.push(format!("{key}:{value}")),
            }
        }
        ot
    }

    /// Only the threshold of a trace state. Allocates nothing.
    pub fn threshold_of(state: &TraceState) -> Option<Threshold> {
        entries(state.get(KEY)?).find(|(key, _)| *key == "th")?.1.parse().ok()
    }

    /// `rv`, which nobody may change.
    pub const fn randomness(&self) -> Option<Randomness> {
        self.randomness
    }

    /// A trace state without a threshold, and otherwise the same.
    pub fn without_threshold(state: TraceState) -> TraceState {
        // Also one that cannot be read.
        if !state.get(KEY).is_some_and(|ot| entries(ot).any(|(key, _)| key == "th")) {
            return state;
        }
        Self { threshold: None, ..Self::of(&state) }.write_to(&state)
    }

    /// A trace state with this threshold, or none, and otherwise the same.
    pub fn with_threshold(state: &TraceState, threshold: impl Into<Option<Threshold>>) -> TraceState {
        Self { threshold: threshold.into(), ..Self::of(state) }.write_to(state)
    }

    /// The trace state with this in place of its `ot` member. If it has more than 256 characters, sub-keys of others
    /// are left out, the last ones first.
    pub fn write_to(&self, state: &TraceState) -> TraceState {
        let own = [self.threshold.map(|t| format!("th:{t}")), self.randomness.map(|r| format!("rv:{r}"))];
        let mut value = String::new();
        for entry in own.iter().flatten().chain(&self.others) {
            let separator = usize::from(!value.is_empty());
            if value.len() + separator + entry.len() > MAX_CHARS {
                break;
            }
            if separator == 1 {
                value.push(';');
            }
            value.push_str(entry);
        }
        match state.get(KEY) {
            Some(old) if old == value => state.clone(),
            None if value.is_empty() => state.clone(),
            _ if value.is_empty() => state.without(KEY),
            // It is made of characters that are allowed; if it were not, none is better than a wrong one.
            _ => state.with(KEY, &value).unwrap_or_else(|_| state.without(KEY)),
        }
    }
}

/// The well-formed sub-keys and their values.
fn entries(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split(';').filter_map(|entry| entry.split_once(':')).filter(|(key, value)| {
        let mut bytes = key.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_lowercase())
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state(text: &str) -> TraceState {
        TraceState::parse([text]).unwrap()
    }

    #[test]
    fn sub_keys_of_others_and_other_members_stay() {
        let s = state("a=1,ot=xy:1.b;th:c;rv:0123456789abcd;p:8,b=2");
        let mut ot = OtelTraceState::of(&s);
        assert_eq!(ot.threshold.unwrap().to_string(), "c");
        assert_eq!(ot.randomness().unwrap().to_string(), "0123456789abcd");
        ot.threshold = Some("8".parse().unwrap());
        assert_eq!(ot.write_to(&s).as_str(), "ot=th:8;rv:0123456789abcd;xy:1.b;p:8,a=1,b=2");
        assert_eq!(OtelTraceState::threshold_of(&s), "c".parse().ok());
        let without = OtelTraceState::without_threshold(s);
        assert_eq!(without.as_str(), "ot=rv:0123456789abcd;xy:1.b;p:8,a=1,b=2");
        assert_eq!(OtelTraceState::without_threshold(state("ot=th:8,a=1")).as_str(), "a=1");
    }

    #[test]
    fn what_is_malformed_is_left_out_and_of_a_repeated_key_the_first_counts() {
        let ot = OtelTraceState::of(&state("ot=th:8;th:c;;x;Y:1;9z:1;rv:12;k: v;ok:"));
        assert_eq!((ot.threshold, ot.randomness()), ("8".parse().ok(), None));
        assert_eq!(ot.write_to(&TraceState::EMPTY).as_str(), "ot=th:8;ok:");
        assert_eq!(OtelTraceState::of(&state("ot=th:zz")).threshold, None);
        assert!(OtelTraceState::without_threshold(state("ot=th:zz")).is_empty());
        assert_eq!(OtelTraceState::without_threshold(state("a=1")).as_str(), "a=1");
    }

    #[test]
    fn a_value_that_would_be_too_long_loses_sub_keys_of_others_at_its_end() {
        let long = format!("ot=a:{};b:1", "x".repeat(250));
        let written = OtelTraceState::with_threshold(&state(&long), Threshold::RAREST);
        assert_eq!(written.get("ot"), Some("th:ffffffffffffff"));
        let fits = format!("ot=a:{};b:1", "x".repeat(200));
        let written = OtelTraceState::with_threshold(&state(&fits), Threshold::RAREST);
        assert!(written.get("ot").unwrap().ends_with(";b:1"));
    }

    proptest! {
        #[test]
        fn no_member_panics_and_what_is_written_is_stable(value in "[a-zA-Z0-9:;._ -]{1,80}[a-z0-9]", th in 0u64..1 << 56) {
            let s = state(&format!("a=1,ot={value}"));
            let t: Threshold = format!("{th:014x}").parse().unwrap();
            let written = OtelTraceState::with_threshold(&s, t);
            let (before, after) = (OtelTraceState::of(&s), OtelTraceState::of(&written));
            prop_assert_eq!(after.threshold, Some(t));
            prop_assert_eq!(after.randomness(), before.randomness());
            prop_assert_eq!(&after.others, &before.others);
            prop_assert!(written.get("ot").unwrap().len() <= MAX_CHARS);
            prop_assert_eq!(written.get("a"), Some("1"));
            prop_assert_eq!(after.write_to(&written), written);
        }
    }
}
