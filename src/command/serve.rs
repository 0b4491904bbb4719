//! `mplp-trace serve`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use mplp_trace::config::ConsoleConfig;
use mplp_trace::core::env::LogLevel;
use mplp_trace::core::propagate;
use mplp_trace::module::Listening;
use mplp_trace::server::Server;
use mplp_trace::{ConfigErrors, ConfigWarning, TraceConfig, TraceModule};

use super::cli::ServeOptions;
use super::diagnostics::Diagnostics;
use super::{features, finish, signal};

/// How long the last deliveries may take.
const SHUTDOWN: Duration = Duration::from_secs(10);

pub(super) fn run(options: &ServeOptions, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<ExitCode> {
    let (config, warnings) = match load(options) {
        Ok(loaded) => loaded,
        Err(problems) => {
            writeln!(err, "{problems}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let diagnostics = Diagnostics::new(config.opentelemetry.log_level);
    for warning in &warnings {
        diagnostics.say(err, LogLevel::Warn, &warning.to_string())?;
    }
    propagate::set_global(config.opentelemetry.propagator());
    if !is_local(&config.server.host) {
        let host = &config.server.host;
        let text = format!(
            "whoever reaches {host} can read everything and run workflows: put a proxy with authentication in front"
        );
        diagnostics.say(err, LogLevel::Warn, &text)?;
    }
    for (key, address) in config.receivers.listeners().iter().filter(|(_, a)| !a.is_local()) {
        let text =
            format!("whoever reaches {address} can send to receivers.{key}: there is no authentication");
        diagnostics.say(err, LogLevel::Warn, &text)?;
    }
    let module = match TraceModule::builder().config(config).warnings(warnings).build() {
        Ok(module) => Arc::new(module),
        Err(error) => return fail(err, &error),
    };
    module.set_global();
    let diagnostics = diagnostics.logged_by(&module);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match runtime.block_on(serve(&module, diagnostics, out, err)) {
        Ok(ended) => ended?,
        Err(error) => return fail(err, &*error),
    }
    match finish::finish(runtime, &module, SHUTDOWN)? {
        Some(Ok(report)) => {
            writeln!(out, "{report}")?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Err(error)) => {
            writeln!(err, "{error}")?;
            Ok(ExitCode::FAILURE)
        }
        None => {
            writeln!(err, "{}", finish::GIVEN_UP)?;
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn serve(
    module: &Arc<TraceModule>,
    diagnostics: Diagnostics,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<io::Result<()>, Box<dyn std::error::Error>> {
    // Before anything is acknowledged: a signal must not cost it.
    let wish = signal::wish();
    let server = Server::bind(module.clone()).await?;
    let receiving = module.listen().await?;
    let announced = announce(module, &server, &receiving, out);
    if announced.is_err() {
        return Ok(announced);
    }
    let served = server.run(async {
        let told = match wish {
            Ok(wish) => wish.await.is_ok(),
            Err(_) => false,
        };
        if !told {
            // Nothing will ever tell us to end: the process is ended from outside.
            std::future::pending::<()>().await;
        }
    });
    let watching = async {
        // If nobody reads what it says, the server goes on.
        let _ = diagnostics.watch(module, err).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = served => {}
        () = watching => {}
    }
    // Before the pipeline: what is acknowledged now is delivered then.
    receiving.shutdown().await;
    Ok(Ok(()))
}

fn announce(
    module: &TraceModule,
    server: &Server,
    receiving: &Listening,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "listening on {}", server.url())?;
    for line in features::lines(module, server) {
        writeln!(out, "{line}")?;
    }
    for (receiver, address) in receiving.addresses() {
        writeln!(out, "  receives           {receiver} on {address}")?;
    }
    if let Some(kafka) = &module.config().receivers.kafka {
        writeln!(out, "  receives           kafka topic {} of {}", kafka.topic, kafka.brokers.join(", "))?;
    }
    writeln!(out, "Ctrl-C ends")?;
    out.flush()
}

fn load(options: &ServeOptions) -> Result<(TraceConfig, Vec<ConfigWarning>), ConfigErrors> {
    let (mut config, warnings) = match &options.config {
        Some(file) => TraceConfig::from_file(file)?,
        None => {
            let (mut config, warnings) = TraceConfig::from_env()?;
            let told = &mut config.alerting.notifications;
            if told.slack.is_none() && told.email.is_none() {
                told.console = Some(ConsoleConfig::default());
            }
            (config, warnings)
        }
    };
    if let Some(host) = &options.host {
        config.server.host.clone_from(host);
    }
    if let Some(port) = options.port {
        config.server.port = port;
    }
    Ok((config, warnings))
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Says why it does not work, with the causes.
pub(super) fn fail(err: &mut dyn Write, error: &dyn std::error::Error) -> io::Result<ExitCode> {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Some errors repeat their cause.
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    writeln!(err, "{text}")?;
    Ok(ExitCode::FAILURE)
}
