//! A name server (RFC 1035, RFC 3596) that knows the internet's hosts and remembers what it was
//! asked. Every other name does not exist.

use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const A: u16 = 1;
const AAAA: u16 = 28;
const NO_SUCH_NAME: u8 = 3;

/// The names and addresses, and every name that was asked for.
#[derive(Default)]
pub struct Zone {
    names: BTreeMap<String, [IpAddr; 2]>,
    asked: Mutex<Vec<String>>,
}

impl Zone {
    pub fn new(names: BTreeMap<String, [IpAddr; 2]>) -> Zone {
        Zone {
            names,
            asked: Mutex::default(),
        }
    }

    /// The addresses of a name.
    #[track_caller]
    pub fn of(&self, name: &str) -> [IpAddr; 2] {
        *self
            .names
            .get(name)
            .unwrap_or_else(|| panic!("{name} is no name"))
    }

    pub fn has(&self, name: &str) -> bool {
        self.names.contains_key(name)
    }

    /// Names that were asked for and are not ours.
    pub fn strangers(&self) -> Vec<String> {
        let asked = self.asked.lock().expect("no holder panicked");
        let strange = asked.iter().filter(|name| !self.names.contains_key(*name));
        strange.cloned().collect()
    }

    /// Answers on this socket until the zone is dropped.
    pub fn serve(self: &Arc<Zone>, socket: UdpSocket) {
        let zone = Arc::downgrade(self);
        let wait = Some(Duration::from_millis(200));
        socket
            .set_read_timeout(wait)
            .expect("a socket has a read timeout");
        std::thread::spawn(move || {
            let mut packet = [0; 1500];
            loop {
                let received = socket.recv_from(&mut packet);
                let Some(zone) = zone.upgrade() else { return };
                let Ok((length, from)) = received else {
                    continue;
                };
                if let Some(answer) = zone.answer(&packet[..length]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
    }

    /// The answer to a query with one question; nothing to anything else.
    fn answer(&self, query: &[u8]) -> Option<Vec<u8>> {
        let question = query.get(12..)?;
        let (name, length) = name(question)?;
        let kind = question.get(length..length + 2)?;
        let kind = u16::from_be_bytes([kind[0], kind[1]]);
        let question = question.get(..length + 4)?;
        let known = self.names.get(&name);
        self.asked.lock().expect("no holder panicked").push(name);
        let address = known.and_then(|[four, six]| match kind {
            A => Some(four),
            AAAA => Some(six),
            _ => None,
        });
        let code = if known.is_none() { NO_SUCH_NAME } else { 0 };
        // A response, authoritative, with recursion as asked and available.
        let mut answer = vec![query[0], query[1], 0x84 | (query[2] & 1), 0x80 | code, 0, 1];
        answer.extend([0, u8::from(address.is_some()), 0, 0, 0, 0]);
        answer.extend(question);
        if let Some(address) = address {
            let bytes = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            // The name of the question, its kind, class IN, a minute.
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(bytes.len()).ok()?]);
            answer.extend(bytes);
        }
        Some(answer)
    }
}

/// The name at the start of a question, in small letters, and how many bytes it takes.
fn name(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 0);
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = bytes.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
}
