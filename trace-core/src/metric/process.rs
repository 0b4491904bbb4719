//! CPU and memory of this process.

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{InvalidInstrument, Meter};
use std::sync::Arc;

/// The kernel counts CPU time in ticks of 10 ms: `USER_HZ` is 100 on every architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
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
        let reading = read_cpu().map(|cpu| Reading {
            at: Instant::now(),
            cpu_seconds: cpu.seconds,
            cpu_percent: cpu.percent_since_start(),
        });
        Self { last: Mutex::new(reading), interval: MIN_INTERVAL }
    }

    /// The use since the last call; within a second of it, the same CPU percentage again, and at first the average
    /// since the process began. `None` where there is no `/proc` (anything but Linux).
    pub fn sample(&self) -> Option<ProcessUsage> {
        let memory_mb = read_memory()?;
        let cpu = read_cpu()?;
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.unwrap_or(Reading { at: now, cpu_seconds: cpu.seconds, cpu_percent: 0.0 });
        let elapsed = now.duration_since(before.at);
        let cpu_percent = if elapsed < self.interval {
            before.cpu_percent
        } else {
            let percent = 100.0 * (cpu.seconds - before.cpu_seconds).max(0.0) / elapsed.as_secs_f64();
            *last = Some(Reading { at: now, cpu_seconds: cpu.seconds, cpu_percent: percent });
            percent
        };
        Some(ProcessUsage { cpu_percent, memory_mb })
    }
}

/// Registers `process.cpu.utilization` (0 to 1, the share of all cores) and `process.memory.usage` (resident bytes),
/// both as OpenTelemetry's semantic conventions define them. Where there is no `/proc` they have no series.
///
/// # Errors
/// If the meter has other instruments of these names.
pub fn register_process_metrics(
    meter: &Meter,
    sampler: Arc<ProcessSampler>,
) -> Result<(), InvalidInstrument> {
    let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
    let cpu = sampler.clone();
    meter
        .observable_gauge("process.cpu.utilization")
        .unit("1")
        .description("CPU time of the process by wall time and number of cores.")
        .observe(move |o| {
            if let Some(usage) = cpu.sample() {
                o.observe(usage.cpu_percent / 100.0 / cores, &[]);
            }
        })?;
    meter
        .observable_up_down_counter("process.memory.usage")
        .unit("By")
        .description("Physical memory in use by the process.")
        .observe(move |o| {
            if let Some(usage) = sampler.sample() {
                o.observe((usage.memory_mb * 1_048_576.0) as i64, &[]);
            }
        })
}

struct Cpu {
    /// User and system time of all threads.
    seconds: f64,
    /// When the process began, after the system did.
    started_seconds: f64,
}

impl Cpu {
    fn percent_since_start(&self) -> f64 {
        let uptime = fs::read_to_string("/proc/uptime").ok();
        let uptime: Option<f64> = uptime.and_then(|t| t.split_whitespace().next()?.parse().ok());
        match uptime.map(|u| u - self.started_seconds) {
            Some(age) if age > 0.0 => 100.0 * self.seconds / age,
            _ => 0.0,
        }
    }
}

fn read_cpu() -> Option<Cpu> {
    parse_stat(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 14, 15 and 22 of proc_pid_stat(5). The command's name may hold anything, so counting begins after the
/// last `)`.
fn parse_stat(stat: &str) -> Option<Cpu> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let mut ticks = |skip| fields.nth(skip)?.parse::<f64>().ok();
    let (user, system, started) = (ticks(11)?, ticks(0)?, ticks(6)?);
    Some(Cpu { seconds: (user + system) / TICKS_PER_SECOND, started_seconds: started / TICKS_PER_SECOND })
}

/// Resident memory in mebibytes.
fn read_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a ) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 4 0 900 1000 10";
        let cpu = parse_stat(stat).unwrap();
        assert_eq!((cpu.seconds, cpu.started_seconds), (2.0, 9.0));
        assert!(parse_stat("").is_none());
        assert!(parse_stat("1 (x) S").is_none());
    }

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
