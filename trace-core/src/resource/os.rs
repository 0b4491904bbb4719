//! `os.*`.

use super::read;
use crate::model::KeyValue;

pub(super) fn detect() -> Vec<KeyValue> {
    let mut found = vec![KeyValue::new("os.type", os_type(std::env::consts::OS))];
    let release = read::text("/etc/os-release").or_else(|| read::text("/usr/lib/os-release"));
    let Some(release) = release else { return found };
    let keys = [("NAME", "os.name"), ("VERSION_ID", "os.version"), ("PRETTY_NAME", "os.description")];
    for (name, key) in keys {
        if let Some(value) = os_release(&release, name) {
            found.push(KeyValue::new(key, value));
        }
    }
    found
}

/// The kind's name in the semantic conventions.
fn os_type(rust: &'static str) -> &'static str {
    match rust {
        "macos" | "ios" => "darwin",
        "dragonfly" => "dragonflybsd",
        other => other,
    }
}

/// One value of os-release(5); quotes are taken off.
fn os_release(text: &str, name: &str) -> Option<String> {
    let value = text.lines().find_map(|l| l.trim().strip_prefix(name)?.strip_prefix('='))?.trim();
    let quoted = |q: char| value.strip_prefix(q)?.strip_suffix(q);
    let value = quoted('"').or_else(|| quoted('\'')).unwrap_or(value);
    (!value.is_empty()).then(|| value.replace("\\\"", "\"").replace("\\$", "$").replace("\\\\", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_and_without_quotes() {
        let text = "# c\nPRETTY_NAME=\"Debian \\\"x\\\" 13\"\nNAME='Debian'\nVERSION_ID=13\nEMPTY=\n";
        assert_eq!(os_release(text, "PRETTY_NAME").as_deref(), Some("Debian \"x\" 13"));
        assert_eq!(os_release(text, "NAME").as_deref(), Some("Debian"));
        assert_eq!(os_release(text, "VERSION_ID").as_deref(), Some("13"));
        assert_eq!((os_release(text, "EMPTY"), os_release(text, "VERSION")), (None, None));
    }

    #[test]
    fn kinds_have_their_conventional_names() {
        assert_eq!([os_type("linux"), os_type("macos")], ["linux", "darwin"]);
    }
}
