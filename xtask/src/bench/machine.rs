//! The machine that measures.

/// Its processor and number of cores, as a reader of the figures wants to know them.
pub(super) fn name() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cores} cores, {}", model(&cpuinfo), std::env::consts::ARCH)
}

fn model(cpuinfo: &str) -> &str {
    let of_line =
        |line: &'_ str| line.split_once(':').filter(|(key, _)| key.trim() == "model name").is_some();
    let line = cpuinfo.lines().find(|line| of_line(line));
    line.and_then(|line| line.split_once(':')).map_or("unknown processor", |(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_read_from_the_first_processor() {
        assert_eq!(model("processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nprocessor\t: 1\n"), "A CPU @ 2 GHz");
        assert_eq!(model(""), "unknown processor");
    }
}
