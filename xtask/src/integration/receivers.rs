//! Suite `receivers`: SDKs and a collector that others wrote send to our receiver, and every field is compared.

use super::peer::{python, scripts};
use super::{rotel, rust_test};
use crate::Result;

pub(super) fn run() -> Result<()> {
    let variables = [
        ("MPLP_PEER_PYTHON", python()?.display().to_string()),
        ("MPLP_PEER_OTLP_CLIENT", scripts().join("otlp_client.py").display().to_string()),
        ("MPLP_PEER_OTLP_LOG_CLIENT", scripts().join("otlp_log_client.py").display().to_string()),
        ("MPLP_PEER_ROTEL", rotel::program()?),
    ];
    rust_test::run("otlp_receiver_peer", &variables)?;
    rust_test::run("otlp_logs_receiver_peer", &variables)
}
