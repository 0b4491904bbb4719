//! What receivers took and refused, as metrics.

use std::sync::Arc;

use trace_core::metric::{InvalidInstrument, Meter};
use trace_core::model::KeyValue;

use super::{Figures, Shared};

type Counts = Vec<(&'static str, u64)>;

/// An instrument: its name, its unit, what it counts, and where that stands.
type Instrument = (&'static str, &'static str, &'static str, fn(Figures) -> Counts);

const INSTRUMENTS: [Instrument; 6] = [
    ("mplp.receiver.requests", "{request}", "Requests by receiver and outcome.", |f| f.requests),
    ("mplp.receiver.datagrams", "{datagram}", "Datagrams by receiver and outcome.", |f| f.datagrams),
    ("mplp.receiver.records", "{record}", "Records of a log by receiver and outcome.", |f| f.records),
    ("mplp.receiver.spans", "{span}", "Received spans by receiver and outcome.", |f| f.spans),
    ("mplp.receiver.points", "{point}", "Received data points by receiver and outcome.", |f| f.points),
    ("mplp.receiver.logs", "{log_record}", "Received log records by receiver and outcome.", |f| f.logs),
];

pub(super) fn register(meter: &Meter, board: &Shared) -> Result<(), InvalidInstrument> {
    for (name, unit, description, counts) in INSTRUMENTS {
        let board = Arc::downgrade(board);
        meter.observable_counter(name).unit(unit).description(description).observe(move |o| {
            let Some(board) = board.upgrade() else { return };
            for (receiver, source) in &board.sources {
                for (outcome, n) in counts(source.figures()) {
                    let receiver = KeyValue::new("receiver", *receiver);
                    o.observe(n, &[receiver, KeyValue::new("outcome", outcome)]);
                }
            }
        })?;
    }
    Ok(())
}
