//! Where the server listens and how much it keeps.

use std::str::FromStr;

use serde::Serialize;

use super::section::Section;

/// `server`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerConfig {
    /// The address or name to listen at. `127.0.0.1` by default: `0.0.0.0` lets other machines in.
    pub host: String,
    /// The port; else `PORT`, else 3000. 0 lets the system choose.
    pub port: u16,
}

/// `store`: the memory that keeps what was seen last, and where traces are read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreConfig {
    /// `maxBytes`: the most it takes, in bytes; 64 MiB by default, 1 MiB to 1 TiB.
    pub max_bytes: u64,
    /// `readFrom`: where the API finds traces: `memory`, the default, or the name of a destination that stores them, such as
    /// `sqlite` or `clickhouse/archive`. The live page shows what the memory has either way.
    pub read_from: Option<String>,
}

/// The value of `readFrom` for the memory.
pub(super) const MEMORY: &str = "memory";

impl Default for ServerConfig {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 3000 }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, read_from: None }
    }
}

impl ServerConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        let default = Self::default();
        Self {
            host: s.field("host").parse::<HostName>().map_or(default.host, |h| h.0),
            port: s.field("port").env("PORT").port().unwrap_or(default.port),
        }
    }
}

impl StoreConfig {
    pub(super) fn read(s: &Section<'_>) -> Self {
        Self {
            max_bytes: s.field("maxBytes").integer(1 << 20..=1 << 40).unwrap_or(Self::default().max_bytes),
            read_from: s.field("readFrom").text(),
        }
    }
}

pub(super) struct HostName(pub(super) String);

#[derive(Debug, thiserror::Error)]
#[error("an address or a name without a port, such as 0.0.0.0, ::1 or localhost")]
pub(super) struct HostNameError;

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if text.parse::<std::net::IpAddr>().is_ok() || (text.len() <= 253 && text.bytes().all(name)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(HostNameError)
        }
    }
}
