//! Suite `collector`: the OpenTelemetry Collector, built from its modules, receives from our exporters and sends to our
//! receiver. The tests write its configuration and start it.

use super::{go, rust_test};
use crate::Result;

pub(super) fn run() -> Result<()> {
    let program = go::collector()?;
    rust_test::run("collector_peer", &[("MPLP_PEER_COLLECTOR", program.display().to_string())])
}
