//! Runs every rule over the repository.

use super::{Problem, arrows, docs, files, orphans, shape, source};
use crate::{Result, cargo};

/// Prints each broken rule as `path:line: message`; fails if there is one.
pub(crate) fn run() -> Result<()> {
    let root = cargo::root();
    let metadata = cargo::metadata()?;
    let files = files::texts(&root)?;
    let mut problems: Vec<Problem> = arrows::check(&root, &metadata);
    for (path, text) in &files {
        problems.extend(shape::check(path, text));
        if path.ends_with(".rs") {
            problems.extend(source::check(path, text));
        }
    }
    problems.extend(orphans::check(&files));
    problems.extend(docs::check(&files, &docs::Known::from_metadata(&metadata)));
    problems.sort();
    for problem in &problems {
        println!("{problem}");
    }
    println!("tidy: {} files, {} problems", files.len(), problems.len());
    if problems.is_empty() { Ok(()) } else { Err("the repository is not tidy".into()) }
}
