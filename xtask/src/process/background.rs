//! A program that runs beside us until it is dropped.

use std::collections::VecDeque;
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::group::{Group, POLL};
use super::{each_line, echo};
use crate::Result;

/// Lines kept of a background program's output.
const KEPT_LINES: usize = 500;
/// Lines of it that a failure shows.
const SHOWN_LINES: usize = 40;

/// A program that runs beside us; dropping it ends it and all that it started.
pub(crate) struct Background {
    name: String,
    group: Group,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Background {
    /// Starts `command`. Its standard input stays open while this value lives, so that a peer can
    /// end itself when we are gone without having been able to end it.
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        echo(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::start(command)?;
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stdout) = group.child.stdout.take() {
            keep_lines(stdout, Arc::clone(&lines));
        }
        if let Some(stderr) = group.child.stderr.take() {
            keep_lines(stderr, Arc::clone(&lines));
        }
        Ok(Self { name: name.to_owned(), group, lines })
    }

    /// Waits until a line of output for which `find` gives a value.
    pub(crate) fn wait_for_line<T>(
        &mut self,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + limit;
        loop {
            // The state is read before the lines: what was printed before the end is then not missed.
            let ended = self.group.child.try_wait()?;
            if let Some(found) = self.lock().iter().find_map(|line| find(line)) {
                return Ok(found);
            }
            if let Some(status) = ended {
                return Err(format!("{} ended early ({status}):\n{}", self.name, self.output()).into());
            }
            if Instant::now() >= deadline {
                let output = self.output();
                return Err(format!("{}: no sign of life within {limit:?}:\n{output}", self.name).into());
            }
            std::thread::sleep(POLL);
        }
    }

    /// The last lines that it printed, for a failure's message.
    pub(crate) fn output(&self) -> String {
        let lines = self.lock();
        let tail: Vec<String> =
            lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)).map(|l| format!("  | {l}")).collect();
        tail.join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep_lines(stream: impl Read + Send + 'static, lines: Arc<Mutex<VecDeque<String>>>) {
    std::thread::spawn(move || {
        each_line(stream, |line| {
            let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line);
        });
    });
}

#[cfg(test)]
mod tests {
    use std::io::IsTerminal as _;

    use super::super::tests::shell;
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn a_background_program_is_gone_with_its_children_after_drop() {
        // No terminal may be assumed: the group exists only without one, as in CI.
        if std::io::stdin().is_terminal() {
            return;
        }
        let script = "sleep 60 & echo child $!; wait";
        let mut program = Background::start("sleeper", &mut shell(script)).unwrap();
        let child: u32 = program
            .wait_for_line(LIMIT, |line| line.strip_prefix("child ").and_then(|id| id.parse().ok()))
            .unwrap();
        drop(program);
        let ended = || {
            let state = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        let deadline = Instant::now() + LIMIT;
        while !ended() && Instant::now() < deadline {
            std::thread::sleep(POLL);
        }
        assert!(ended(), "process {child} is still there");
    }

    #[test]
    fn a_background_program_that_ends_early_is_reported_with_its_output() {
        let mut program = Background::start("quitter", &mut shell("echo why >&2; exit 1")).unwrap();
        let error = program.wait_for_line(LIMIT, |_| None::<()>).unwrap_err();
        assert!(error.to_string().contains("quitter ended early"), "{error}");
    }
}
