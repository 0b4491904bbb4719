//! The log against a disk that breaks, and the exporter against a destination that does.

mod broken_disk;
mod exporting;
mod log;
mod log_records;
mod model;
