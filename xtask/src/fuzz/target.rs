//! Running one fuzz target.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{Result, process};

/// Over the time that is asked for: start, and the last input.
const MARGIN: Duration = Duration::from_secs(60);
/// Lines of a failed run that are shown.
const SHOWN_LINES: usize = 60;

/// Where everything is.
pub(super) struct Fuzzer {
    /// Inputs to begin with, in a folder for each target.
    pub(super) seeds: PathBuf,
    /// The built targets.
    pub(super) programs: PathBuf,
    /// What runs leave behind: inputs that reached something new, to begin with the next time, and failures.
    pub(super) kept: PathBuf,
}

impl Fuzzer {
    /// Runs a target for this time. Returns what libFuzzer says about its work.
    pub(super) fn run(&self, target: &str, time: Duration) -> Result<String> {
        let (corpus, failures) =
            (self.kept.join("corpus").join(target), self.kept.join("failures").join(target));
        std::fs::create_dir_all(&corpus)?;
        std::fs::create_dir_all(&failures)?;
        let log = self.kept.join(format!("{target}.log"));
        let program = self.programs.join(target);
        let mut command = Command::new(&program);
        // Where new inputs go stands first.
        command.arg(&corpus).arg(self.seeds.join(target));
        command.arg(format!("-max_total_time={}", time.as_secs()));
        command.arg(format!("-artifact_prefix={}/", failures.display()));
        // Headers beyond every limit; a second is ages for one input.
        command.args(["-max_len=20000", "-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"]);
        let out = File::create(&log)?;
        command.stdout(out.try_clone()?).stderr(out);
        let ended = process::run(&mut command, time + MARGIN);
        let printed = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
        match ended {
            Ok(()) => done(&printed).ok_or_else(|| format!("no end in {}", log.display()).into()),
            Err(error) => Err(explain(&error.to_string(), &printed, &program)),
        }
    }
}

/// `Done 1234 runs in 3 second(s)`.
fn done(printed: &str) -> Option<String> {
    let line = printed.lines().rev().find_map(|line| line.strip_prefix("Done "))?;
    Some(line.trim().to_owned())
}

/// The end of the log, and how to run the input again.
fn explain(error: &str, printed: &str, program: &Path) -> Box<dyn std::error::Error> {
    let lines: Vec<&str> = printed.lines().collect();
    let tail = lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n  | ");
    let input =
        printed.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path);
    let again =
        input.map_or_else(String::new, |input| format!("\nrun it again: {} {input}", program.display()));
    format!("{error}\n  | {tail}{again}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_of_a_run_is_read_from_its_log() {
        let log = "#2\tINITED\n#9 DONE cov: 1\nDone 9 runs in 3 second(s)\nstat::number: 9\n";
        assert_eq!(done(log).as_deref(), Some("9 runs in 3 second(s)"));
        assert_eq!(done("#2\tINITED\n"), None);
    }

    #[test]
    fn a_failure_says_how_to_run_its_input_again() {
        let log = "panicked\nartifact_prefix='x'; Test unit written to /k/crash-1\n";
        let error = explain("signal 6", log, Path::new("/p/b3")).to_string();
        assert!(error.ends_with("run it again: /p/b3 /k/crash-1"), "{error}");
    }
}
