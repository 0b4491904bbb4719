//! Finding peers on PATH, else installing them by package name under `target/peers`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::Background;
use crate::{Result, cargo, process};

pub(super) const INSTALL_LIMIT: Duration = Duration::from_secs(300);
const START_LIMIT: Duration = Duration::from_secs(30);
const REQUIREMENTS: &str = include_str!("../../peers/requirements.txt");

/// A peer that can neither be found nor installed here.
#[derive(Debug)]
pub(super) struct Missing {
    peer: String,
    why: String,
}

impl Missing {
    pub(super) fn new(peer: &str, why: impl fmt::Display) -> Self {
        Self { peer: peer.to_owned(), why: why.to_string() }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {} is missing: {}", self.peer, self.why)
    }
}

impl std::error::Error for Missing {}

/// A program on PATH.
pub(super) fn on_path(name: &str) -> std::result::Result<PathBuf, Missing> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .ok_or_else(|| Missing::new(name, "it is not on PATH"))
}

/// A Python with the packages of `peers/requirements.txt`.
pub(super) fn python() -> Result<PathBuf> {
    environment("venv", "requirements.txt", REQUIREMENTS, &[])
}

/// A Python environment of its own, in `target/peers/FOLDER`, with the packages of `peers/FILE`, whose text is given.
/// For packages that are large, or that fit no others.
pub(super) fn environment(folder: &str, file: &str, requirements: &str, options: &[&str]) -> Result<PathBuf> {
    let folder = cargo::peers_folder()?.join(folder);
    let (python, stamp) = (folder.join("bin/python"), folder.join("installed.txt"));
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == requirements) {
        return Ok(python);
    }
    let system = on_path("python3")?;
    let install = || -> Result<()> {
        std::fs::create_dir_all(&folder)?;
        process::run(Command::new(system).args(["-m", "venv", "--clear"]).arg(&folder), INSTALL_LIMIT)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(options);
        pip.arg("-r").arg(scripts().join(file));
        process::run(&mut pip, INSTALL_LIMIT)?;
        // Written last: a broken install is begun anew.
        Ok(std::fs::write(&stamp, requirements)?)
    };
    install().map_err(|error| Missing::new(&format!("python packages of {file}"), error))?;
    Ok(python)
}

/// `prometheus` or `promtool`, from Debian's package.
pub(super) fn prometheus_program(name: &str) -> Result<PathBuf> {
    debian_program("prometheus", name)
}

/// A program of a Debian package. It is unpacked, not installed: that needs no root, and starts no service.
pub(super) fn debian_program(package: &str, name: &str) -> Result<PathBuf> {
    if let Ok(found) = on_path(name) {
        return Ok(found);
    }
    let folder = cargo::peers_folder()?.join(package);
    let program = folder.join("usr/bin").join(name);
    if !program.is_file() {
        unpack(package, &folder).map_err(|error| Missing::new(name, error))?;
    }
    if program.is_file() {
        Ok(program)
    } else {
        Err(Missing::new(name, format!("the package {package} does not hold it")).into())
    }
}

/// Prometheus of Debian's unstable distribution, which has version 3; its list of packages is fetched apart from the
/// system's.
pub(super) fn prometheus_3() -> Result<PathBuf> {
    let folder = cargo::peers_folder()?.join("prometheus3");
    let program = folder.join("usr/bin/prometheus");
    if !program.is_file() {
        let install = || -> Result<()> {
            let apt_get = on_path("apt-get")?;
            std::fs::create_dir_all(folder.join("lists/partial"))?;
            std::fs::create_dir_all(folder.join("cache/archives/partial"))?;
            let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
            let source = format!("deb [signed-by={keys}] http://deb.debian.org/debian sid main\n");
            std::fs::write(folder.join("sources.list"), source)?;
            let run = |arguments: &[&str]| {
                let mut command = Command::new(&apt_get);
                let at = |name: &str, path: &str| format!("{name}={}", folder.join(path).display());
                command.current_dir(&folder).args(["-o", &at("Dir::Etc::sourcelist", "sources.list")]);
                command.args(["-o", "Dir::Etc::sourceparts=/dev/null", "-o", "APT::Sandbox::User=root"]);
                command.args(["-o", &at("Dir::State::lists", "lists"), "-o", &at("Dir::Cache", "cache")]);
                process::run(command.args(arguments), INSTALL_LIMIT)
            };
            run(&["update", "--quiet"])?;
            run(&["download", "prometheus/sid"])?;
            extract(&folder)
        };
        install().map_err(|error| Missing::new("prometheus 3", error))?;
    }
    if program.is_file() {
        Ok(program)
    } else {
        Err(Missing::new("prometheus 3", "not in the package").into())
    }
}

fn unpack(package: &str, folder: &Path) -> Result<()> {
    let apt_get = on_path("apt-get")?;
    std::fs::create_dir_all(folder)?;
    let download = || {
        process::run(Command::new(&apt_get).current_dir(folder).args(["download", package]), INSTALL_LIMIT)
    };
    if download().is_err() {
        // A fresh machine has no package lists yet; fetching them needs root.
        process::run(Command::new(&apt_get).args(["update", "--quiet"]), INSTALL_LIMIT)?;
        download()?;
    }
    extract(folder)
}

/// Extracts what was downloaded, in place.
fn extract(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "deb") {
            process::run(Command::new("dpkg").arg("-x").arg(&path).arg(folder), INSTALL_LIMIT)?;
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A command that runs one of our Python peers.
pub(super) fn script(name: &str) -> Result<Command> {
    let mut command = Command::new(python()?);
    command.arg(scripts().join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

/// A peer that serves; `address` is where.
pub(super) struct Serving {
    // Dropping it ends the peer.
    background: Background,
    pub(super) address: String,
}

impl Serving {
    /// Starts the Python script `name` and waits until it listens.
    pub(super) fn start(name: &str, configure: impl FnOnce(&mut Command)) -> Result<Self> {
        let mut command = script(name)?;
        configure(&mut command);
        Self::run(name, &mut command)
    }

    /// Starts any program that announces itself as our scripts do.
    pub(super) fn run(name: &str, command: &mut Command) -> Result<Self> {
        let mut background = Background::start(name, command)?;
        let address = background
            .wait_for_line(START_LIMIT, |line| line.strip_prefix("listening on ").map(str::to_owned))?;
        Ok(Self { background, address })
    }

    /// What it printed, for the message of a failure that it saw.
    pub(super) fn output(&self) -> String {
        self.background.output()
    }
}

pub(super) fn scripts() -> PathBuf {
    cargo::root().join("xtask/peers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_on_path_or_named_as_missing() {
        assert!(on_path("sh").unwrap().is_file());
        let missing = on_path("no-such-program-anywhere").unwrap_err();
        assert_eq!(missing.to_string(), "peer no-such-program-anywhere is missing: it is not on PATH");
    }
}
