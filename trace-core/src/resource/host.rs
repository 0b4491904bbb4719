//! `host.*`.

use super::read;
use crate::model::KeyValue;

pub(super) fn detect() -> Vec<KeyValue> {
    let mut found = vec![KeyValue::new("host.arch", arch(std::env::consts::ARCH))];
    if let Some(name) = name() {
        found.push(KeyValue::new("host.name", name));
    }
    if let Some(id) = id() {
        found.push(KeyValue::new("host.id", id));
    }
    found
}

/// The architecture's name in the semantic conventions.
fn arch(rust: &'static str) -> &'static str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        "powerpc" => "ppc32",
        "powerpc64" => "ppc64",
        other => other,
    }
}

fn name() -> Option<String> {
    read::line("/proc/sys/kernel/hostname")
        .or_else(|| read::line("/etc/hostname"))
        .or_else(|| std::env::var("COMPUTERNAME").ok().filter(|n| !n.is_empty()))
}

/// The machine id, which systemd calls confidential to the host: that is its use here.
fn id() -> Option<String> {
    read::line("/etc/machine-id").or_else(|| read::line("/var/lib/dbus/machine-id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn architectures_have_their_conventional_names() {
        assert_eq!([arch("x86_64"), arch("aarch64"), arch("riscv64")], ["amd64", "arm64", "riscv64"]);
    }
}
