//! Requests to a registry's own host that are no package traffic: logging in and publishing.

use super::names::Names;
use super::raw::{self, Hello};
use super::world::{DENIED, Way, World};
use crate::support::clients::Client;
use crate::support::registry::{Answer, Seen};

#[test]
fn logins_and_publishing_on_registry_hosts_stop_here_unless_they_are_let_through() {
    let requests = [
        ("PUT", "/-/user/org.couchdb.user:somebody"),
        ("POST", "/-/v1/login"),
        ("PUT", "/left-pad"),
    ];
    for (network, is_passed) in [("", false), ("login = \"pass\"\npublish = \"pass\"", true)] {
        let Some(mut world) = World::open(Names::made_up()) else {
            return;
        };
        world.take_over(Way::Redirect, network, DENIED);
        let host = world.internet.names.npm.host.clone();
        let address = world.internet.zone.of(&host)[0];
        for (method, path) in requests {
            world.internet.forget();
            let stream = Hello::new(&host).connect(world.client(), address);
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\n\r\n{{}}"
            );
            let reply = raw::ask(&mut stream.expect("a handshake"), &request);
            let status = reply.expect("an answer").status;
            let asked = world.internet.npm.count_where(|asked| asked == path);
            assert_eq!(asked, usize::from(is_passed), "{network}: {method} {path}");
            // The scripted registry knows none of these paths, or only GET of it.
            assert!(
                is_passed || (400..500).contains(&status),
                "{method} {path}: {status}"
            );
        }
    }
}

#[test]
fn what_is_let_through_arrives_with_the_clients_own_credentials() {
    let Some(mut world) = World::open(Names::made_up()) else {
        return;
    };
    let network = "login = \"pass\"\npublish = \"pass\"";
    world.take_over(Way::Redirect, network, DENIED);
    let host = world.internet.names.npm.host.clone();
    let secret = world.token("ours");
    let big = format!("{{\"attachment\":\"{}\"}}", "0123456789".repeat(30_000));
    for (method, path, body) in [
        (
            "PUT",
            "/-/user/org.couchdb.user:somebody",
            "{\"password\":\"hers\"}",
        ),
        ("POST", "/-/v1/login", "{\"hostname\":\"here\"}"),
        ("PUT", "/our-own", big.as_str()),
        ("DELETE", "/our-own/-rev/1", "{}"),
    ] {
        let answer = Answer {
            status: 201,
            ..Answer::ok("application/json", "{\"token\":\"npm_theirs\"}")
        };
        world
            .internet
            .npm
            .set(path, answer.header("X-Theirs", "yes"));
        for address in world.internet.zone.of(&host) {
            world.internet.forget();
            let stream = Hello::new(&host).connect(world.client(), address);
            let mut stream = stream.expect("a handshake");
            let mut ask = |authorization: &str| {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: {host}\r\nnpm-otp: 123456\r\n\
                     Authorization: {authorization}\r\nContent-Type: application/json\r\n\
                     Content-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                raw::ask(&mut stream, &request).expect("an answer")
            };
            let reply = ask("Bearer npm_hers").expect(201);
            assert_eq!(reply.text(), "{\"token\":\"npm_theirs\"}", "{path}");
            assert_eq!(reply.header("x-theirs"), "yes", "{path}");
            let log = world.internet.npm.log();
            let seen = log.first().expect("the registry was asked");
            assert_eq!((seen.method.as_str(), seen.target.as_str()), (method, path));
            assert_eq!(seen.header("authorization"), "Bearer npm_hers");
            assert_eq!(seen.header("npm-otp"), "123456");
            assert_eq!(seen.header("host"), host);
            // The registry answers before it has read all.
            crate::support::eventually("the body arrived", || world.internet.heard(body));
            ask(&format!("Bearer {secret}"));
            assert!(!world.internet.heard(&secret), "{path}: our token went out");
        }
    }
    // What it lets through is no way around the rules.
    let address = world.internet.zone.of(&host)[0];
    let stream = Hello::new(&host).connect(world.client(), address);
    let reply = raw::ask(
        &mut stream.expect("a handshake"),
        &raw::get(&host, "/evil-pkg"),
    );
    reply.expect("an answer").expect(403);
}

#[test]
fn npm_publishes_to_the_registry_itself_where_that_is_let_through() {
    for (network, is_passed) in [("", false), ("publish = \"pass\"", true)] {
        let Some(mut world) = World::open(Names::built_in()) else {
            return;
        };
        world.take_over(Way::Redirect, network, DENIED);
        let host = world.internet.names.npm.host.clone();
        world.internet.npm.set_with("/my-own", |seen| {
            (seen.method == "PUT").then(|| Answer::ok("application/json", "{\"ok\":true}"))
        });
        let guest = world.guest();
        guest.sandbox.write(
            "package.json",
            "{\"name\":\"my-own\",\"version\":\"1.0.0\"}\n",
        );
        // The token of somebody who publishes; no registry is set.
        guest
            .sandbox
            .write(".npmrc", &format!("//{host}/:_authToken=npm_hers\n"));
        let Some(run) = guest.run(Client::Npm, &["publish"]) else {
            return;
        };
        let put = |seen: &&Seen| seen.method == "PUT";
        let log = world.internet.npm.log();
        let puts: Vec<_> = log.iter().filter(put).collect();
        if is_passed {
            run.succeeded();
            assert_eq!(puts.len(), 1);
            assert_eq!(puts[0].header("authorization"), "Bearer npm_hers");
            assert!(world.internet.heard("\"_attachments\""));
        } else {
            let run = run.failed();
            assert!(run.says("network.publish"), "{}", run.text);
            assert_eq!(puts.len(), 0);
        }
    }
}

#[test]
fn the_answer_of_the_registry_comes_back_whole_however_it_is_framed() {
    for (framing, body) in [
        (
            "Transfer-Encoding: chunked",
            "5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
        ),
        ("Connection: close", "{\"a\":1}"),
        ("Content-Length: 7", "{\"a\":1}"),
    ] {
        let Some(mut world) = World::open(Names::made_up()) else {
            return;
        };
        world.take_over(Way::Redirect, "login = \"pass\"", DENIED);
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        let reply = format!("{head}{framing}\r\n\r\n{body}");
        world.internet.answer_raw(reply.leak());
        let host = world.internet.names.npm.host.clone();
        let address = world.internet.zone.of(&host)[0];
        let stream = Hello::new(&host).connect(world.client(), address);
        let request = raw::get(&host, "/-/whoami");
        let reply = raw::ask(&mut stream.expect("a handshake"), &request).expect("an answer");
        assert_eq!(reply.expect(200).text(), "{\"a\":1}", "{framing}");
    }
}
