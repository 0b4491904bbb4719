//! Memory and paging of the machine, from `/proc/meminfo` and `/proc/vmstat`.

use super::read;
use crate::metric::{InvalidInstrument, Meter};
use crate::model::KeyValue;

/// Bytes, from `/proc/meminfo`; see proc_meminfo(5).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Memory {
    total: i64,
    free: i64,
    buffers: i64,
    /// The page cache and what the kernel can give back of its slabs.
    cached: i64,
    /// What programs could get without swapping. Linux 3.14 or later.
    available: Option<i64>,
    swap_total: i64,
    swap_free: i64,
}

impl Memory {
    fn parse(text: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            value.split_whitespace().next()?.parse::<i64>().ok()?.checked_mul(1024)
        };
        Some(Self {
            total: bytes("MemTotal")?,
            free: bytes("MemFree")?,
            buffers: bytes("Buffers").unwrap_or(0),
            cached: bytes("Cached").unwrap_or(0).saturating_add(bytes("SReclaimable").unwrap_or(0)),
            available: bytes("MemAvailable"),
            swap_total: bytes("SwapTotal").unwrap_or(0),
            swap_free: bytes("SwapFree").unwrap_or(0),
        })
    }

    fn read() -> Option<Self> {
        Self::parse(&read("meminfo")?)
    }

    /// By `system.memory.state`; they add up to the total.
    fn states(&self) -> [(&'static str, i64); 4] {
        let used =
            self.total.saturating_sub(self.free).saturating_sub(self.buffers).saturating_sub(self.cached);
        [("used", used.max(0)), ("free", self.free), ("buffers", self.buffers), ("cached", self.cached)]
    }
}

/// A count by its name, from `/proc/vmstat`.
fn count(text: &str, name: &str) -> Option<i64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

pub(super) fn register(meter: &Meter) -> Result<(), InvalidInstrument> {
    let state = |state| KeyValue::new("system.memory.state", state);
    meter
        .observable_up_down_counter("system.memory.usage")
        .unit("By")
        .description("Physical memory by state.")
        .observe(move |o| {
            let states = Memory::read().map(|m| m.states());
            states.into_iter().flatten().for_each(|(name, bytes)| o.observe(bytes, &[state(name)]));
        })?;
    meter
        .observable_gauge("system.memory.utilization")
        .unit("1")
        .description("The share of each state in physical memory.")
        .observe(move |o| {
            let Some(memory) = Memory::read().filter(|m| m.total > 0) else { return };
            for (name, bytes) in memory.states() {
                o.observe(bytes as f64 / memory.total as f64, &[state(name)]);
            }
        })?;
    meter
        .observable_up_down_counter("system.memory.limit")
        .unit("By")
        .description("All physical memory.")
        .observe(|o| Memory::read().into_iter().for_each(|m| o.observe(m.total, &[])))?;
    meter
        .observable_up_down_counter("system.linux.memory.available")
        .unit("By")
        .description("Memory that programs could get without swapping.")
        .observe(|o| Memory::read().and_then(|m| m.available).into_iter().for_each(|b| o.observe(b, &[])))?;
    paging(meter)
}

fn paging(meter: &Meter) -> Result<(), InvalidInstrument> {
    meter
        .observable_up_down_counter("system.paging.usage")
        .unit("By")
        .description("Swap space by state.")
        .observe(|o| {
            let Some(m) = Memory::read() else { return };
            for (state, bytes) in [("used", m.swap_total.saturating_sub(m.swap_free)), ("free", m.swap_free)]
            {
                o.observe(bytes, &[KeyValue::new("system.paging.state", state)]);
            }
        })?;
    meter
        .observable_counter("system.paging.faults")
        .unit("{fault}")
        .description("Page faults; a major one needed a disk.")
        .observe(|o| {
            let Some(text) = read("vmstat") else { return };
            if let (Some(all), Some(major)) = (count(&text, "pgfault"), count(&text, "pgmajfault")) {
                o.observe(all.saturating_sub(major), &[KeyValue::new("system.paging.type", "minor")]);
                o.observe(major, &[KeyValue::new("system.paging.type", "major")]);
            }
        })?;
    meter
        .observable_counter("system.paging.operations")
        .unit("{operation}")
        .description("Pages swapped in and out.")
        .observe(|o| {
            let Some(text) = read("vmstat") else { return };
            for (name, direction) in [("pswpin", "in"), ("pswpout", "out")] {
                if let Some(pages) = count(&text, name) {
                    o.observe(pages, &[KeyValue::new("system.paging.direction", direction)]);
                }
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn states_add_up_to_the_total() {
        let text = "MemTotal: 1000 kB\nMemFree: 200 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\nCached: 300 kB\n\
                    SwapCached: 9 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\nSReclaimable: 30 kB\n";
        let memory = Memory::parse(text).unwrap();
        assert_eq!(memory.available, Some(600 * 1024));
        assert_eq!((memory.swap_total, memory.swap_free), (10 * 1024, 4 * 1024));
        assert_eq!(memory.states()[0], ("used", 420 * 1024));
        assert_eq!(memory.states().iter().map(|s| s.1).sum::<i64>(), memory.total);
        assert_eq!(Memory::parse("MemTotal: x kB\n"), None);
    }

    #[test]
    fn counts_are_found_by_their_whole_name() {
        let text = "pgfaultx 1\npgfault 77\npgmajfault 5\n";
        assert_eq!(
            (count(text, "pgfault"), count(text, "pgmajfault"), count(text, "pswpin")),
            (Some(77), Some(5), None)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(Mem(Total|Free):[ 0-9kB-]{0,25}\n){0,3}|\\PC{0,40}") {
            if let Some(m) = Memory::parse(&text) {
                let _ = m.states();
            }
        }
    }
}
