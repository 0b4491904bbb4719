//! Disks of the machine, from `/proc/diskstats`.

use std::path::Path;

use super::read;
use crate::metric::{InvalidInstrument, Meter, Observations};
use crate::model::KeyValue;

/// The kernel counts in sectors of this size, whatever the device has.
const SECTOR: i64 = 512;

/// One direction of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Traffic {
    operations: i64,
    bytes: i64,
    milliseconds: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Device {
    name: String,
    read: Traffic,
    write: Traffic,
    /// How long the device was busy.
    busy_milliseconds: i64,
}

/// The lines of `/proc/diskstats`; see "I/O statistics fields" in the kernel's documentation.
fn parse(text: &str) -> Vec<Device> {
    let device = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let name = words.nth(2)?.to_owned();
        let n: Vec<i64> = words.map_while(|w| w.parse().ok()).collect();
        let &[reads, _, sectors_read, ms_read, writes, _, sectors_written, ms_written, _, busy, ..] =
            n.as_slice()
        else {
            return None;
        };
        let traffic = |operations, sectors: i64, milliseconds| Traffic {
            operations,
            bytes: sectors.saturating_mul(SECTOR),
            milliseconds,
        };
        Some(Device {
            name,
            read: traffic(reads, sectors_read, ms_read),
            write: traffic(writes, sectors_written, ms_written),
            busy_milliseconds: busy,
        })
    };
    text.lines().filter_map(device).collect()
}

/// Whole devices: what happens on a partition is counted by its device, too.
fn devices() -> Vec<Device> {
    let all = read("diskstats").map(|t| parse(&t)).unwrap_or_default();
    all.into_iter().filter(|d| Path::new("/sys/block").join(d.name.replace('/', "!")).exists()).collect()
}

pub(super) fn register(meter: &Meter) -> Result<(), InvalidInstrument> {
    meter
        .observable_counter("system.disk.io")
        .unit("By")
        .description("Bytes read and written.")
        .observe(|o| by_direction(o, |o, t, a| o.observe(t.bytes, a)))?;
    meter
        .observable_counter("system.disk.operations")
        .unit("{operation}")
        .description("Reads and writes.")
        .observe(|o| by_direction(o, |o, t, a| o.observe(t.operations, a)))?;
    meter
        .observable_counter("system.disk.operation_time")
        .unit("s")
        .description("The sum of the time that each read and write took.")
        .observe(|o| by_direction(o, |o, t, a| o.observe(t.milliseconds as f64 / 1000.0, a)))?;
    meter
        .observable_counter("system.disk.io_time")
        .unit("s")
        .description("The time that the device was busy.")
        .observe(|o| {
            for d in devices() {
                o.observe(d.busy_milliseconds as f64 / 1000.0, &[KeyValue::new("system.device", d.name)]);
            }
        })
}

fn by_direction(o: &mut Observations<'_>, observe: impl Fn(&mut Observations<'_>, Traffic, &[KeyValue])) {
    for d in devices() {
        for (traffic, direction) in [(d.read, "read"), (d.write, "write")] {
            let device = KeyValue::new("system.device", d.name.clone());
            observe(o, traffic, &[device, KeyValue::new("disk.io.direction", direction)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_has_reads_and_writes_in_sectors_of_512_bytes() {
        let text = " 254 0 vda 10 1 100 19 20 2 200 29 0 171 267 266 121\n 254 1 vda1 1 2 3\n\n";
        let vda = Device {
            name: "vda".into(),
            read: Traffic { operations: 10, bytes: 51_200, milliseconds: 19 },
            write: Traffic { operations: 20, bytes: 102_400, milliseconds: 29 },
            busy_milliseconds: 171,
        };
        assert_eq!(parse(text), [vda]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ a-z0-9\n-]{0,120}|\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
