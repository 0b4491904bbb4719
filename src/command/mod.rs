//! The commands of the program.

mod check_config;
mod cli;
mod demo;
mod diagnostics;
mod export_check;
mod features;
mod finish;
mod serve;
mod signal;
mod span_of_time;
mod spill;

pub(crate) use cli::Cli;
