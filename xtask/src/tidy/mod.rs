//! `cargo xtask tidy`: the repository's own rules, as code.
//!
//! | file | rules |
//! |---|---|
//! | `arrows` | which crate may import which; the known top-level crates |
//! | `source` | module docs, reasons for `allow`, no `todo!`, `unimplemented!`, `dbg!` |
//! | `orphans` | every source file is declared by a module |
//! | `shape` | length of source files, newline at the end |
//! | `docs` | length of ARCHITECTURE.md, commands named by README.md |

mod arrows;
mod check;
mod docs;
mod files;
mod mask;
mod orphans;
mod problem;
mod shape;
mod source;

pub(crate) use check::run;
use problem::Problem;
