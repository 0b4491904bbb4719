//! Tells on the terminal what happens.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Writes lines such as ` 31.2 s  anomaly detected   ...`. Clones write to the same place. When nobody reads any
/// more, it goes on in silence.
#[derive(Clone)]
pub(super) struct Narrator {
    started: Instant,
    colour: bool,
    /// Keeps lines whole.
    line: Arc<Mutex<()>>,
    /// The reader of the output is gone.
    alone: Arc<AtomicBool>,
}

/// How a line looks on a terminal with colours.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
}

impl Narrator {
    pub(super) fn new() -> Self {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        Self { started: Instant::now(), colour, line: Arc::default(), alone: Arc::default() }
    }

    /// The time since the start.
    pub(super) fn elapsed(&self) -> std::time::Duration {
        self.started.elapsed()
    }

    /// Whether the reader of the output is gone, as after `| head`.
    pub(super) fn is_alone(&self) -> bool {
        self.alone.load(Ordering::Relaxed)
    }

    /// A line with the time.
    pub(super) fn tell(&self, tone: Tone, what: &str, how: impl fmt::Display) {
        let time = self.elapsed().as_secs_f64();
        let padded = format!("{what:<18}");
        let what = match (self.colour, tone) {
            (false, _) | (true, Tone::Plain) => padded,
            (true, Tone::Good) => format!("\x1b[32m{padded}\x1b[0m"),
            (true, Tone::Bad) => format!("\x1b[1;31m{padded}\x1b[0m"),
        };
        self.write(format_args!("{time:>6.1} s  {what}  {how}\n"));
    }

    /// A line without the time.
    pub(super) fn line(&self, text: impl fmt::Display) {
        self.write(format_args!("{text}\n"));
    }

    fn write(&self, text: fmt::Arguments<'_>) {
        let _whole = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = io::stdout().lock();
        if let Err(error) = out.write_fmt(text).and_then(|()| out.flush())
            && error.kind() == io::ErrorKind::BrokenPipe
        {
            self.alone.store(true, Ordering::Relaxed);
        }
    }
}

/// The output of the console channel: its lines, indented below the narration.
pub(super) struct Indented(pub(super) Narrator);

impl Write for Indented {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(bytes).lines() {
            self.0.write(format_args!("{:>10}console channel: {line}\n", ""));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
