//! The texts, letter by letter; and the same texts given to nft in a network namespace of their
//! own.

use std::fs;
use std::process::Command;

use super::*;

fn router() -> Redirection {
    Redirection {
        kind: Kind::Router,
        redirect_port: 8443,
        transparent: false,
        interface: Some("lan0".to_owned()),
        user: None,
        quic: true,
        ports: vec![443, 80],
        exclude: vec![],
    }
}

fn local() -> Redirection {
    Redirection {
        kind: Kind::Local,
        interface: None,
        user: Some("nobody".to_owned()),
        ..router()
    }
}

fn exclude() -> Vec<IpAddr> {
    ["192.0.2.9", "2001:db8::9", "192.0.2.1", "::ffff:192.0.2.9"]
        .map(|text| text.parse().expect("an address"))
        .to_vec()
}

/// Every combination of what may be said.
fn all() -> Vec<Redirection> {
    let mut all = Vec::new();
    for number in 0..32_u8 {
        let is = |bit: u8| number >> bit & 1 == 1;
        let base = if is(0) { router() } else { local() };
        all.push(Redirection {
            transparent: is(1),
            interface: is(2).then(|| "lan0".to_owned()),
            quic: is(3),
            exclude: if is(4) { exclude() } else { vec![] },
            ports: if is(4) { vec![443] } else { vec![443, 80, 443] },
            user: Some(if is(3) { "nobody" } else { "65534" }.to_owned()),
            ..base
        });
    }
    all
}

fn check(redirection: &Redirection, expected: &str) {
    let found = redirection.script().expect("rules").nft;
    assert_eq!(found, expected, "\n{found}");
}

#[test]
fn router_by_redirect() {
    let redirection = Redirection {
        exclude: exclude(),
        ..router()
    };
    check(&redirection, include_str!("fixtures/router-redirect.nft"));
    assert!(redirection.script().expect("rules").shell.is_empty());
}

#[test]
fn router_by_tproxy() {
    let redirection = Redirection {
        transparent: true,
        interface: None,
        ports: vec![443],
        ..router()
    };
    check(&redirection, include_str!("fixtures/router-tproxy.nft"));
}

#[test]
fn local_by_redirect() {
    check(&local(), include_str!("fixtures/local-redirect.nft"));
}

#[test]
fn local_by_tproxy() {
    let redirection = Redirection {
        transparent: true,
        quic: false,
        interface: Some("wan0".to_owned()),
        user: Some("997".to_owned()),
        ..local()
    };
    check(&redirection, include_str!("fixtures/local-tproxy.nft"));
}

#[test]
fn undone() {
    assert_eq!(undo().nft, include_str!("fixtures/undo.nft"));
}

#[test]
fn shell_lines() {
    let transparent = Redirection {
        transparent: true,
        ..router()
    };
    assert_eq!(
        transparent.script().expect("rules").shell,
        [
            "while ip rule del fwmark 0x706f lookup 28783 2>/dev/null; do :; done",
            "ip rule add fwmark 0x706f lookup 28783",
            "ip route replace local default dev lo table 28783",
            "while ip -6 rule del fwmark 0x706f lookup 28783 2>/dev/null; do :; done",
            "ip -6 rule add fwmark 0x706f lookup 28783",
            "ip -6 route replace local default dev lo table 28783",
        ]
    );
    assert_eq!(
        undo().shell,
        [
            "while ip rule del fwmark 0x706f lookup 28783 2>/dev/null; do :; done",
            "ip route flush table 28783 2>/dev/null || true",
            "while ip -6 rule del fwmark 0x706f lookup 28783 2>/dev/null; do :; done",
            "ip -6 route flush table 28783 2>/dev/null || true",
        ]
    );
}

#[test]
fn what_would_break_the_text_is_refused() {
    for interface in [
        "",
        "a b",
        "a\"b",
        "a;b",
        "a\nb",
        "a{",
        "$a",
        "*",
        "sixteen-letters-",
    ] {
        let redirection = Redirection {
            interface: Some(interface.to_owned()),
            ..router()
        };
        assert!(redirection.script().is_err(), "{interface:?}");
    }
    for user in [
        "",
        "a b",
        "a\"b",
        "a;b",
        "a\nb",
        "-a",
        "+1",
        "1a",
        "4294967296",
    ] {
        let redirection = Redirection {
            user: Some(user.to_owned()),
            ..local()
        };
        assert!(redirection.script().is_err(), "{user:?}");
    }
    for redirection in [
        Redirection {
            user: None,
            ..local()
        },
        Redirection {
            ports: vec![],
            ..router()
        },
        Redirection {
            ports: vec![0],
            ..router()
        },
        Redirection {
            redirect_port: 0,
            ..router()
        },
    ] {
        assert!(redirection.script().is_err(), "{redirection:?}");
    }
}

/// Prints what nft and ip hold; the same lines before loading and after undoing are the proof that
/// nothing is left.
const STATE: &str = "\
    nft list ruleset; ip rule; ip -6 rule
    ip route show table 28783 2>/dev/null || true
    ip -6 route show table 28783 2>/dev/null || true";

/// Whether namespaces can be made here: it takes root, nft and ip.
fn in_namespace(script: &str) -> Option<std::process::Output> {
    let can = Command::new("unshare")
        .args(["-n", "nft", "list", "ruleset"])
        .output();
    if !can.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespaces or no nft here");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-n", "sh", "-euc", script])
        .output();
    Some(output.expect("a shell"))
}

/// Each is loaded twice and undone twice; `LOADED` in between shows that it was there, once.
#[test]
fn nft_loads_it_twice_and_undoes_it_twice() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder_text = folder.path().display().to_string();
    let undo = undo();
    fs::write(folder.path().join("undo.nft"), &undo.nft).expect("written");
    let mut script = format!("cd {folder_text}\nip link set lo up\n({STATE}) >before\n");
    let redirections = all();
    for (number, redirection) in redirections.iter().enumerate() {
        let load = redirection.script().expect("rules");
        fs::write(folder.path().join(format!("{number}.nft")), &load.nft).expect("written");
        let shell = load.shell.join("\n");
        let no_shell = undo.shell.join("\n");
        let take_back = format!("nft -c -f undo.nft\nnft -f undo.nft\n{no_shell}\n");
        // Undoing where nothing is comes first.
        script += &format!(
            "echo case {number}\n{take_back}nft -c -f {number}.nft\n\
             nft -f {number}.nft\n{shell}\n({STATE}) >once\n\
             nft -f {number}.nft\n{shell}\n({STATE}) >twice\n\
             cmp once twice\ngrep -q 'table inet portcullis' once\n\
             {take_back}({STATE}) >after\ncmp before after\n\
             {take_back}({STATE}) >after\ncmp before after\n\
             test -z \"$(nft list ruleset)\"\n"
        );
    }
    let Some(output) = in_namespace(&script) else {
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{errors}");
    assert_eq!(errors, "");
    assert!(said.contains("case 31"), "{said}");
}

/// Another's table is not touched.
#[test]
fn other_tables_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("load"), router().script().expect("rules").nft).expect("written");
    fs::write(path("undo"), undo().nft).expect("written");
    let script = format!(
        "nft add table inet other; nft -f {load}; nft list table inet portcullis >/dev/null\n\
         nft -f {undo}; nft list ruleset",
        load = path("load"),
        undo = path("undo"),
    );
    let Some(output) = in_namespace(&script) else {
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "table inet other {\n}\n"
    );
}
