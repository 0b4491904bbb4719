//! The commands of the program.

mod check_config;
mod cli;
mod demo;
mod diagnostics;
mod features;
mod finish;
mod serve;
mod signal;
mod span_of_time;

pub(crate) use cli::Cli;
