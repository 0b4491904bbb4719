//! What is read, from where on, and where it is noted how far that was.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::config::KafkaConfig;
use super::error::KafkaConfigError;

/// Where a partition is begun of which nothing is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StartAt {
    /// At the oldest record that the log still has.
    #[default]
    Earliest,
    /// At what is written from now on.
    Latest,
}

/// What is read. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaSourceConfig {
    /// Where the log is.
    pub connection: KafkaConfig,
    /// The partitions that this process reads; all of them if none is named. Two processes must not share one.
    pub partitions: Vec<i32>,
    /// The file that notes how far each partition was read. Default `kafka-offsets`.
    pub offsets: PathBuf,
    /// Where a partition is begun that is not in the file. Default `earliest`.
    pub start: StartAt,
    /// How many bytes are asked for at a time, of each partition. Default 4 MiB.
    #[serde(alias = "fetchBytes")]
    pub fetch_bytes: u32,
    /// How long a broker waits for records before it answers that there are none, in milliseconds. Default 500.
    #[serde(alias = "maxWaitMs")]
    pub max_wait_ms: u32,
}

impl Default for KafkaSourceConfig {
    fn default() -> Self {
        Self {
            connection: KafkaConfig::default(),
            partitions: Vec::new(),
            offsets: PathBuf::from("kafka-offsets"),
            start: StartAt::Earliest,
            fetch_bytes: 4 << 20,
            max_wait_ms: 500,
        }
    }
}

impl KafkaSourceConfig {
    /// The defaults with another connection and file.
    pub fn new(connection: KafkaConfig, offsets: impl Into<PathBuf>) -> Self {
        Self { connection, offsets: offsets.into(), ..Self::default() }
    }

    /// Reads these partitions alone.
    #[must_use]
    pub fn partitions(mut self, partitions: impl IntoIterator<Item = i32>) -> Self {
        self.partitions = partitions.into_iter().collect();
        self
    }

    /// Checks everything that can be checked without the network.
    ///
    /// # Errors
    /// Names the field that cannot be used, and why.
    pub fn validate(&self) -> Result<(), KafkaConfigError> {
        self.connection.validate()?;
        let wait = Duration::from_millis(self.max_wait_ms.into());
        if let Some(timeout) = self.connection.timeout.limit().filter(|limit| wait >= *limit) {
            return Err(KafkaConfigError::Wait { max_wait_ms: self.max_wait_ms, timeout });
        }
        match self.partitions.iter().find(|p| **p < 0) {
            Some(negative) => Err(KafkaConfigError::Partition(*negative)),
            None => Ok(()),
        }
    }
}
