//! Finding the repository's own text files.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Result;

/// Endings of the text files that we write.
const ENDINGS: [&str; 11] = ["rs", "js", "mjs", "css", "html", "toml", "md", "py", "sh", "yml", "yaml"];
/// Folders with what others wrote or what a build made.
const FOREIGN: [&str; 4] = ["target", "vendor", "node_modules", "__pycache__"];

/// All our text files: path relative to `root`, with `/`, to content.
pub(crate) fn texts(root: &Path) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    collect(root, "", &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut BTreeMap<String, String>) -> Result<()> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && is_ours(&name) {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if kind.is_file() && is_text(&path) {
            let bytes = std::fs::read(entry.path()).map_err(|error| format!("{path}: {error}"))?;
            let text = String::from_utf8(bytes).map_err(|error| format!("{path}: {error}"))?;
            found.insert(path, text);
        }
    }
    Ok(())
}

fn is_ours(folder: &str) -> bool {
    !FOREIGN.contains(&folder) && (!folder.starts_with('.') || folder == ".ci" || folder == ".cargo")
}

fn is_text(path: &str) -> bool {
    path.starts_with(".ci/") || path.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn our_texts_are_found_and_foreign_ones_are_not() {
        let folder = Scratch::new("files").unwrap();
        for path in
            ["a/src/x.rs", "vendor/y.js", "a/vendor/z.js", "target/t.rs", ".git/c.md", ".ci/run", "p.png"]
        {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text\n").unwrap();
        }
        let found: Vec<String> = texts(folder.path()).unwrap().into_keys().collect();
        assert_eq!(found, [".ci/run", "a/src/x.rs"]);
    }
}
