//! Repositories and the order in which they are searched.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::package::Ecosystem;
use crate::policy::Finding;

/// How many other repositories one repository may list.
pub const UPSTREAMS_MAX: usize = 10;

/// How many repositories are searched for one request, the one asked included.
pub const SEARCHED_MAX: usize = 25;

/// The longest name of a repository.
const NAME_BYTES_MAX: usize = 100;

/// A repository as far as rules are concerned: where else it looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositorySpec {
    /// Its name, as in addresses and in lists of controls.
    pub name: String,
    /// Other repositories, in the order in which they are searched.
    pub upstreams: Vec<String>,
    /// The ecosystems for which it has a connection to a public registry: of [`Ecosystem::PROXIED`].
    pub external: BTreeSet<Ecosystem>,
}

/// All repositories, and for each the order of its search.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    repositories: HashMap<String, Searched>,
}

#[derive(Debug)]
struct Searched {
    external: BTreeSet<Ecosystem>,
    order: Vec<Arc<str>>,
}

impl Topology {
    /// Works out every search, and reports what is wrong with the lists.
    pub(crate) fn compile(specs: &[RepositorySpec], findings: &mut Vec<Finding>) -> Self {
        let mut by_name = HashMap::new();
        for spec in specs {
            check_name(spec, findings);
            if by_name.insert(spec.name.as_str(), spec).is_some() {
                findings.push(Finding::error(
                    &spec.name,
                    "the repository is defined twice",
                ));
            }
        }
        for spec in specs {
            check_upstreams(spec, &by_name, findings);
            check_external(spec, findings);
        }
        let mut repositories = HashMap::new();
        for spec in specs {
            let (order, complete) = search(spec, &by_name);
            if !complete {
                let message = format!("only the first {SEARCHED_MAX} repositories are searched");
                findings.push(Finding::warning(&spec.name, message));
            }
            let searched = Searched {
                external: spec.external.clone(),
                order,
            };
            repositories.insert(spec.name.clone(), searched);
        }
        Self { repositories }
    }

    /// The repositories to search, the one asked first; `None` if it does not exist.
    pub(crate) fn order(&self, repository: &str) -> Option<&[Arc<str>]> {
        self.repositories
            .get(repository)
            .map(|searched| searched.order.as_slice())
    }

    pub(crate) fn has_external(&self, repository: &str, ecosystem: Ecosystem) -> bool {
        self.repositories
            .get(repository)
            .is_some_and(|searched| searched.external.contains(&ecosystem))
    }

    pub(crate) fn contains(&self, repository: &str) -> bool {
        self.repositories.contains_key(repository)
    }
}

fn check_name(spec: &RepositorySpec, findings: &mut Vec<Finding>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let name = spec.name.as_str();
    let dots = name.bytes().all(|byte| byte == b'.');
    if dots || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        let message = "a repository's name has 1 to 100 characters of A-Z a-z 0-9 . _ -";
        findings.push(Finding::error(name, message));
    }
}

fn check_upstreams(
    spec: &RepositorySpec,
    by_name: &HashMap<&str, &RepositorySpec>,
    findings: &mut Vec<Finding>,
) {
    if spec.upstreams.len() > UPSTREAMS_MAX {
        let count = spec.upstreams.len();
        let message = format!("{count} upstreams are listed, more than {UPSTREAMS_MAX}");
        findings.push(Finding::error(&spec.name, message));
    }
    for upstream in spec
        .upstreams
        .iter()
        .filter(|name| !by_name.contains_key(name.as_str()))
    {
        let message = format!("the upstream {upstream:?} is not a repository");
        findings.push(Finding::error(&spec.name, message));
    }
}

/// What has no public registry can have no connection to one: nothing of it comes from outside.
fn check_external(spec: &RepositorySpec, findings: &mut Vec<Finding>) {
    let unproxied = spec.external.iter().filter(|it| !it.is_proxied());
    findings.extend(unproxied.map(|ecosystem| {
        let message = format!("`external` lists {ecosystem}, of which no public registry exists");
        Finding::error(&spec.name, message)
    }));
}

/// Depth first, in listed order, each repository once; circles end by themselves. Also says
/// whether all that can be reached is searched.
fn search(
    start: &RepositorySpec,
    by_name: &HashMap<&str, &RepositorySpec>,
) -> (Vec<Arc<str>>, bool) {
    let mut order: Vec<Arc<str>> = Vec::new();
    let mut visited = BTreeSet::new();
    let mut pending = vec![start];
    while let Some(spec) = pending.pop() {
        if !visited.insert(spec.name.as_str()) {
            continue;
        }
        if order.len() == SEARCHED_MAX {
            return (order, false);
        }
        order.push(spec.name.as_str().into());
        let upstreams = spec.upstreams.iter().rev();
        pending.extend(upstreams.filter_map(|name| by_name.get(name.as_str()).copied()));
    }
    (order, true)
}
