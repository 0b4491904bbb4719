//! The machine: CPU, memory, paging, disks, network. Read from `/proc` when metrics are collected.

mod cpu;
mod disk;
mod memory;
mod network;

use std::fs;

use super::process::proc_self::uptime;
use super::{InvalidInstrument, Meter};

/// Registers instruments for the machine, named as OpenTelemetry's semantic conventions do.
///
/// | | |
/// |---|---|
/// | CPU | `system.cpu.time`, `system.cpu.utilization`, both by `cpu.logical_number` and `cpu.mode`; `system.cpu.logical.count` |
/// | memory | `system.memory.usage` and `.utilization` by `system.memory.state`; `system.memory.limit`; `system.linux.memory.available` |
/// | paging | `system.paging.usage` by `system.paging.state`, `system.paging.faults`, `system.paging.operations` |
/// | disk | `system.disk.io`, `.operations`, `.operation_time`, `.io_time` by `system.device` (partitions are part of their device) |
/// | network | `system.network.io`, `.packet.count`, `.packet.dropped`, `.errors` by `network.interface.name` |
/// | | `system.uptime` |
///
/// Where there is no `/proc` (anything but Linux) they have no series. The use of file systems, which Linux tells
/// only through a system call, is not among them. In a container the values are those of the whole machine, except
/// for the network, which is the container's.
///
/// # Errors
/// None is known: all names and units are valid.
pub fn register_system_metrics(meter: &Meter) -> Result<(), InvalidInstrument> {
    cpu::register(meter)?;
    memory::register(meter)?;
    disk::register(meter)?;
    network::register(meter)?;
    meter.observable_gauge("system.uptime").unit("s").description("The time since the system began.").observe(
        |o| {
            if let Some(seconds) = read("uptime").and_then(|t| uptime(&t)) {
                o.observe(seconds, &[]);
            }
        },
    )
}

/// A file of `/proc`.
fn read(file: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{file}")).ok()
}
