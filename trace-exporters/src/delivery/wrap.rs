//! The decorators of a configuration around an exporter, in the right order.

use std::time::Duration;

use trace_core::signal::{LogExporter, MetricExporter, SpanExporter};

use super::config::DeliveryConfig;
use super::spill::{Spill, SpillError};
use super::{Failover, Tee, Throttle, TimeLimit};

macro_rules! wrap {
    ($(#[$doc:meta])* $name:ident, $exporter:ident, $folder:literal) => {
        $(#[$doc])*
        pub fn $name(
            &self,
            inner: Box<dyn $exporter>,
            others: Vec<Box<dyn $exporter>>,
        ) -> Result<Box<dyn $exporter>, SpillError> {
            let decorated = *self != Self { retry: self.retry, timeout_ms: self.timeout_ms, ..Self::default() };
            let mut exporter = inner;
            if decorated {
                exporter = Box::new(TimeLimit::new(exporter, self.timeout()));
            }
            let others = others
                .into_iter()
                .map(|other| -> Box<dyn $exporter> { Box::new(TimeLimit::new(other, self.timeout())) });
            if let Some(tee) = &self.tee {
                let all = std::iter::once(exporter).chain(others);
                exporter = Box::new(Tee::new(all, tee.policy, self.timeout()));
            } else if let Some(failover) = &self.failover {
                let probe_after = Duration::from_millis(failover.probe_after_ms);
                exporter = Box::new(Failover::new(exporter, others, probe_after));
            }
            if let Some(throttle) = self.throttle {
                exporter = Box::new(Throttle::new(exporter, throttle));
            }
            if let Some(spill) = &self.spill {
                let mut spill = spill.clone();
                spill.dir.push($folder);
                exporter = Box::new(Spill::$name(&spill, self.retry.from_disk(), exporter)?);
            }
            Ok(exporter)
        }
    };
}

impl DeliveryConfig {
    wrap! {
        /// Puts what is configured around an exporter: a log on disk (in the folder `spill.dir/spans`), behind it the
        /// throttle, behind that the other destinations, each with the time limit. `others` are the exporters of
        /// [`DeliveryConfig::others`], in its order.
        ///
        /// Retries are the pipeline's, or those of the log: see [`DeliveryConfig::destination`].
        ///
        /// # Errors
        /// If the log cannot be opened.
        spans, SpanExporter, "spans"
    }

    wrap! {
        /// The same for metrics; the log is in `spill.dir/metrics`. See [`DeliveryConfig::spans`].
        ///
        /// # Errors
        /// If the log cannot be opened.
        metrics, MetricExporter, "metrics"
    }

    wrap! {
        /// The same for log records; the log is in `spill.dir/logs`. See [`DeliveryConfig::spans`].
        ///
        /// # Errors
        /// If the log cannot be opened.
        logs, LogExporter, "logs"
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Answers, spans};
    use super::*;
    use trace_core::signal::ExportError;

    #[tokio::test]
    async fn everything_at_once_delivers_by_the_alternative_and_says_what_it_holds() {
        let dir = tempfile::tempdir().unwrap();
        let json = format!(
            r#"{{"spill":{{"dir":{:?}}},"throttle":{{"records_per_second":1000}},"failover":{{"to":["b"]}}}}"#,
            dir.path()
        );
        let config: DeliveryConfig = serde_json::from_str(&json).unwrap();
        config.validate().unwrap();
        let first = Answers::repeating(|| Err(ExportError::retryable("down")));
        let second = Answers::new([]);
        let exporter = config.spans(Box::new(first.clone()), vec![Box::new(second.clone())]).unwrap();
        exporter.export(&spans(1..5)).await.unwrap();
        exporter.flush().await.unwrap();
        assert_eq!((first.calls(), second.taken()), (1, vec![1, 2, 3, 4]));
        let kept = exporter.keeper().map(|k| k.kept()).unwrap();
        assert_eq!((kept.accepted, kept.delivered, kept.held), (4, 4, 0));
        assert!(dir.path().join("spans").is_dir());
    }

    #[tokio::test]
    async fn a_tee_is_content_with_one_of_them() {
        let config: DeliveryConfig = serde_json::from_str(r#"{"tee":{"to":["b"]}}"#).unwrap();
        assert_eq!(config.others().collect::<Vec<_>>(), ["b"]);
        let first = Answers::repeating(|| Err(ExportError::retryable("down")));
        let second = Answers::new([]);
        let exporter = config.spans(Box::new(first.clone()), vec![Box::new(second.clone())]).unwrap();
        exporter.export(&spans(1..3)).await.unwrap();
        assert_eq!((first.calls(), second.taken()), (1, vec![1, 2]));
    }

    #[tokio::test]
    async fn without_anything_the_exporter_stays_as_it_is() {
        let answers = Answers::new([]);
        let exporter = DeliveryConfig::default().spans(Box::new(answers.clone()), Vec::new()).unwrap();
        exporter.export(&spans(1..2)).await.unwrap();
        assert!(exporter.keeper().is_none() && answers.calls() == 1);
    }
}
