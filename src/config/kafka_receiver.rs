//! Spans that lie in a Kafka-protocol log.

use serde::Serialize;

use super::field::Field;
use super::secret::Secret;
use super::section::Section;

/// `receivers.kafka`: spans of a topic, in OTLP. Needs the feature `kafka`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KafkaReceiverConfig {
    /// Brokers to begin with, as `host:port`; `localhost:9092` by default.
    pub brokers: Vec<String>,
    /// The topic; `otlp_spans` by default.
    pub topic: String,
    /// The partitions that this process reads; all of them if none is named. Two processes must not share one.
    pub partitions: Vec<i32>,
    /// The file that notes how far each partition was read; `kafka-offsets` by default.
    pub offsets: String,
    /// Where a partition is begun that is not in the file.
    pub start: KafkaStart,
    /// Whom to be.
    pub username: Option<String>,
    /// The password of `username`.
    pub password: Option<Secret>,
    /// How they are proved.
    pub mechanism: KafkaMechanism,
    /// Whether connections use TLS; by default they do if there is a `caCertificate`.
    pub tls: bool,
    /// `caCertificate`: a PEM file with the only certificates to trust, instead of the system's.
    pub ca_certificate: Option<String>,
}

/// Where a partition is begun of which nothing is noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KafkaStart {
    /// At the oldest record that the log still has.
    #[default]
    Earliest,
    /// At what is written from now on.
    Latest,
}

/// How user and password are proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum KafkaMechanism {
    /// As they are.
    #[default]
    #[serde(rename = "plain")]
    Plain,
    /// SCRAM-SHA-256.
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// SCRAM-SHA-512.
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
}

const STARTS: [(&str, KafkaStart); 2] = [("earliest", KafkaStart::Earliest), ("latest", KafkaStart::Latest)];
const MECHANISMS: [(&str, KafkaMechanism); 3] = [
    ("plain", KafkaMechanism::Plain),
    ("scram-sha-256", KafkaMechanism::ScramSha256),
    ("scram-sha-512", KafkaMechanism::ScramSha512),
];

impl KafkaReceiverConfig {
    pub(super) fn read(s: &Section<'_>) -> Option<Self> {
        let brokers = s.list("brokers").map(|list| list.iter().filter_map(Field::text).collect());
        let partitions = s.list("partitions").unwrap_or_default();
        let partition = |field: &Field<'_>| {
            let number = field.integer(0..=u64::from(i32::MAX.unsigned_abs()))?;
            i32::try_from(number).ok()
        };
        let ca_certificate = s.field("caCertificate").text();
        let config = Self {
            brokers: brokers.unwrap_or_else(|| vec!["localhost:9092".to_owned()]),
            topic: s.field("topic").text().unwrap_or_else(|| "otlp_spans".to_owned()),
            partitions: partitions.iter().filter_map(partition).collect(),
            offsets: s.field("offsets").text().unwrap_or_else(|| "kafka-offsets".to_owned()),
            start: s.field("start").one_of(&STARTS).unwrap_or_default(),
            username: s.field("username").text(),
            password: s.field("password").secret(),
            mechanism: s.field("mechanism").one_of(&MECHANISMS).unwrap_or_default(),
            tls: s.field("tls").flag().unwrap_or(ca_certificate.is_some()),
            ca_certificate,
        };
        s.enabled_or(false).then_some(config)
    }
}
