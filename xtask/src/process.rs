//! Running other programs to their end: echoed, and with a time limit.

mod background;
mod group;

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

pub(crate) use background::Background;
use group::Group;

use crate::Result;

/// Runs a command to its end, its output going to the terminal. Fails on a status other than 0 and past `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<()> {
    echo(command);
    let mut child = Group::start(command)?;
    let status = child.wait(limit).map_err(|error| format!("{}: {error}", shown(command)))?;
    success(command, status)
}

/// Runs a command to its end, prints each line of its standard output and hands it to `on_line`.
/// The status is the caller's to judge.
pub(crate) fn watch(
    command: &mut Command,
    limit: Duration,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus> {
    echo(command);
    pump(command, limit, |line| {
        println!("{line}");
        on_line(line);
    })
}

/// Runs a command quietly and returns its standard output. Fails on a status other than 0 and past `limit`.
pub(crate) fn read(command: &mut Command, limit: Duration) -> Result<String> {
    let mut text = String::new();
    let status = pump(command, limit, |line| {
        text.push_str(line);
        text.push('\n');
    })?;
    success(command, status)?;
    Ok(text)
}

fn pump(command: &mut Command, limit: Duration, mut on_line: impl FnMut(&str)) -> Result<ExitStatus> {
    let deadline = Instant::now() + limit;
    command.stdout(Stdio::piped());
    let mut child = Group::start(command)?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.child.stdout.take() {
        std::thread::spawn(move || {
            each_line(stdout, |line| {
                // The receiver is gone only when the command was given up.
                let _ = sender.send(line);
            });
        });
    }
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => on_line(&line),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                return Err(format!("{}: no end within {limit:?}", shown(command)).into());
            }
        }
    }
    let rest = deadline.saturating_duration_since(Instant::now());
    Ok(child.wait(rest).map_err(|error| format!("{}: {error}", shown(command)))?)
}

/// Lossy, since a program under test may print anything.
fn each_line(stream: impl Read, mut on_line: impl FnMut(String)) {
    let mut stream = BufReader::new(stream);
    let mut bytes = Vec::new();
    while matches!(stream.read_until(b'\n', &mut bytes), Ok(n) if n > 0) {
        let text = String::from_utf8_lossy(&bytes);
        on_line(text.trim_end_matches(['\n', '\r']).to_owned());
        bytes.clear();
    }
}

fn success(command: &Command, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(format!("{}: {status}", shown(command)).into()) }
}

fn echo(command: &Command) {
    println!("$ {}", shown(command));
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut text = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    pub(super) fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_command_past_its_limit_is_ended_and_reported() {
        let began = Instant::now();
        let error = run(&mut shell("sleep 60"), Duration::from_millis(50)).unwrap_err();
        assert!(error.to_string().contains("no end within 50ms"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_status_other_than_zero_is_a_failure() {
        let error = read(&mut shell("echo said; exit 3"), LIMIT).unwrap_err();
        assert!(error.to_string().contains("exit status: 3"), "{error}");
    }

    #[test]
    fn every_line_of_the_output_is_watched_also_without_a_last_newline() {
        let mut seen = Vec::new();
        let status = watch(&mut shell("echo one; printf two"), LIMIT, |l| seen.push(l.to_owned())).unwrap();
        assert!(status.success());
        assert_eq!(seen, ["one", "two"]);
    }
}
