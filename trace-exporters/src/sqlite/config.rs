//! Where spans are stored, and for how long.

use std::path::PathBuf;

use serde::Deserialize;

use super::SqliteError;

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process, however it ends. A loss of power may take what came since the last checkpoint, of which
    /// there is one about every 16 MiB and at each flush. The default.
    #[default]
    Process,
    /// A loss of power too: every commit waits for the disk.
    Power,
}

/// Where spans are stored, and for how long.
///
/// Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SqliteConfig {
    /// The directory, made if it is missing. It must be on a local disk and belongs to one process at a time.
    pub directory: PathBuf,
    /// Hours that are kept; a file goes when its hour ended this long ago. 0 means for ever. Default 168, a week.
    #[serde(alias = "retentionHours")]
    pub retention_hours: u64,
    /// Bytes of all files together; the oldest hours go first. 0 means without limit. Default 10 GiB. When the current
    /// hour alone needs more, further spans are refused until the next.
    #[serde(alias = "maxBytes")]
    pub max_bytes: u64,
    /// Attributes, of spans or resources, by whose values spans are found without reading others. Those of another name can be
    /// searched too, but all candidates are read. A change counts from the next hour on.
    #[serde(alias = "indexedAttributes")]
    pub indexed_attributes: Vec<String>,
    /// What a commit survives.
    pub durability: Durability,
    /// Threads that read, 1 to 64, each with files of its own open. Default 2.
    #[serde(alias = "readThreads")]
    pub read_threads: usize,
}

/// What people look for in spans of HTTP, RPC, databases and queues (OpenTelemetry semantic conventions).
const INDEXED: [&str; 14] = [
    "http.request.method",
    "http.response.status_code",
    "http.route",
    "url.path",
    "server.address",
    "rpc.service",
    "rpc.method",
    "rpc.grpc.status_code",
    "db.system.name",
    "db.collection.name",
    "db.operation.name",
    "messaging.destination.name",
    "error.type",
    "enduser.id",
];

impl Default for SqliteConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("trace-data"),
            retention_hours: 168,
            max_bytes: 10 << 30,
            indexed_attributes: INDEXED.map(str::to_owned).to_vec(),
            durability: Durability::Process,
            read_threads: 2,
        }
    }
}

impl SqliteConfig {
    /// The most attributes that can be indexed.
    pub const MAX_INDEXED: usize = 64;

    /// The defaults in this directory.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), ..Self::default() }
    }

    /// Sets how many hours are kept; 0 means for ever.
    #[must_use]
    pub fn retention_hours(mut self, hours: u64) -> Self {
        self.retention_hours = hours;
        self
    }

    /// Sets the bytes of all files together; 0 means without limit.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Replaces the attributes that are indexed.
    #[must_use]
    pub fn indexed_attributes<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.indexed_attributes = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what a commit survives.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets the number of threads that read.
    #[must_use]
    pub fn read_threads(mut self, threads: usize) -> Self {
        self.read_threads = threads;
        self
    }

    /// Checks everything that can be checked without the disk.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), SqliteError> {
        let wrong = |field, problem| Err(SqliteError::Config { field, problem });
        if self.directory.as_os_str().is_empty() {
            return wrong("directory", "is empty: name a directory on a local disk");
        }
        if !(1..=64).contains(&self.read_threads) {
            return wrong("read_threads", "must be 1 to 64");
        }
        if self.indexed_attributes.len() > Self::MAX_INDEXED {
            return wrong("indexed_attributes", "has more than 64 names");
        }
        if self.indexed_attributes.iter().any(String::is_empty) {
            return wrong("indexed_attributes", "has an empty name");
        }
        if (1..1 << 20).contains(&self.max_bytes) {
            return wrong("max_bytes", "must be 0 (no limit) or at least 1048576");
        }
        Ok(())
    }
}
