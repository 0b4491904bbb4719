//! How many datagrams the system dropped for want of room: Linux counts them for each socket.
//!
//! Format: `proc_net_udp.txt` of the kernel's documentation; the tenth column is the inode, the last one the drops.

use tokio::net::UdpSocket;

const TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
const INODE: usize = 9;

/// The name under which the system counts a socket; `None` where it does not.
#[cfg(unix)]
pub(super) fn inode(socket: &UdpSocket) -> Option<u64> {
    use std::os::fd::AsRawFd as _;
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok()?;
    link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(not(unix))]
pub(super) fn inode(_: &UdpSocket) -> Option<u64> {
    None
}

/// What it has dropped so far.
pub(super) fn read(inode: u64) -> Option<u64> {
    TABLES.iter().find_map(|table| find(&std::fs::read_to_string(table).ok()?, inode))
}

fn find(table: &str, inode: u64) -> Option<u64> {
    let mut rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(INODE).and_then(|v| v.parse().ok()) == Some(inode))?;
    row.last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drops_of_the_socket_are_found() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  214: 00000000:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 48211 2 0000000000000000 17
  215: 0100007F:1AAF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 48212 2 0000000000000000 3
";
        assert_eq!((find(table, 48212), find(table, 48211), find(table, 1)), (Some(3), Some(17), None));
    }
}
