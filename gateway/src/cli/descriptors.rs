//! How many files and sockets the program may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::complain;

/// Each connection has one; one that goes by unread has a second. The rest is for files, upstreams and the operator.
const EACH: u64 = 2;
const BESIDE: u64 = 1024;

/// Takes as many as the system allows, and says so if that is too few for `connections`.
pub fn raise(connections: usize) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    let wanted = (connections as u64).saturating_mul(EACH) + BESIDE;
    if allowed.is_some_and(|allowed| allowed < wanted) {
        let allowed = allowed.unwrap_or_default();
        complain(&format!(
            "note: {allowed} files may be open at once, and {connections} connections can need {wanted}; \
             raise the limit (ulimit -n, LimitNOFILE) or lower limits.connections"
        ));
    }
}
