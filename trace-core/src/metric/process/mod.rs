//! What this process uses: a sampler for callers, and instruments.

mod instruments;
pub(super) mod proc_self;

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use instruments::register_process_metrics;
use proc_self::{Stat, named, uptime};

/// Over a shorter time than this, ticks are too coarse to divide by.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessUsage {
    /// CPU time by wall time since the last reading, in percent of one core: 0 to 100 times the number of cores.
    pub cpu_percent: f64,
    /// Resident memory in mebibytes (1,048,576 bytes).
    pub memory_mb: f64,
}

/// Reads the CPU and memory use of this process.
#[derive(Debug)]
pub struct ProcessSampler {
    last: Mutex<Option<Reading>>,
    interval: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: Instant,
    cpu_seconds: f64,
    cpu_percent: f64,
}

impl Default for ProcessSampler {
    fn default() -> Self {
        Self::new()
    }
}

impl ProcessSampler {
    /// A sampler whose first interval begins now.
    pub fn new() -> Self {
        let reading = read_stat().map(|stat| Reading {
            at: Instant::now(),
            cpu_seconds: stat.user + stat.system,
            cpu_percent: percent_since_start(&stat),
        });
        Self { last: Mutex::new(reading), interval: MIN_INTERVAL }
    }

    /// The use since the last call; within a second of it, the same CPU percentage again, and at first the average
    /// since the process began. `None` where there is no `/proc` (anything but Linux).
    pub fn sample(&self) -> Option<ProcessUsage> {
        let memory_mb = read_memory()?;
        let stat = read_stat()?;
        let cpu_seconds = stat.user + stat.system;
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.unwrap_or(Reading { at: now, cpu_seconds, cpu_percent: 0.0 });
        let elapsed = now.duration_since(before.at);
        let cpu_percent = if elapsed < self.interval {
            before.cpu_percent
        } else {
            let percent = 100.0 * (cpu_seconds - before.cpu_seconds).max(0.0) / elapsed.as_secs_f64();
            *last = Some(Reading { at: now, cpu_seconds, cpu_percent: percent });
            percent
        };
        Some(ProcessUsage { cpu_percent, memory_mb })
    }
}

fn percent_since_start(stat: &Stat) -> f64 {
    let up = fs::read_to_string("/proc/uptime").ok().and_then(|t| uptime(&t));
    match up.map(|up| up - stat.started) {
        Some(age) if age > 0.0 => 100.0 * (stat.user + stat.system) / age,
        _ => 0.0,
    }
}

fn read_stat() -> Option<Stat> {
    Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Resident memory in mebibytes.
fn read_memory() -> Option<f64> {
    let kibibytes = named(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS")?;
    Some(kibibytes as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_busy_loop_shows_as_cpu_time_and_a_big_buffer_as_memory() {
        let sampler = ProcessSampler { interval: Duration::from_millis(100), ..ProcessSampler::new() };
        let before = sampler.sample().unwrap();
        let buffer = vec![1u8; 64 << 20];
        let began = Instant::now();
        let mut x = 1u64;
        while began.elapsed() < Duration::from_millis(300) {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        let after = sampler.sample().unwrap();
        // Other tests of this process only add to it; a loaded machine may leave us a small share.
        assert!(after.cpu_percent > 1.0, "{after:?}");
        let most = 110.0 * thread::available_parallelism().map_or(1, usize::from) as f64;
        assert!(after.cpu_percent < most, "{after:?}");
        assert!(after.memory_mb > before.memory_mb + 32.0, "{before:?} {after:?}");
        assert_eq!(std::hint::black_box(&buffer)[0], 1);
    }
}
