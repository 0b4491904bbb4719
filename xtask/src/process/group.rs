//! A child process with all that it starts.

use std::io::IsTerminal as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use super::shown;
use crate::Result;

pub(super) const POLL: Duration = Duration::from_millis(20);
/// How long a program may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);

/// A child and, unless a person at the terminal may press Ctrl-C, a process group of its own.
/// At a terminal the child stays in the group that Ctrl-C reaches.
pub(super) struct Group {
    pub(super) child: Child,
    own_group: bool,
}

impl Group {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let own_group = !std::io::stdin().is_terminal();
        if own_group {
            command.process_group(0);
        }
        let child = command.spawn().map_err(|error| format!("{}: {error}", shown(command)))?;
        Ok(Self { child, own_group })
    }

    pub(super) fn wait(&mut self, limit: Duration) -> std::io::Result<ExitStatus> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(std::io::Error::other(format!("no end within {limit:?}")));
            }
            std::thread::sleep(POLL);
        }
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id();
        let target = if self.own_group { format!("-{id}") } else { id.to_string() };
        // The standard library can signal one process with SIGKILL only; the shell's `kill` is in every POSIX.
        let _ = Command::new("sh").args(["-c", &format!("kill -s {signal} -- {target} 2>&-")]).status();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.signal("TERM");
            if self.wait(GRACE).is_err() {
                self.signal("KILL");
                let _ = self.child.wait();
            }
        }
        if self.own_group {
            // What the child itself left behind in its group.
            self.signal("KILL");
        }
    }
}
