//! The course of the demo.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mplp_trace::alerting::channel::console::ConsoleNotifier;
use mplp_trace::core::model::AlertRecord;
use mplp_trace::server::{ServeError, Server};
use mplp_trace::{TraceConfig, TraceModule};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::narrator::{Indented, Narrator};
use super::scene;
use super::seen::Seen;
use super::traffic::{self, Traffic};
use crate::command::cli::DemoOptions;
use crate::command::{finish, serve, signal};

const SERVICE: &str = "mplp-demo";
/// How long the last deliveries may take.
const SHUTDOWN: Duration = Duration::from_secs(5);
/// How long the last answers may take.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// How often the clock is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Runs the demo to its end.
pub(in crate::command) fn run(options: &DemoOptions, err: &mut dyn Write) -> io::Result<ExitCode> {
    let narrator = Narrator::new();
    let console = ConsoleNotifier::new(Indented(narrator.clone()));
    let module = TraceModule::builder().config(config(options.port)).notifier(Arc::new(console)).build();
    let module = match module {
        Ok(module) => Arc::new(module),
        Err(error) => return serve::fail(err, &error),
    };
    module.set_global();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let seen = match runtime.block_on(perform(&module, &narrator, options)) {
        Ok(seen) => seen,
        Err(error) => return serve::fail(err, &error),
    };
    let mut code = ExitCode::SUCCESS;
    match finish::finish(runtime, &module, SHUTDOWN)? {
        Some(Ok(report)) => narrator.line(format_args!("\nWhat became of everything\n{report}")),
        Some(Err(error)) => {
            narrator.line(format_args!("\nWhat became of everything\n{error}"));
            code = ExitCode::FAILURE;
        }
        None => {
            writeln!(err, "{}", finish::GIVEN_UP)?;
            code = ExitCode::FAILURE;
        }
    }
    narrator.line(format_args!("{} anomalies besides the injected one", seen.others()));
    if options.length.is_some() {
        for what in seen.missing() {
            writeln!(err, "{what}")?;
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Everything on this machine alone, whatever the environment says.
fn config(port: u16) -> TraceConfig {
    let mut config = TraceConfig::default();
    config.opentelemetry.service.name = SERVICE.to_owned();
    config.opentelemetry.service.environment = "demo".to_owned();
    config.opentelemetry.tracing.sampling_rate = 1.0;
    config.server.port = port;
    config
}

async fn perform(
    module: &Arc<TraceModule>,
    narrator: &Narrator,
    options: &DemoOptions,
) -> Result<Seen, ServeError> {
    let mut traces = module.store().subscribe();
    let mut anomalies = module.service().anomaly_log().subscribe();
    let mut alerts = module.alerts().map(|router| router.subscribe());
    let server = Server::bind(module.clone()).await?;
    introduce(narrator, &server, options);

    let traffic = Arc::new(Traffic::default());
    let sending = tokio::spawn(traffic::run(server.local_addr(), traffic.clone()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));

    let mut seen = Seen::new(narrator.clone(), SERVICE);
    let mut look = tokio::time::interval(LOOK);
    let mut end = std::pin::pin!(signal::end());
    loop {
        tokio::select! {
            trace = next(&mut traces) => seen.trace(&trace.trace),
            anomaly = next(&mut anomalies) => seen.anomaly(&anomaly),
            alert = next_alert(&mut alerts) => seen.alert(&alert),
            _ = look.tick() => {
                let now = narrator.elapsed();
                let over = match options.length {
                    Some(length) => now >= length.0,
                    // Told to nobody, it has no purpose; with `--for` it goes on for its exit status.
                    None => narrator.is_alone(),
                };
                if over {
                    break;
                }
                let slow = scene::is_slow(now, options.slow_after.0);
                if traffic.slow.swap(slow, Ordering::Relaxed) != slow {
                    seen.slowdown(slow);
                }
            }
            // Without signals only `--for` ends the demo.
            Ok(()) = &mut end => break,
        }
    }
    traffic.over.store(true, Ordering::Relaxed);
    let _ = tokio::time::timeout(LAST_ANSWERS, sending).await;
    let _ = stop.send(());
    let _ = serving.await;
    let (sent, failed) = (traffic.sent.load(Ordering::Relaxed), traffic.failed.load(Ordering::Relaxed));
    narrator.line(format_args!("\n{sent} workflows sent, {failed} of them failed"));
    Ok(seen)
}

fn introduce(narrator: &Narrator, server: &Server, options: &DemoOptions) {
    let end = match options.length {
        Some(length) => format!("ends after {} s, or with Ctrl-C", length.0.as_secs_f64()),
        None => "ends with Ctrl-C".to_owned(),
    };
    let per_second = 1.0 / scene::PAUSE.as_secs_f64();
    narrator
        .line("MPLP Trace: real requests become traces, a real slowdown an anomaly, the anomaly an alert.\n");
    narrator.line(format_args!("  page     {}/   (open it in a browser)", server.url()));
    narrator.line(format_args!(
        "  traffic  {per_second:.0} workflows a second over HTTP, each of three agents; {end}\n"
    ));
}

/// The next message; what was missed is past. Never, once there are no more.
async fn next<T: Clone>(receiver: &mut Receiver<T>) -> T {
    loop {
        match receiver.recv().await {
            Ok(message) => return message,
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending::<()>().await,
        }
    }
}

async fn next_alert(alerts: &mut Option<Receiver<AlertRecord>>) -> AlertRecord {
    match alerts {
        Some(alerts) => next(alerts).await,
        None => std::future::pending().await,
    }
}
