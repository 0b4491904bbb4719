//! What a backend answers.

use serde::Deserialize;

/// Operations that are looked at; Jaeger's own samplers take 2000 too.
pub(super) const MAX_OPERATIONS: usize = 2000;

/// How a service should sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Strategy {
    /// Every trace with this probability, 0 to 1.
    Probabilistic(f64),
    /// So many traces a second.
    RateLimiting(f64),
    /// By operation.
    PerOperation(PerOperation),
}

/// How each operation should be sampled.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PerOperation {
    /// The probability of operations that are not listed.
    pub default_probability: f64,
    /// Traces a second that every operation, listed or not, is sampled with at least.
    pub lower_bound: f64,
    /// The operations; at most 2000 are taken.
    pub operations: Vec<OperationStrategy>,
}

/// How one operation should be sampled.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationStrategy {
    /// The span's name.
    pub operation: String,
    /// The probability, 0 to 1.
    pub probability: f64,
}

/// An answer is not a strategy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidStrategy {
    /// It is not JSON of the expected form.
    #[error("the sampling strategy is not valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It holds none of the three.
    #[error(
        "the sampling strategy has neither operationSampling, probabilisticSampling nor rateLimitingSampling"
    )]
    Empty,
    /// A number is out of range.
    #[error("the sampling strategy's {field} must be {form}, got {found}")]
    Number {
        /// Which one.
        field: &'static str,
        /// The accepted range.
        form: &'static str,
        /// What was there.
        found: f64,
    },
}

// Names as in Jaeger's `sampling.proto`, in its JSON form: fields with their default value may be absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    probabilistic_sampling: Option<Probabilistic>,
    rate_limiting_sampling: Option<RateLimiting>,
    operation_sampling: Option<Operations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probabilistic {
    #[serde(default)]
    sampling_rate: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RateLimiting {
    #[serde(default)]
    max_traces_per_second: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operations {
    #[serde(default)]
    default_sampling_probability: f64,
    #[serde(default)]
    default_lower_bound_traces_per_second: f64,
    per_operation_strategies: Option<Vec<Operation>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    #[serde(default)]
    operation: String,
    probabilistic_sampling: Option<Probabilistic>,
}

impl Strategy {
    /// Reads an answer. `strategyType` is not looked at; of the three parts, `operationSampling` wins.
    ///
    /// # Errors
    /// If it is not JSON, holds no strategy, or has a number out of range.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidStrategy> {
        let answer: Answer = serde_json::from_slice(json)?;
        let rate_limiting = answer.rate_limiting_sampling.map(|r| r.max_traces_per_second);
        let probability = answer.probabilistic_sampling.map(|p| p.sampling_rate);
        Self::of_parts(answer.operation_sampling.map(Operations::read), probability, rate_limiting)
    }

    /// The strategy of an answer that has some of the three parts: the first of them that is there.
    ///
    /// # Errors
    /// If none is there, or a number is out of range.
    pub fn of_parts(
        operations: Option<PerOperation>,
        probability: Option<f64>,
        traces_per_second: Option<f64>,
    ) -> Result<Self, InvalidStrategy> {
        operations
            .map(Self::PerOperation)
            .or(probability.map(Self::Probabilistic))
            .or(traces_per_second.map(Self::RateLimiting))
            .ok_or(InvalidStrategy::Empty)?
            .checked()
    }

    /// The strategy, if all of its numbers are within their range; a list that is too long is cut.
    pub(super) fn checked(mut self) -> Result<Self, InvalidStrategy> {
        match &mut self {
            Self::Probabilistic(p) => check_probability("samplingRate", *p)?,
            Self::RateLimiting(r) => check_rate("maxTracesPerSecond", *r)?,
            Self::PerOperation(p) => {
                check_probability("defaultSamplingProbability", p.default_probability)?;
                check_rate("defaultLowerBoundTracesPerSecond", p.lower_bound)?;
                p.operations.truncate(MAX_OPERATIONS);
                p.operations.iter().try_for_each(|o| check_probability("samplingRate", o.probability))?;
            }
        }
        Ok(self)
    }
}

impl Operations {
    fn read(self) -> PerOperation {
        let default_probability = self.default_sampling_probability;
        let strategies = self.per_operation_strategies.unwrap_or_default().into_iter().take(MAX_OPERATIONS);
        let operations = strategies.map(|o| OperationStrategy {
            operation: o.operation,
            probability: o.probabilistic_sampling.map_or(default_probability, |p| p.sampling_rate),
        });
        PerOperation {
            default_probability,
            lower_bound: self.default_lower_bound_traces_per_second,
            operations: operations.collect(),
        }
    }
}

fn check_probability(field: &'static str, found: f64) -> Result<(), InvalidStrategy> {
    if (0.0..=1.0).contains(&found) {
        Ok(())
    } else {
        Err(InvalidStrategy::Number { field, form: "0 to 1", found })
    }
}

fn check_rate(field: &'static str, found: f64) -> Result<(), InvalidStrategy> {
    if found >= 0.0 && found.is_finite() {
        Ok(())
    } else {
        Err(InvalidStrategy::Number { field, form: "from 0 up", found })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn parse(json: &str) -> Result<Strategy, String> {
        Strategy::parse(json.as_bytes()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_three_strategies_are_read_whatever_the_type_says() {
        assert_eq!(
            parse(r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}"#),
            Ok(Strategy::Probabilistic(0.5))
        );
        assert_eq!(
            parse(
                r#"{"strategyType":0,"probabilisticSampling":null,"rateLimitingSampling":{"maxTracesPerSecond":7}}"#
            ),
            Ok(Strategy::RateLimiting(7.0))
        );
        assert_eq!(parse(r#"{"probabilisticSampling":{}}"#), Ok(Strategy::Probabilistic(0.0)));
        let json = r#"{"strategyType":1,"probabilisticSampling":{"samplingRate":1},"operationSampling":{
            "defaultSamplingProbability":0.1,"defaultLowerBoundTracesPerSecond":2,"defaultUpperBoundTracesPerSecond":9,
            "perOperationStrategies":[{"operation":"GET /","probabilisticSampling":{"samplingRate":0.25}},
                                      {"operation":"POST /"}]}}"#;
        let op =
            |operation: &str, probability| OperationStrategy { operation: operation.into(), probability };
        let expected = PerOperation {
            default_probability: 0.1,
            lower_bound: 2.0,
            operations: vec![op("GET /", 0.25), op("POST /", 0.1)],
        };
        assert_eq!(parse(json), Ok(Strategy::PerOperation(expected)));
        assert_eq!(
            parse(r#"{"operationSampling":{"perOperationStrategies":null}}"#),
            Ok(Strategy::PerOperation(PerOperation::default()))
        );
    }

    #[test]
    fn what_is_no_strategy_is_refused_with_a_reason() {
        assert!(parse("").unwrap_err().contains("not valid JSON"));
        assert!(parse("[]").unwrap_err().contains("not valid JSON"));
        assert!(parse(r#"{"strategyType":"PROBABILISTIC"}"#).unwrap_err().contains("neither"));
        let error = parse(r#"{"probabilisticSampling":{"samplingRate":1.5}}"#).unwrap_err();
        assert!(error.contains("samplingRate must be 0 to 1, got 1.5"), "{error}");
        let error = parse(r#"{"rateLimitingSampling":{"maxTracesPerSecond":-1}}"#).unwrap_err();
        assert!(error.contains("maxTracesPerSecond must be from 0 up, got -1"), "{error}");
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let one = r#"{"operation":"o","probabilisticSampling":{"samplingRate":1}}"#;
        let list = vec![one; MAX_OPERATIONS + 10].join(",");
        let json = format!(r#"{{"operationSampling":{{"perOperationStrategies":[{list}]}}}}"#);
        let Ok(Strategy::PerOperation(p)) = parse(&json) else { panic!("it is valid") };
        assert_eq!(p.operations.len(), MAX_OPERATIONS);
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[{}\[\]":,a-zS0-9.-]{0,100}"#) {
            let _ = Strategy::parse(&bytes);
            let _ = Strategy::parse(text.as_bytes());
        }
    }
}
