//! Suite `smtp`: mail over STARTTLS and AUTH into aiosmtpd, parsed back by Python's `email`.

use super::peer::Serving;
use super::rust_test;
use crate::Result;
use crate::scratch::Scratch;

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("smtp")?;
    let (dump, authority) = (scratch.path().join("smtp.jsonl"), scratch.path().join("ca.pem"));
    let server = Serving::start("smtp_server.py", |command| {
        command.arg("--dump").arg(&dump).arg("--ca-out").arg(&authority);
    })?;
    let variables = [
        ("MPLP_PEER_SMTP", server.address.clone()),
        ("MPLP_PEER_SMTP_CA", authority.display().to_string()),
        ("MPLP_PEER_SMTP_DUMP", dump.display().to_string()),
    ];
    rust_test::run("smtp_peer", &variables).map_err(|error| format!("{error}\n{}", server.output()))?;
    rust_test::saw_requests(&dump)
}
