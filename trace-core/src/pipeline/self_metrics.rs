//! The pipeline's own figures, under the names of OpenTelemetry's semantic conventions for SDK metrics (development).
//!
//! Components: the pipeline itself (`mplp_pipeline`), each destination's queue (`batching_span_processor`), each exporter
//! (by its configuration, else `mplp_<name>`), and the periodic metric reader. Instances are named by destination.

use super::account::{Account, Durations};
use super::handle::Pipeline;
use super::ledger::Ledger;
use super::ledger_reader::LedgerReader;
use super::payload::Signal;
use crate::metric::{Histogram, InvalidInstrument, Meter};
use crate::model::KeyValue;

const TYPE: &str = "otel.component.type";
const NAME: &str = "otel.component.name";
const ERROR: &str = "error.type";

impl Pipeline {
    /// Registers the pipeline's own figures: `otel.sdk.{span,log}.*`, `otel.sdk.processor.{span,log}.*`, `otel.sdk.exporter.*` and
    /// `otel.sdk.metric_reader.*`, with `mplp.pipeline.*` for what the conventions do not name.
    ///
    /// Durations are measured from then on. Register before the first flush to miss none.
    ///
    /// # Errors
    /// If the meter has other instruments of these names.
    pub fn register_metrics(&self, meter: &Meter) -> Result<(), InvalidInstrument> {
        let ledger = &self.ledger_reader();
        spans(meter, ledger)?;
        logs(meter, ledger)?;
        for signal in [Signal::Spans, Signal::Logs] {
            queues(meter, ledger, signal)?;
        }
        capacity(meter, ledger)?;
        for signal in [Signal::Spans, Signal::Metrics, Signal::Logs] {
            exporters(meter, ledger, signal)?;
        }
        self.durations(meter)
    }

    fn durations(&self, meter: &Meter) -> Result<(), InvalidInstrument> {
        let calls = meter
            .histogram("otel.sdk.exporter.operation.duration")
            .unit("s")
            .description("How long a call of an exporter took.")
            .build()?;
        for account in &self.ledger_reader().accounts {
            let bind = |error: Option<&'static str>| bind(&calls, &exporter(account), error);
            // A second registration changes nothing.
            let _ = account.durations.set(Durations {
                good: bind(None),
                retryable: bind(Some("retryable")),
                permanent: bind(Some("permanent_error")),
            });
        }
        let Some(collection) = self.collection() else { return Ok(()) };
        let histogram = meter
            .histogram("otel.sdk.metric_reader.collection.duration")
            .unit("s")
            .description("How long a collection of metrics took.")
            .build()?;
        let _ = collection.set(bind(&histogram, &component("periodic_metric_reader", "0"), None));
        Ok(())
    }
}

fn bind(h: &Histogram, who: &[KeyValue; 2], error: Option<&'static str>) -> crate::metric::BoundHistogram {
    let error = error.map(|e| KeyValue::new(ERROR, e));
    h.bind(&who.iter().cloned().chain(error).collect::<Vec<_>>())
}

fn component(kind: &str, instance: &str) -> [KeyValue; 2] {
    [KeyValue::new(TYPE, kind.to_owned()), KeyValue::new(NAME, format!("{kind}/{instance}"))]
}

fn exporter(account: &Account) -> [KeyValue; 2] {
    match account.component {
        "" => component(&format!("mplp_{}", account.name), "0"),
        kind => component(kind, &account.name),
    }
}

/// With the reason of a loss.
fn because(who: &[KeyValue; 2], reason: &'static str) -> [KeyValue; 3] {
    let [kind, name] = who.clone();
    [kind, name, KeyValue::new(ERROR, reason)]
}

fn spans(meter: &Meter, ledger: &LedgerReader) -> Result<(), InvalidInstrument> {
    let sampled = || [KeyValue::new("otel.span.sampling_result", "RECORD_AND_SAMPLE")];
    let pipeline = || component("mplp_pipeline", "0");
    let reader = ledger.clone();
    meter
        .observable_up_down_counter("otel.sdk.span.live")
        .unit("{span}")
        .description("Recorded spans that have not ended.")
        .observe(move |o| o.observe(reader.read().open, &sampled()))?;
    let reader = ledger.clone();
    meter
        .observable_counter("otel.sdk.span.started")
        .unit("{span}")
        .description("Sampled spans that were started.")
        .observe(move |o| o.observe(reader.started(), &sampled()))?;
    let reader = ledger.clone();
    meter
        .observable_counter("mplp.pipeline.span.edits_dropped")
        .unit("{edit}")
        .description("Attributes, events and other additions to spans for which there was no room.")
        .observe(move |o| o.observe(reader.read().edits_dropped, &pipeline()))
}

fn logs(meter: &Meter, ledger: &LedgerReader) -> Result<(), InvalidInstrument> {
    let reader = ledger.clone();
    meter
        .observable_counter("otel.sdk.log.created")
        .unit("{log_record}")
        .description("Log records that were emitted or received.")
        .observe(move |o| o.observe(reader.read().logs.received, &[]))
}

impl Signal {
    /// In names of metrics, the unit, and the kind of a queue.
    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Spans => ("span", "{span}", "batching_span_processor"),
            Self::Metrics => ("metric_data_point", "{data_point}", ""),
            Self::Logs => ("log", "{log_record}", "batching_log_processor"),
        }
    }
}

/// What the pipeline's thread has handed on, what waits for it, and what it lost.
fn moved(ledger: &Ledger, signal: Signal) -> (u64, u64, &std::collections::BTreeMap<&'static str, u64>) {
    match signal {
        Signal::Logs => (ledger.logs.delivered, ledger.logs.pending, &ledger.logs.dropped),
        _ => (ledger.delivered, ledger.pending, &ledger.dropped),
    }
}

fn queues(meter: &Meter, ledger: &LedgerReader, signal: Signal) -> Result<(), InvalidInstrument> {
    let (name, unit, kind) = signal.names();
    let reader = ledger.clone();
    meter
        .observable_counter(format!("otel.sdk.processor.{name}.processed"))
        .unit(unit)
        .description("Records that left a processor: handed on, or lost for the reason given.")
        .observe(move |o| {
            let l = reader.read();
            let who = component("mplp_pipeline", "0");
            let (delivered, _, dropped) = moved(&l, signal);
            o.observe(delivered, &who);
            dropped.iter().for_each(|(reason, n)| o.observe(*n, &because(&who, reason)));
            each(&reader, &l, signal, |account, d| {
                let who = component(kind, &account.name);
                let full = d.dropped.get("queue_full").copied().unwrap_or(0);
                o.observe(d.received - full - (d.pending - d.in_flight.min(d.pending)), &who);
                o.observe(full, &because(&who, "queue_full"));
            });
        })?;
    let reader = ledger.clone();
    meter
        .observable_up_down_counter(format!("otel.sdk.processor.{name}.queue.size"))
        .unit(unit)
        .description("Records that wait in a processor.")
        .observe(move |o| {
            let l = reader.read();
            o.observe(moved(&l, signal).1, &component("mplp_pipeline", "0"));
            each(&reader, &l, signal, |account, d| {
                o.observe(d.pending.saturating_sub(d.in_flight), &component(kind, &account.name));
            });
        })?;
    let reader = ledger.clone();
    meter
        .observable_up_down_counter(format!("otel.sdk.processor.{name}.queue.capacity"))
        .unit(unit)
        .description("Records that may wait in a processor whose queue is bounded in records.")
        .observe(move |o| {
            let bounded =
                |a: &&std::sync::Arc<Account>| a.signal == signal && a.capacity.records < usize::MAX;
            reader.accounts.iter().filter(bounded).for_each(|a| {
                o.observe(a.capacity.records as u64, &component(kind, &a.name));
            });
        })
}

fn capacity(meter: &Meter, ledger: &LedgerReader) -> Result<(), InvalidInstrument> {
    let reader = ledger.clone();
    meter
        .observable_up_down_counter("mplp.pipeline.queue.capacity")
        .unit("By")
        .description("Bytes that may wait for a destination.")
        .observe(move |o| {
            // No queue that is bounded at all has more than the largest signed number.
            let capacity = |a: &Account| i64::try_from(a.capacity.bytes).unwrap_or(i64::MAX);
            reader.accounts.iter().for_each(|a| o.observe(capacity(a), &exporter(a)));
        })
}

fn exporters(meter: &Meter, ledger: &LedgerReader, signal: Signal) -> Result<(), InvalidInstrument> {
    let (name, unit, _) = signal.names();
    let reader = ledger.clone();
    meter
        .observable_counter(format!("otel.sdk.exporter.{name}.exported"))
        .unit(unit)
        .description("Records that a destination took, or that were lost for the reason given.")
        .observe(move |o| {
            each(&reader, &reader.read(), signal, |account, d| {
                let who = exporter(account);
                o.observe(d.delivered, &who);
                // What the queue had no room for never came to the exporter.
                let counted = |reason: &str| signal == Signal::Metrics || reason != "queue_full";
                let lost = d.dropped.iter().filter(|(reason, _)| counted(reason));
                lost.for_each(|(reason, n)| o.observe(*n, &because(&who, reason)));
            });
        })?;
    let reader = ledger.clone();
    meter
        .observable_up_down_counter(format!("mplp.pipeline.{name}.held"))
        .unit(unit)
        .description("Records that an exporter holds, as on disk, until its destination takes them.")
        .observe(move |o| {
            each(&reader, &reader.read(), signal, |account, d| o.observe(d.held, &exporter(account)));
        })?;
    let reader = ledger.clone();
    meter
        .observable_up_down_counter(format!("otel.sdk.exporter.{name}.inflight"))
        .unit(unit)
        .description("Records in a call of an exporter, or between two attempts.")
        .observe(move |o| {
            each(&reader, &reader.read(), signal, |account, d| o.observe(d.in_flight, &exporter(account)));
        })
}

/// Every destination of one signal with its account.
fn each(
    reader: &LedgerReader,
    ledger: &Ledger,
    signal: Signal,
    mut f: impl FnMut(&Account, &super::DestinationLedger),
) {
    let all = reader.accounts.iter().zip(&ledger.destinations);
    all.filter(|(a, _)| a.signal == signal).for_each(|(a, d)| f(a, d));
}

impl LedgerReader {
    /// Sampled spans that were started, whether or not there was room.
    fn started(&self) -> u64 {
        let c = self.recorder.counts();
        c.started + c.buffer_full
    }
}
