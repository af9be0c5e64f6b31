//! The judge: groups and repositories compiled, and three questions answered.
//!
//! From where may this package come ([`Policy::origins`]), may this version be served
//! ([`Policy::admit`]), may this be published ([`Policy::publish`]). Nothing here waits, reads a
//! clock or touches a disk; a policy is a value, and is replaced whole.

mod explanation;
mod finding;
mod hierarchy;
mod lint;
mod mode;
mod refusal;
mod revision;
mod screen;
mod screening;
mod sentence;

use std::sync::Arc;
use std::time::SystemTime;

pub use explanation::{ControlExplanation, Explanation, PlaceExplanation, SearchExplanation};
pub use finding::{Finding, Severity};

use crate::age::Age;
use crate::decision::{Control, Decision, Inspection, Permit, Publish, Reason, Verdict};
use crate::facts::Facts;
use crate::flags::{Flag, Flags};
use crate::group::GroupSpec;
use crate::knowledge::Knowledge;
use crate::lookalike::{InternalNames, LookAlike};
use crate::origin::{Origin, Origins, Place};
use crate::package::PackageName;
use crate::pattern::{Pattern, Strength};
use crate::topology::{RepositorySpec, Topology};
use hierarchy::Hierarchy;
use mode::{CONTROLS, Mode, own_modes};
use screen::Screen;

/// What an operator wrote: the content of a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicySpec {
    /// The package groups. `/*` need not be among them; it always exists.
    pub groups: Vec<GroupSpec>,
    /// The repositories.
    pub repositories: Vec<RepositorySpec>,
}

/// A policy in force.
#[derive(Debug)]
pub struct Policy {
    hierarchy: Hierarchy,
    /// By group.
    screens: Vec<Screen>,
    topology: Topology,
    knowledge: Knowledge,
    internal_names: InternalNames,
    revision: u64,
}

/// What the way to a public registry depends on besides the group.
struct Outside<'a> {
    flags: &'a dyn Fn(&str) -> Option<Flags>,
    imitated: Option<Arc<LookAlike>>,
}

/// A package with its group: what every question begins with.
#[derive(Clone, Copy)]
struct Subject<'a> {
    package: &'a PackageName,
    group: usize,
    strength: Strength,
    claimed: bool,
}

impl Policy {
    /// Checks and compiles a policy. `Ok` carries warnings; `Err` has at least one error.
    pub fn compile(spec: &PolicySpec) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        Self::compile_with(spec, Knowledge::default())
    }

    /// The same, to be judged with what is known.
    pub fn compile_with(
        spec: &PolicySpec,
        knowledge: Knowledge,
    ) -> Result<(Self, Vec<Finding>), Vec<Finding>> {
        let mut findings = Vec::new();
        let topology = Topology::compile(&spec.repositories, &mut findings);
        let mut groups = Vec::new();
        for group in &spec.groups {
            match Pattern::parse(&group.pattern) {
                Ok(pattern) => groups.push((pattern, own_modes(group))),
                Err(error) => findings.push(Finding::error(&group.pattern, error.to_string())),
            }
        }
        lint::check_specs(&spec.groups, &topology, &mut findings);
        let root = lint::complete_root(&mut groups);
        let Some(root) = root.filter(|_| !findings.iter().any(Finding::is_error)) else {
            return Err(findings);
        };
        let hierarchy = Hierarchy::new(groups, root);
        lint::check_hierarchy(&hierarchy, &spec.groups, &mut findings);
        let mut policy = Self {
            screens: screen::screens(&hierarchy, &spec.groups),
            hierarchy,
            topology,
            revision: revision::revision(spec) ^ knowledge.revision(),
            knowledge,
            internal_names: InternalNames::default(),
        };
        policy.internal_names = screening::internal_names(&policy);
        Ok((policy, findings))
    }

    /// What it judges with.
    pub const fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The same rules, judged with other knowledge.
    pub fn knowing(spec: &PolicySpec, knowledge: Knowledge) -> Option<Self> {
        let (policy, _) = Self::compile_with(spec, knowledge).ok()?;
        Some(policy)
    }

    /// A number that differs when the content of the policy does; the same in every process.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// From where may this package come, for a client that asks this repository?
    pub fn origins(&self, package: &PackageName, repository: &str, now: SystemTime) -> Origins {
        self.origins_with_flags(package, repository, now, &|_repository| None)
    }

    /// The same, with the package's own flags in each repository where it has a record.
    pub fn origins_with_flags(
        &self,
        package: &PackageName,
        repository: &str,
        now: SystemTime,
        flags: &dyn Fn(&str) -> Option<Flags>,
    ) -> Origins {
        let mut origins = Origins::default();
        let subject = self.subject(package);
        let Some((asked, others)) = self.topology.order(repository).and_then(<[_]>::split_first)
        else {
            origins.refuse(self.refuse_repository(subject, repository));
            return origins;
        };
        if self.is_banned(subject) {
            origins.refuse(self.refuse_control(Control::External, subject, asked));
            return origins;
        }
        let outside = Outside {
            flags,
            imitated: self.imitated(subject, now).map(Arc::new),
        };
        let internal = self.inward(Control::Internal, subject, asked, flags);
        origins.push(subject.origin(Place::Holding, asked, asked));
        origins.extend(self.external(subject, asked, asked, &outside));
        if others.is_empty() {
            return origins;
        }
        if let Err(reason) = internal {
            // The same reason keeps out a weak match's every place: once is enough.
            if !origins.refusals().contains(&reason) {
                origins.refuse(reason);
            }
            return origins;
        }
        for other in others {
            origins.push(subject.origin(Place::Holding, other, asked));
            origins.extend(self.external(subject, other, asked, &outside));
        }
        origins
    }

    /// May this version be served from this origin? Where it may come from was decided with the
    /// origin. What is held already is not asked for its age or its name again, but malware stops.
    pub fn admit(
        &self,
        origin: &Origin,
        version: &str,
        facts: &Facts,
        now: SystemTime,
    ) -> Decision {
        let subject = self.subject(origin.package());
        let mut found = self.found_advisories(subject, Some(version), now);
        if origin.place() == Place::External {
            if let Some(imitated) = origin.imitated() {
                found.extend(self.found_imitation(subject, imitated));
                found.extend(self.found_suspicion(subject, imitated, facts, now));
            }
            found.extend(self.found_age(subject, version, facts, now));
        }
        let decisive = found
            .iter()
            .position(|found| matches!(found.verdict, Verdict::Deny | Verdict::Hold));
        let told = decisive.or(if found.is_empty() { None } else { Some(0) });
        match told.map(|at| found.swap_remove(at)) {
            None => Decision::Allow(Permit::new(origin, version)),
            Some(found) => match found.verdict {
                Verdict::Deny => Decision::Deny(found.reason),
                Verdict::Hold => Decision::Hold(Inspection::new(origin, version), found.reason),
                Verdict::Warn | Verdict::Allow => {
                    Decision::Warn(Permit::new(origin, version), found.reason)
                }
            },
        }
    }

    /// A version from an origin that may be asked may be fetched to be looked at, whatever the verdict on it.
    pub fn inspect(&self, origin: &Origin, version: &str) -> Inspection {
        Inspection::new(origin, version)
    }

    /// When the next verdict on a package from this origin changes by itself, as far as that does not show in a hold:
    /// an exemption ends, or a package grows too old to be suspicious.
    pub fn changes_at(
        &self,
        origin: &Origin,
        facts: &Facts,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let subject = self.subject(origin.package());
        let exemption = self.screen(subject).exemption.as_ref();
        let ends = exemption.and_then(|exemption| exemption.until);
        let grown = origin
            .imitated()
            .and(facts.package_since)
            .and_then(|since| since.checked_add(screening::THIN_AGE));
        [ends, grown]
            .into_iter()
            .flatten()
            .filter(|moment| *moment > now)
            .min()
    }

    /// Whether the verdict on a version from outside depends on when it and its package were published.
    pub fn judges_age(&self, package: &PackageName, now: SystemTime) -> bool {
        let subject = self.subject(package);
        let screen = self.screen(subject);
        let age = screen.min_age.value != Age::ZERO && screen.counts(Control::MinAge, now);
        age || self.imitated(subject, now).is_some()
    }

    /// May a new version of this package be published to this repository?
    pub fn publish(
        &self,
        package: &PackageName,
        repository: &str,
        flags: Flags,
    ) -> Result<Publish, Reason> {
        let subject = self.subject(package);
        if !self.topology.contains(repository) {
            return Err(self.refuse_repository(subject, repository));
        }
        self.judge(Control::Publish, subject, repository)?;
        if flags.effective(self, package).publish == Flag::Block {
            return Err(self.refuse_flag(Control::PublishFlag, subject, repository));
        }
        Ok(Publish::new(package, repository))
    }

    /// Says what would be decided for a package, and by which path of inheritance.
    pub fn explain(
        &self,
        package: &PackageName,
        repository: &str,
        version: Option<&str>,
        now: SystemTime,
    ) -> Explanation {
        explanation::explain(self, self.subject(package), repository, version, now)
    }

    /// Whether the name belongs to the house: no public registry may supply it although it may be
    /// published here, or it imitates a group.
    pub fn claimed(&self, package: &PackageName) -> bool {
        self.subject(package).claimed
    }

    /// Whether the package's group leaves all three controls at allow.
    pub(crate) fn allows_all(&self, package: &PackageName) -> bool {
        let subject = self.subject(package);
        subject.strength == Strength::Strong
            && CONTROLS
                .iter()
                .all(|control| *self.hierarchy.effective(subject.group, *control).0 == Mode::Allow)
    }

    fn subject<'a>(&self, package: &'a PackageName) -> Subject<'a> {
        let (group, strength) = self.hierarchy.associate(package);
        let claimed = self.claims(group) || strength == Strength::Weak;
        Subject {
            package,
            group,
            strength,
            claimed,
        }
    }

    /// Whether a group keeps its names in the house: never from outside, but published here.
    fn claims(&self, group: usize) -> bool {
        let blocked = |control| self.hierarchy.effective(group, control).0.blocks_all();
        blocked(Control::External) && !blocked(Control::Publish)
    }

    /// Whether all three ways in are blocked: nothing may bring the package here, so what an earlier
    /// rule let in is not served either (design.md §3, "`deny` … by hand stops retained ones too").
    fn is_banned(&self, subject: Subject<'_>) -> bool {
        let blocked = |control: &Control| {
            self.hierarchy
                .effective(subject.group, *control)
                .0
                .blocks_all()
        };
        subject.strength == Strength::Strong && CONTROLS.iter().all(blocked)
    }

    /// The public registry of a repository, or why it may not be asked; `None` if it has none.
    fn external(
        &self,
        subject: Subject<'_>,
        repository: &Arc<str>,
        asked: &Arc<str>,
        outside: &Outside<'_>,
    ) -> Option<Result<Origin, Reason>> {
        self.topology
            .has_external(repository, subject.package.ecosystem())
            .then(|| {
                self.inward(Control::External, subject, repository, outside.flags)?;
                let imitated = outside.imitated.as_ref();
                let found = imitated.and_then(|found| self.found_imitation(subject, found));
                match found {
                    Some(found) if found.verdict == Verdict::Deny => Err(found.reason),
                    _ => Ok(subject
                        .origin(Place::External, repository, asked)
                        .imitating(imitated.cloned())),
                }
            })
    }

    /// Judges a way in: the group's control, then the package's upstream flag.
    fn inward(
        &self,
        control: Control,
        subject: Subject<'_>,
        repository: &str,
        flags: &dyn Fn(&str) -> Option<Flags>,
    ) -> Result<(), Reason> {
        self.judge(control, subject, repository)?;
        let record = flags(repository)
            .unwrap_or_default()
            .effective(self, subject.package);
        if record.upstream == Flag::Block {
            return Err(self.refuse_flag(Control::UpstreamFlag, subject, repository));
        }
        Ok(())
    }

    /// Asks the group: a weak match may nothing, else the effective mode decides.
    fn judge(
        &self,
        control: Control,
        subject: Subject<'_>,
        repository: &str,
    ) -> Result<(), Reason> {
        if subject.strength == Strength::Weak {
            return Err(self.refuse_imitation(subject));
        }
        if self
            .hierarchy
            .effective(subject.group, control)
            .0
            .allows(repository)
        {
            return Ok(());
        }
        Err(self.refuse_control(control, subject, repository))
    }
}

impl Subject<'_> {
    fn origin(&self, place: Place, repository: &Arc<str>, asked: &Arc<str>) -> Origin {
        Origin::new(self.package, place, repository, asked, self.claimed)
    }
}
