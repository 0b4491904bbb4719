//! Traces some work, counts it, and shows where every span went: `cargo run -p examples --bin quickstart`.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use mplp_trace::config::{Format, TraceConfig};
use mplp_trace::core::model::{KeyValue, Scope, Timestamp};
use mplp_trace::core::span;
use mplp_trace::exporters::prometheus::encode;
use mplp_trace::module::TraceModule;

const CONFIG: &str = "
opentelemetry:
  service: { name: quickstart, environment: development }
  tracing:
    exporters: { console: { enabled: true } }   # or otlp: { enabled: true, endpoint: http://... }
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (config, _warnings) = TraceConfig::from_str(CONFIG, Format::Yaml, &|name| std::env::var(name).ok())?;
    let module = TraceModule::from_config(config)?;
    module.set_global(); // from now on `span!` records here, on every thread

    let orders = module.metrics().meter(Scope::named("shop")).counter("shop.orders").build()?;
    for order in 1..=3_u32 {
        let span = span!("handle_order", order.id = order);
        {
            let _step = span!(kind: Client, "charge_card"); // a child: `handle_order` is active
        }
        span.set_attribute("order.charged", true);
        orders.add(1_u32, &[KeyValue::new("shop.channel", "web")]);
    } // the span ends here

    let page = encode(&module.metrics().collect(Timestamp::now())); // what Prometheus would scrape
    let counted = page.text.lines().find(|line| line.starts_with("shop_orders")).unwrap_or_default();
    println!("{counted}");
    assert!(counted.ends_with(" 3"), "{}", page.text);

    let report = module.shutdown(Duration::from_secs(5))?; // an error if anything was lost
    println!("{report}");
    assert_eq!((report.spans.ledger.received, report.lost()), (6, 0));
    Ok(())
}
