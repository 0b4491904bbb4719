//! CPU time of the machine, from `/proc/stat`.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::read;
use crate::metric::{InvalidInstrument, Meter};
use crate::model::KeyValue;

/// `USER_HZ` is 100 on every architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// Over a shorter time than this, ticks are too coarse to divide by.
const MIN_INTERVAL: Duration = Duration::from_secs(1);

/// Modes of `cpu.mode`, in the order of [`Core::seconds`].
const MODES: [&str; 7] = ["user", "nice", "system", "idle", "iowait", "interrupt", "steal"];

/// The CPU time of one core, in seconds since the system began, by mode.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Core {
    number: i64,
    seconds: [f64; MODES.len()],
}

/// The lines `cpuN` of `/proc/stat`; see proc_stat(5). Interrupts are those of hardware and of software. The time of
/// guests is part of `user` and `nice` already.
fn parse(text: &str) -> Vec<Core> {
    let core = |line: &str| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let number = words.next()?.parse().ok()?;
        // Old kernels have fewer columns.
        let ticks: Vec<f64> = words.map_while(|w| w.parse().ok()).collect();
        let at = |i: usize| ticks.get(i).copied().unwrap_or(0.0) / TICKS_PER_SECOND;
        Some(Core { number, seconds: [at(0), at(1), at(2), at(3), at(4), at(5) + at(6), at(7)] })
    };
    // The line of the sum has a blank after `cpu`, so its first word is a count, not a core.
    text.lines().filter(|l| !l.starts_with("cpu ")).filter_map(core).collect()
}

/// The share of each mode between two readings of a core; `None` if no time has passed.
fn shares(before: &Core, now: &Core) -> Option<Shares> {
    let mut spent = now.seconds;
    // The kernel may correct idle time downward.
    spent.iter_mut().zip(before.seconds).for_each(|(now, before)| *now = (*now - before).max(0.0));
    let all: f64 = spent.iter().sum();
    (all > 0.0).then(|| spent.map(|s| s / all))
}

/// The share of each mode in the time of a core.
type Shares = [f64; MODES.len()];

/// Shares since the reading before, which is at least a second old.
#[derive(Default)]
struct Utilization(Mutex<Option<Reading>>);

struct Reading {
    at: Instant,
    cores: Vec<Core>,
    shares: Vec<(i64, Shares)>,
}

impl Utilization {
    /// At first since the system began.
    fn sample(&self, cores: Vec<Core>, now: Instant) -> Vec<(i64, Shares)> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reading) = &*last
            && now.saturating_duration_since(reading.at) < MIN_INTERVAL
        {
            return reading.shares.clone();
        }
        let before = last.take().map(|l| l.cores).unwrap_or_default();
        let found: Vec<_> = cores
            .iter()
            .filter_map(|core| {
                let none = Core { number: core.number, seconds: [0.0; MODES.len()] };
                let before = before.iter().find(|b| b.number == core.number).unwrap_or(&none);
                Some((core.number, shares(before, core)?))
            })
            .collect();
        *last = Some(Reading { at: now, cores, shares: found.clone() });
        found
    }
}

fn attributes(core: i64, mode: usize) -> [KeyValue; 2] {
    [KeyValue::new("cpu.logical_number", core), KeyValue::new("cpu.mode", MODES[mode])]
}

pub(super) fn register(meter: &Meter) -> Result<(), InvalidInstrument> {
    meter
        .observable_counter("system.cpu.time")
        .unit("s")
        .description("CPU time of each core in each mode.")
        .observe(|o| {
            for core in read("stat").map(|t| parse(&t)).unwrap_or_default() {
                core.seconds.iter().enumerate().for_each(|(i, s)| o.observe(*s, &attributes(core.number, i)));
            }
        })?;
    let utilization = Utilization::default();
    meter
        .observable_gauge("system.cpu.utilization")
        .unit("1")
        .description("The share of each mode in the time of each core.")
        .observe(move |o| {
            let Some(text) = read("stat") else { return };
            for (core, shares) in utilization.sample(parse(&text), Instant::now()) {
                shares.iter().enumerate().for_each(|(i, s)| o.observe(*s, &attributes(core, i)));
            }
        })?;
    meter
        .observable_up_down_counter("system.cpu.logical.count")
        .unit("{cpu}")
        .description("Cores that can run threads.")
        .observe(|o| {
            if let Some(text) = read("stat") {
                o.observe(parse(&text).len(), &[]);
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STAT: &str =
        "cpu  300 0 0 0 0 0 0 0 0 0\ncpu0 100 1 20 800 5 2 3 7 0 0\ncpu1 200 0 10 100\nintr 5 cpu9\n";

    #[test]
    fn cores_are_read_without_the_line_of_their_sum() {
        let cores = parse(STAT);
        assert_eq!(cores.len(), 2);
        assert_eq!(cores[0], Core { number: 0, seconds: [1.0, 0.01, 0.2, 8.0, 0.05, 0.05, 0.07] });
        assert_eq!(cores[1], Core { number: 1, seconds: [2.0, 0.0, 0.1, 1.0, 0.0, 0.0, 0.0] });
    }

    #[test]
    fn utilization_is_the_share_since_the_reading_before() {
        let core = |user, idle| vec![Core { number: 0, seconds: [user, 0.0, 0.0, idle, 0.0, 0.0, 0.0] }];
        let (u, start) = (Utilization::default(), Instant::now());
        assert_eq!(u.sample(core(1.0, 3.0), start)[0].1[0], 0.25, "at first since the beginning");
        let soon = start + Duration::from_millis(10);
        assert_eq!(u.sample(core(1.5, 3.0), soon)[0].1[0], 0.25, "too soon to tell");
        let later = start + Duration::from_secs(2);
        let shares = u.sample(core(2.5, 3.5), later)[0].1;
        assert_eq!((shares[0], shares[3]), (0.75, 0.25));
        let much_later = start + Duration::from_secs(4);
        assert_eq!(u.sample(core(2.5, 3.5), much_later), [], "no time has passed");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(cpu[0-9]{0,3}[ 0-9a-z.-]{0,40}\n){0,4}|\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
