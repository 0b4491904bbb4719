//! What Linux tells about a process, in `/proc/self`.

/// The kernel counts CPU time in ticks of 10 ms: `USER_HZ` is 100 on every architecture that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;

/// From `/proc/self/stat`; see proc_pid_stat(5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stat {
    /// CPU time in user mode, of all threads, in seconds.
    pub(super) user: f64,
    /// The same in the kernel.
    pub(super) system: f64,
    /// When the process began, in seconds after the system did.
    pub(super) started: f64,
    pub(super) minor_faults: i64,
    pub(super) major_faults: i64,
    pub(super) threads: i64,
    pub(super) virtual_bytes: i64,
}

impl Stat {
    /// The command's name may hold anything, so counting begins after the last `)`: there is field 3.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text[text.rfind(')')? + 1..].split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<i64>().ok();
        let seconds = |number| Some(field(number)? as f64 / TICKS_PER_SECOND);
        Some(Self {
            minor_faults: field(10)?,
            major_faults: field(12)?,
            user: seconds(14)?,
            system: seconds(15)?,
            threads: field(20)?,
            started: seconds(22)?,
            virtual_bytes: field(23)?,
        })
    }
}

/// A number by its name, in files with a `name: number` on each line, such as `/proc/self/status` (where the unit
/// `kB` may follow) and `/proc/self/io`.
pub(super) fn named(text: &str, name: &str) -> Option<i64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

/// Seconds since the system began, from `/proc/uptime`.
pub(in crate::metric) fn uptime(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_command_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = "7 (a ) b (c) S 1 7 7 0 -1 4194304 100 0 3 0 150 50 0 0 20 0 4 0 900 1000 10";
        let expected = Stat {
            user: 1.5,
            system: 0.5,
            started: 9.0,
            minor_faults: 100,
            major_faults: 3,
            threads: 4,
            virtual_bytes: 1000,
        };
        assert_eq!(Stat::parse(stat), Some(expected));
        assert_eq!(Stat::parse("1 (x) S"), None);
    }

    #[test]
    fn numbers_are_found_by_their_whole_name() {
        let status = "VmSize:\t    2048 kB\nVmRSS:\t     512 kB\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(named(status, "VmRSS"), Some(512));
        assert_eq!(named(status, "nonvoluntary_ctxt_switches"), Some(7));
        assert_eq!(named(status, "voluntary_ctxt_switches"), None);
        assert_eq!(named("read_bytes: 4096\n", "read_bytes"), Some(4096));
        assert_eq!(uptime("12.50 20.00\n"), Some(12.5));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ ():a-z0-9\\n-]{0,80}|\\PC{0,40}") {
            let _ = (Stat::parse(&text), named(&text, "a"), uptime(&text));
        }
    }
}
