//! The instruments that watch this process.

use std::fs;
use std::sync::Arc;
use std::thread;

use super::ProcessSampler;
use super::proc_self::{Stat, named, uptime};
use crate::metric::{InvalidInstrument, Meter};
use crate::model::KeyValue;

/// Registers instruments for this process, named as OpenTelemetry's semantic conventions do: CPU (`process.cpu.time`,
/// `process.cpu.utilization`: 0 to 1, the share of all cores), memory (`process.memory.usage`: resident bytes,
/// `process.memory.virtual`), disk (`process.disk.io`, where `/proc/self/io` may be read), `process.thread.count`,
/// `process.open_file_descriptor.count`, `process.context_switches`, `process.paging.faults`, `process.uptime`.
///
/// They read `/proc` when metrics are collected. Where there is none (anything but Linux) they have no series.
///
/// # Errors
/// None is known: all names and units are valid.
pub fn register_process_metrics(
    meter: &Meter,
    sampler: Arc<ProcessSampler>,
) -> Result<(), InvalidInstrument> {
    cpu(meter, sampler)?;
    memory(meter)?;
    counts(meter)?;
    meter
        .observable_counter("process.disk.io")
        .unit("By")
        .description("Bytes read from and written to storage.")
        .observe(|o| {
            let Some(io) = read("io") else { return };
            for (name, direction) in [("read_bytes", "read"), ("write_bytes", "write")] {
                if let Some(bytes) = named(&io, name) {
                    o.observe(bytes, &[KeyValue::new("disk.io.direction", direction)]);
                }
            }
        })?;
    meter
        .observable_gauge("process.uptime")
        .unit("s")
        .description("The time since the process began.")
        .observe(|o| {
            let up = fs::read_to_string("/proc/uptime").ok().and_then(|t| uptime(&t));
            if let (Some(up), Some(stat)) = (up, stat()) {
                o.observe((up - stat.started).max(0.0), &[]);
            }
        })
}

fn cpu(meter: &Meter, sampler: Arc<ProcessSampler>) -> Result<(), InvalidInstrument> {
    let cores = thread::available_parallelism().map_or(1, usize::from) as f64;
    meter
        .observable_gauge("process.cpu.utilization")
        .unit("1")
        .description("CPU time of the process by wall time and number of cores.")
        .observe(move |o| {
            if let Some(usage) = sampler.sample() {
                o.observe(usage.cpu_percent / 100.0 / cores, &[]);
            }
        })?;
    meter.observable_counter("process.cpu.time").unit("s").description("CPU time of the process.").observe(
        |o| {
            if let Some(stat) = stat() {
                o.observe(stat.user, &[KeyValue::new("cpu.mode", "user")]);
                o.observe(stat.system, &[KeyValue::new("cpu.mode", "system")]);
            }
        },
    )
}

fn memory(meter: &Meter) -> Result<(), InvalidInstrument> {
    meter
        .observable_up_down_counter("process.memory.usage")
        .unit("By")
        .description("Physical memory in use by the process.")
        .observe(|o| {
            if let Some(kibibytes) = read("status").and_then(|s| named(&s, "VmRSS")) {
                o.observe(kibibytes.saturating_mul(1024), &[]);
            }
        })?;
    meter
        .observable_up_down_counter("process.memory.virtual")
        .unit("By")
        .description("Memory that the process has reserved.")
        .observe(|o| {
            if let Some(stat) = stat() {
                o.observe(stat.virtual_bytes, &[]);
            }
        })
}

fn counts(meter: &Meter) -> Result<(), InvalidInstrument> {
    meter
        .observable_up_down_counter("process.thread.count")
        .unit("{thread}")
        .description("Threads of the process.")
        .observe(|o| {
            if let Some(stat) = stat() {
                o.observe(stat.threads, &[]);
            }
        })?;
    meter
        .observable_up_down_counter("process.open_file_descriptor.count")
        .unit("{file_descriptor}")
        .description("File descriptors that the process holds open.")
        .observe(|o| {
            if let Ok(entries) = fs::read_dir("/proc/self/fd") {
                // One of them is that of the directory being read.
                o.observe(entries.count().saturating_sub(1), &[]);
            }
        })?;
    meter
        .observable_counter("process.context_switches")
        .unit("{context_switch}")
        .description("How often threads of the process gave up the CPU, or lost it.")
        .observe(|o| {
            let Some(status) = read("status") else { return };
            for (name, kind) in
                [("voluntary_ctxt_switches", "voluntary"), ("nonvoluntary_ctxt_switches", "involuntary")]
            {
                if let Some(switches) = named(&status, name) {
                    o.observe(switches, &[KeyValue::new("process.context_switch_type", kind)]);
                }
            }
        })?;
    meter
        .observable_counter("process.paging.faults")
        .unit("{fault}")
        .description("Page faults of the process.")
        .observe(|o| {
            if let Some(stat) = stat() {
                o.observe(stat.minor_faults, &[KeyValue::new("process.paging.fault_type", "minor")]);
                o.observe(stat.major_faults, &[KeyValue::new("process.paging.fault_type", "major")]);
            }
        })
}

fn read(file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/self/{file}")).ok()
}

fn stat() -> Option<Stat> {
    Stat::parse(&read("stat")?)
}
