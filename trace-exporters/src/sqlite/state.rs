//! What a directory remembers besides its spans: what it let go, and what it set aside.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

const NAME: &str = "state.json";

/// The content of `state.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct State {
    /// Files that retention deleted, and the spans in them.
    pub(super) evicted_files: u64,
    pub(super) evicted_spans: u64,
    /// The newest hour that is not there any more, as its file was called.
    pub(super) evicted_through: Option<String>,
    /// Damaged files, under the names they have now.
    pub(super) set_aside: Vec<SetAside>,
}

/// A damaged file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SetAside {
    /// What it is called now.
    pub(super) file: String,
    /// What was wrong.
    pub(super) reason: String,
}

impl State {
    /// What was saved; nothing if the file is missing or damaged, for spans are readable without it.
    pub(super) fn load(directory: &Path) -> Self {
        fs::read(directory.join(NAME)).ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default()
    }

    /// Replaces the file as a whole.
    pub(super) fn save(&self, directory: &Path) -> io::Result<()> {
        let temporary = directory.join("state.json.new");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(temporary, directory.join(NAME))
    }
}
