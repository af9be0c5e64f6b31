//! The judge: groups and repositories compiled, and three questions answered.
//!
//! From where may this package come ([`Policy::origins`]), may this version be served
//! ([`Policy::admit`]), may this be published ([`Policy::publish`]). Nothing here waits, reads a
//! clock or touches a disk; a policy is a value, and is replaced whole.

mod admission;
mod exemption;
mod explanation;
mod finding;
mod hierarchy;
mod imitations;
mod lint;
mod mode;
mod nearest;
mod refusal;
mod revision;
mod screen;
mod screening;
mod screens;
mod sentence;

use std::sync::Arc;
use std::time::SystemTime;

pub use exemption::ExemptionNotice;
pub use explanation::{
    ControlExplanation, Explanation, ListExplanation, PlaceExplanation, ScreenExplanation,
    SearchExplanation,
};
pub use finding::{Finding, Severity};

use crate::decision::{Control, Publish, Reason, Verdict};
use crate::flags::{Flag, Flags};
use crate::group::GroupSpec;
use crate::knowledge::Knowledge;
use crate::lookalike::{InternalNames, LookAlike};
use crate::origin::{Origin, Origins, Place};
use crate::package::PackageName;
use crate::pattern::{Pattern, Strength};
use crate::topology::{RepositorySpec, Topology};
use hierarchy::Hierarchy;
use imitations::Imitations;
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
    /// Who imitates whom, as it was found before.
    imitations: Imitations,
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
        let screens = screen::screens(&hierarchy, &spec.groups);
        lint::check_observed(&hierarchy, &screens, &mut findings);
        let mut policy = Self {
            screens,
            hierarchy,
            topology,
            revision: revision::revision(spec, &knowledge),
            knowledge,
            internal_names: InternalNames::default(),
            imitations: Imitations::default(),
        };
        policy.internal_names = screening::internal_names(&policy);
        Ok((policy, findings))
    }

    /// What it judges with.
    pub const fn knowledge(&self) -> &Knowledge {
        &self.knowledge
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
        let banned = match self.judge_ban(subject, asked) {
            Ok(observed) => observed,
            Err(reason) => {
                origins.refuse(reason);
                return origins;
            }
        };
        let outside = Outside {
            flags,
            imitated: self.imitated(subject, now),
        };
        let internal = self.inward(Control::Internal, subject, asked, flags);
        let holding = self.origin(subject, Place::Holding, asked, asked);
        origins.push(holding.observing(banned.clone()));
        origins.extend(self.external(subject, asked, asked, &outside));
        if others.is_empty() {
            return origins;
        }
        let observed = match internal {
            Ok(observed) => observed.or(banned),
            Err(reason) => {
                // The same reason keeps out a weak match's every place: once is enough.
                if !origins.refusals().contains(&reason) {
                    origins.refuse(reason);
                }
                return origins;
            }
        };
        for other in others {
            let holding = self.origin(subject, Place::Holding, other, asked);
            origins.push(holding.observing(observed.clone()));
            let external = self.external(subject, other, asked, &outside);
            origins.extend(external.map(|judged| {
                // What was observed of the registry itself tells more.
                judged.map(|origin| match origin.observed() {
                    Some(_) => origin,
                    None => origin.observing(observed.clone()),
                })
            }));
        }
        origins
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
        let observed = self.judge(Control::Publish, subject, repository)?;
        if flags.effective(self, package).publish == Flag::Block {
            return Err(self.refuse_flag(Control::PublishFlag, subject, repository));
        }
        let observed = observed.map(Arc::unwrap_or_clone);
        Ok(Publish::new(package, repository, observed))
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
    /// published here, or it imitates a group. Where that is only observed, it does not.
    /// Generic names do always: nobody else has any.
    pub fn claimed(&self, package: &PackageName) -> bool {
        self.subject(package).claimed
    }

    /// Whether the package's group leaves all three controls at allow, and there is a public
    /// registry to be allowed.
    pub(crate) fn allows_all(&self, package: &PackageName) -> bool {
        let subject = self.subject(package);
        package.ecosystem().is_proxied()
            && subject.strength == Strength::Strong
            && CONTROLS
                .iter()
                .all(|control| *self.hierarchy.effective(subject.group, *control).0 == Mode::Allow)
    }

    fn subject<'a>(&self, package: &'a PackageName) -> Subject<'a> {
        let (group, strength) = self.hierarchy.associate(package);
        let enforced = !self.screens[group].observes(Control::External);
        let claimed = enforced && self.hierarchy.claims(group)
            || strength == Strength::Weak
            || !package.ecosystem().is_proxied();
        Subject {
            package,
            group,
            strength,
            claimed,
        }
    }

    fn origin(
        &self,
        subject: Subject<'_>,
        place: Place,
        repository: &Arc<str>,
        asked: &Arc<str>,
    ) -> Origin {
        Origin::new(subject.package, place, repository, asked, subject.claimed)
            .in_group(subject.group, self.revision)
    }

    /// The subject of an origin that a policy made: mostly this one, which need not look its group up again.
    fn subject_of<'a>(&self, origin: &'a Origin) -> Subject<'a> {
        match origin.group_in(self.revision) {
            // How close the match was has been judged with the origin.
            Some(group) if group < self.screens.len() => Subject {
                package: origin.package(),
                group,
                strength: Strength::Strong,
                claimed: origin.is_claimed(),
            },
            _ => self.subject(origin.package()),
        }
    }

    /// Judges whether all three ways in are blocked: nothing may bring the package here, so what an earlier
    /// rule let in is not served either (design.md §3, "`deny` … by hand stops retained ones too").
    /// A ban of which a part is only observed is only observed.
    fn judge_ban(&self, subject: Subject<'_>, asked: &str) -> Result<Option<Arc<Reason>>, Reason> {
        if !self.is_banned(subject) {
            return Ok(None);
        }
        let control = match subject.package.ecosystem().is_proxied() {
            true => Control::External,
            false => Control::Internal,
        };
        let mut reason = self.refuse_control(control, subject, asked);
        let screen = self.screen(subject);
        if !CONTROLS.iter().any(|control| screen.observes(*control)) {
            return Err(reason);
        }
        reason.observed = true;
        Ok(Some(Arc::new(reason)))
    }

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
                let observed =
                    self.inward(Control::External, subject, repository, outside.flags)?;
                let imitated = outside.imitated.as_ref();
                let found = imitated.and_then(|found| self.found_imitation(subject, found));
                match found {
                    Some(found) if found.verdict == Verdict::Deny => Err(found.reason),
                    _ => Ok(self
                        .origin(subject, Place::External, repository, asked)
                        .imitating(imitated.cloned())
                        .observing(observed)),
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
    ) -> Result<Option<Arc<Reason>>, Reason> {
        let observed = self.judge(control, subject, repository)?;
        let record = flags(repository)
            .unwrap_or_default()
            .effective(self, subject.package);
        if record.upstream == Flag::Block {
            return Err(self.refuse_flag(Control::UpstreamFlag, subject, repository));
        }
        Ok(observed)
    }

    /// Asks the group: a weak match may nothing, else the effective mode decides. A refusal that is
    /// only observed is no error.
    fn judge(
        &self,
        control: Control,
        subject: Subject<'_>,
        repository: &str,
    ) -> Result<Option<Arc<Reason>>, Reason> {
        if subject.strength == Strength::Weak {
            return Err(self.refuse_imitation(subject));
        }
        if self
            .hierarchy
            .effective(subject.group, control)
            .0
            .allows(repository)
        {
            return Ok(None);
        }
        let mut reason = self.refuse_control(control, subject, repository);
        if !self.screen(subject).observes(control) {
            return Err(reason);
        }
        reason.observed = true;
        Ok(Some(Arc::new(reason)))
    }
}
