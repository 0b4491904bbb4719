//! Network interfaces of the machine (or the container), from `/proc/net/dev`.

use super::read;
use crate::metric::{InvalidInstrument, Meter, Observations};
use crate::model::KeyValue;

/// One direction of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Traffic {
    bytes: i64,
    packets: i64,
    errors: i64,
    dropped: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Interface {
    name: String,
    receive: Traffic,
    transmit: Traffic,
}

/// The lines of `/proc/net/dev` after its two lines of headings; see proc_pid_net(5).
fn parse(text: &str) -> Vec<Interface> {
    let interface = |line: &str| {
        // The first count may follow without a blank.
        let (name, counts) = line.rsplit_once(':')?;
        let n: Vec<i64> = counts.split_ascii_whitespace().map_while(|w| w.parse().ok()).collect();
        let traffic = |at: usize| {
            let &[bytes, packets, errors, dropped, ..] = n.get(at..)? else { return None };
            Some(Traffic { bytes, packets, errors, dropped })
        };
        Some(Interface { name: name.trim().to_owned(), receive: traffic(0)?, transmit: traffic(8)? })
    };
    text.lines().filter_map(interface).collect()
}

pub(super) fn register(meter: &Meter) -> Result<(), InvalidInstrument> {
    meter
        .observable_counter("system.network.io")
        .unit("By")
        .description("Bytes received and sent.")
        .observe(|o| by_direction(o, |t| t.bytes))?;
    meter
        .observable_counter("system.network.packet.count")
        .unit("{packet}")
        .description("Packets received and sent.")
        .observe(|o| by_direction(o, |t| t.packets))?;
    meter
        .observable_counter("system.network.packet.dropped")
        .unit("{packet}")
        .description("Packets that were dropped, though nothing was wrong with them.")
        .observe(|o| by_direction(o, |t| t.dropped))?;
    meter
        .observable_counter("system.network.errors")
        .unit("{error}")
        .description("Packets that were received broken or could not be sent.")
        .observe(|o| by_direction(o, |t| t.errors))
}

fn by_direction(o: &mut Observations<'_>, value: impl Fn(Traffic) -> i64) {
    for i in read("net/dev").map(|t| parse(&t)).unwrap_or_default() {
        for (traffic, direction) in [(i.receive, "receive"), (i.transmit, "transmit")] {
            let interface = KeyValue::new("network.interface.name", i.name.clone());
            o.observe(value(traffic), &[interface, KeyValue::new("network.io.direction", direction)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn interfaces_are_read_below_the_headings() {
        let text = "Inter-|   Receive                |  Transmit\n face |bytes packets errs|bytes\n\
                    \u{20}   lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0\n  eth0:7000 70 1 2 0 0 0 0 8000 80 3 4 0 0 0 0\n bad: 1 2\n";
        let interfaces = parse(text);
        assert_eq!(interfaces.len(), 2);
        assert_eq!(interfaces[1].name, "eth0");
        assert_eq!(interfaces[1].receive, Traffic { bytes: 7000, packets: 70, errors: 1, dropped: 2 });
        assert_eq!(interfaces[1].transmit, Traffic { bytes: 8000, packets: 80, errors: 3, dropped: 4 });
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "([a-z0-9: ]{0,8}:[ 0-9-]{0,60}\n){0,3}|\\PC{0,40}") {
            let _ = parse(&text);
        }
    }
}
