//! Our own server, started as an operator would.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::process::Background;
use crate::{Result, cargo};

const START_LIMIT: Duration = Duration::from_secs(30);
const BINARY: &str = "mplp-trace";

/// `mplp-trace serve` on a free port; it ends when dropped.
pub(super) struct Server {
    background: Background,
    pub(super) address: String,
}

impl Server {
    /// Builds the server, starts it in `folder` and waits until it listens.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        Self::start_with(folder, |_| ())
    }

    /// The same, with more said to it.
    pub(super) fn start_with(folder: &Path, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        let executables = cargo::executables()?;
        let binary = executables
            .iter()
            .find(|executable| executable.package == BINARY && executable.name == BINARY)
            .ok_or("the workspace builds no binary mplp-trace")?;
        let mut command = Command::new(&binary.path);
        command.current_dir(folder).args(["serve", "--port", "0"]);
        configure(&mut command);
        let mut background = Background::start("mplp-trace serve", &mut command)?;
        let address = background.wait_for_line(START_LIMIT, announced)?;
        println!("the server listens on {address}");
        Ok(Self { background, address })
    }

    /// Adds what the server printed to a failure.
    pub(super) fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| format!("{error}\nthe server printed:\n{}", self.background.output()).into())
    }
}

fn announced(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("listening on http://")?;
    let address = rest.split(|c: char| c.is_whitespace() || c == '/').next()?;
    // Nothing but a real port can be connected to.
    let port: u16 = address.rsplit_once(':')?.1.parse().ok()?;
    (port != 0).then(|| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_announcement() {
        let address = Some("127.0.0.1:4000".to_owned());
        assert_eq!(announced("listening on http://127.0.0.1:4000"), address);
        assert_eq!(announced("INFO listening on http://127.0.0.1:4000/ (Ctrl-C ends)"), address);
        assert_eq!(announced("listening on http://127.0.0.1:0"), None);
        assert_eq!(announced("starting"), None);
    }
}
