//! The two messages of `jaeger.api_v2.SamplingManager` in protobuf (`sampling.proto` of jaeger-idl).

use trace_core::sample::remote::{OperationStrategy, PerOperation, Strategy};

use crate::wire_reader::{Field, Malformed, fields};

/// Operations that are read; the sampler takes no more.
const MAX_OPERATIONS: usize = 2000;

/// `SamplingStrategyParameters { serviceName }`.
pub(super) fn parameters(service: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(service.len() + 6);
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    message
}

/// `SamplingStrategyResponse`. As in its JSON form, `strategyType` is not looked at, and `operationSampling` wins.
pub(super) fn response(message: &[u8]) -> Result<Strategy, String> {
    let (mut probability, mut rate, mut operations) = (None, None, None);
    for field in fields(message) {
        match field.map_err(malformed)? {
            (2, Field::Bytes(m)) => probability = Some(double(m, 1).map_err(malformed)?),
            (3, Field::Bytes(m)) => rate = Some(traces_per_second(m).map_err(malformed)?),
            (4, Field::Bytes(m)) => operations = Some(per_operation(m).map_err(malformed)?),
            _ => {}
        }
    }
    Strategy::of_parts(operations, probability, rate).map_err(|e| e.to_string())
}

fn malformed(_: Malformed) -> String {
    "the sampling strategy is not valid protobuf".to_owned()
}

/// A double of a message; 0 if it is not there.
fn double(message: &[u8], number: u32) -> Result<f64, Malformed> {
    let mut value = 0.0;
    for field in fields(message) {
        if let (n, Field::Fixed64(bits)) = field?
            && n == number
        {
            value = f64::from_bits(bits);
        }
    }
    Ok(value)
}

/// `RateLimitingSamplingStrategy { int32 maxTracesPerSecond }`.
fn traces_per_second(message: &[u8]) -> Result<f64, Malformed> {
    let mut value = 0.0;
    for field in fields(message) {
        if let (1, Field::Varint(v)) = field? {
            // A negative int32 is written as 64 bits; the low ones count.
            value = f64::from(v as i32);
        }
    }
    Ok(value)
}

fn per_operation(message: &[u8]) -> Result<PerOperation, Malformed> {
    let mut strategy = PerOperation {
        default_probability: double(message, 1)?,
        lower_bound: double(message, 2)?,
        operations: Vec::new(),
    };
    for field in fields(message) {
        if let (3, Field::Bytes(m)) = field?
            && strategy.operations.len() < MAX_OPERATIONS
        {
            strategy.operations.push(operation(m, strategy.default_probability)?);
        }
    }
    Ok(strategy)
}

fn operation(message: &[u8], otherwise: f64) -> Result<OperationStrategy, Malformed> {
    let mut strategy = OperationStrategy { operation: String::new(), probability: otherwise };
    for field in fields(message) {
        match field? {
            (1, Field::Bytes(name)) => {
                strategy.operation = std::str::from_utf8(name).map_err(|_| Malformed)?.to_owned();
            }
            (2, Field::Bytes(m)) => strategy.probability = double(m, 1)?,
            _ => {}
        }
    }
    Ok(strategy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};
    use prost::Message as _;

    // The messages as another library writes them.
    #[derive(Clone, PartialEq, prost::Message)]
    struct Parameters {
        #[prost(string, tag = "1")]
        service_name: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Response {
        #[prost(int32, tag = "1")]
        strategy_type: i32,
        #[prost(message, optional, tag = "2")]
        probabilistic: Option<Probabilistic>,
        #[prost(message, optional, tag = "3")]
        rate_limiting: Option<RateLimiting>,
        #[prost(message, optional, tag = "4")]
        operations: Option<Operations>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Probabilistic {
        #[prost(double, tag = "1")]
        sampling_rate: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct RateLimiting {
        #[prost(int32, tag = "1")]
        max_traces_per_second: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Operations {
        #[prost(double, tag = "1")]
        default_probability: f64,
        #[prost(double, tag = "2")]
        lower_bound: f64,
        #[prost(message, repeated, tag = "3")]
        operations: Vec<Operation>,
        #[prost(double, tag = "4")]
        upper_bound: f64,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    struct Operation {
        #[prost(string, tag = "1")]
        operation: String,
        #[prost(message, optional, tag = "2")]
        probabilistic: Option<Probabilistic>,
    }

    fn read(message: &Response) -> Result<Strategy, String> {
        response(&message.encode_to_vec())
    }

    #[test]
    fn the_three_strategies_are_read_whatever_the_type_says() {
        let probabilistic = |rate| Some(Probabilistic { sampling_rate: rate });
        let half = Response { strategy_type: 1, probabilistic: probabilistic(0.5), ..Response::default() };
        assert_eq!(read(&half), Ok(Strategy::Probabilistic(0.5)));
        let none = Response { probabilistic: probabilistic(0.0), ..Response::default() };
        assert_eq!(read(&none), Ok(Strategy::Probabilistic(0.0)));
        let rate = Some(RateLimiting { max_traces_per_second: 7 });
        assert_eq!(
            read(&Response { rate_limiting: rate, ..Response::default() }),
            Ok(Strategy::RateLimiting(7.0))
        );
        let op = |name: &str, rate: Option<f64>| Operation {
            operation: name.to_owned(),
            probabilistic: rate.map(|sampling_rate| Probabilistic { sampling_rate }),
        };
        let operations = Some(Operations {
            default_probability: 0.1,
            lower_bound: 2.0,
            operations: vec![op("GET /", Some(0.25)), op("POST /", None)],
            upper_bound: 9.0,
        });
        let ours =
            |operation: &str, probability| OperationStrategy { operation: operation.into(), probability };
        assert_eq!(
            read(&Response { operations, ..half }),
            Ok(Strategy::PerOperation(PerOperation {
                default_probability: 0.1,
                lower_bound: 2.0,
                operations: vec![ours("GET /", 0.25), ours("POST /", 0.1)],
            }))
        );
    }

    #[test]
    fn what_is_no_strategy_is_refused_with_a_reason() {
        assert!(read(&Response::default()).unwrap_err().contains("neither"));
        let rate = Some(RateLimiting { max_traces_per_second: -1 });
        let negative = Response { rate_limiting: rate, ..Response::default() };
        assert!(read(&negative).unwrap_err().contains("got -1"));
        assert!(response(&[0x12, 9]).unwrap_err().contains("not valid protobuf"));
    }

    #[test]
    fn a_list_without_end_is_cut() {
        let one = Operation { operation: "o".to_owned(), probabilistic: None };
        let operations = Operations { operations: vec![one; MAX_OPERATIONS + 10], ..Operations::default() };
        let message = Response { operations: Some(operations), ..Response::default() };
        let Ok(Strategy::PerOperation(p)) = read(&message) else { panic!("it is valid") };
        assert_eq!(p.operations.len(), MAX_OPERATIONS);
    }

    proptest! {
        #[test]
        fn the_name_of_any_service_is_read_by_another_library(service in "\\PC{0,300}") {
            let read = Parameters::decode(parameters(&service).as_slice());
            prop_assert_eq!(read, Ok(Parameters { service_name: service }));
        }

        #[test]
        fn no_answer_panics(bytes: Vec<u8>) {
            let _ = response(&bytes);
        }
    }
}
