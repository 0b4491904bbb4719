//! Peers in Node.js, with packages of `peers/package.json` under `target/peers`.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::peer::{INSTALL_LIMIT, Missing, on_path, scripts};
use crate::{Result, cargo, process};

const LOCK: &str = include_str!("../../peers/package-lock.json");

/// A command that runs one of our Node.js peers.
pub(super) fn script(name: &str) -> Result<Command> {
    let packages = packages()?;
    let mut command = Command::new(on_path("node")?);
    command.arg(scripts().join(name)).env("NODE_PATH", packages);
    Ok(command)
}

/// The folder `node_modules` with the packages of `peers/package.json`.
fn packages() -> Result<PathBuf> {
    install(&scripts(), LOCK, "node")
}

/// The same with those of `peers/FOLDER/package.json`.
pub(super) fn packages_of(folder: &str) -> Result<PathBuf> {
    let from = scripts().join(folder);
    let lock = std::fs::read_to_string(from.join("package-lock.json"))?;
    install(&from, &lock, folder)
}

/// Installs what the lock file says into `target/peers/FOLDER`.
fn install(from: &Path, lock: &str, folder: &str) -> Result<PathBuf> {
    let folder = cargo::peers_folder()?.join(folder);
    let (modules, stamp) = (folder.join("node_modules"), folder.join("installed.json"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(modules);
    }
    let npm = on_path("npm")?;
    let install = || -> Result<()> {
        std::fs::create_dir_all(&folder)?;
        for file in ["package.json", "package-lock.json"] {
            std::fs::copy(from.join(file), folder.join(file))?;
        }
        let mut command = Command::new(npm);
        command.current_dir(&folder).args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        process::run(&mut command, INSTALL_LIMIT)?;
        // Written last: a broken install is begun anew.
        Ok(std::fs::write(&stamp, lock)?)
    };
    install().map_err(|error| Missing::new("Node.js packages", error))?;
    Ok(modules)
}
