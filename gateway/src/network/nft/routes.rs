//! The routing that TPROXY needs beside its rules: marked packets stay on this machine.

/// The mark of packets on their way to the gateway, and the number of the routing table that
/// delivers them: "po".
pub const MARK: &str = "0x706f";
const ROUTES: &str = "28783";

/// Marked packets are delivered on this machine, whatever their destination. Linux takes the same
/// IPv4 rule twice, so earlier ones are deleted first.
pub fn add() -> Vec<String> {
    ["ip", "ip -6"]
        .into_iter()
        .flat_map(|ip| {
            [
                delete_rules(ip),
                format!("{ip} rule add fwmark {MARK} lookup {ROUTES}"),
                format!("{ip} route replace local default dev lo table {ROUTES}"),
            ]
        })
        .collect()
}

pub fn remove() -> Vec<String> {
    ["ip", "ip -6"]
        .into_iter()
        .flat_map(|ip| {
            let flush = format!("{ip} route flush table {ROUTES} 2>/dev/null || true");
            [delete_rules(ip), flush]
        })
        .collect()
}

fn delete_rules(ip: &str) -> String {
    format!("while {ip} rule del fwmark {MARK} lookup {ROUTES} 2>/dev/null; do :; done")
}
