//! What a group wants of versions and names beyond their origin, its inheritance resolved.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use super::hierarchy::Hierarchy;
use crate::age::Age;
use crate::decision::Control;
use crate::group::{Action, GroupSpec, UnknownAge};

/// A value and the group that set it.
#[derive(Clone, Debug)]
pub(crate) struct Set<T> {
    pub(crate) value: T,
    pub(crate) setter: usize,
}

/// All that counts for one group.
#[derive(Clone, Debug)]
pub(crate) struct Screen {
    pub(crate) lookalike: Set<Action>,
    pub(crate) malware: Set<Action>,
    pub(crate) vulnerability_deny: Set<Option<f32>>,
    pub(crate) vulnerability_warn: Set<Option<f32>>,
    pub(crate) min_age: Set<Age>,
    pub(crate) min_age_fix: Option<Set<Age>>,
    pub(crate) unknown_age: Set<UnknownAge>,
    pub(crate) exemption: Option<Arc<Exemption>>,
    pub(crate) observed: Set<BTreeSet<Control>>,
}

/// Controls that do not count for a while.
#[derive(Debug)]
pub(crate) struct Exemption {
    pub(crate) controls: BTreeSet<Control>,
    pub(crate) until: Option<SystemTime>,
    pub(crate) reason: Option<String>,
    pub(crate) setter: usize,
}

/// The controls of screens: those that can be exempted. All that groups set can be observed.
pub(crate) const SCREENED: [Control; 4] = [
    Control::Lookalike,
    Control::MinAge,
    Control::Malware,
    Control::Vulnerability,
];

impl Screen {
    /// Whether a control counts at this moment.
    pub(crate) fn counts(&self, control: Control, now: SystemTime) -> bool {
        let exempt = self.exemption.as_ref().is_some_and(|exemption| {
            exemption.controls.contains(&control) && exemption.until.is_none_or(|end| now < end)
        });
        !exempt
    }

    /// Whether a control is judged, but not enforced.
    pub(crate) fn observes(&self, control: Control) -> bool {
        self.observed.value.contains(&control)
    }
}

/// The screens of all groups, in their order. `specs` has those that the operator wrote, in the same order.
pub(crate) fn screens(hierarchy: &Hierarchy, specs: &[GroupSpec]) -> Vec<Screen> {
    let exemptions: Vec<Option<Arc<Exemption>>> = specs.iter().enumerate().map(exemption).collect();
    let groups = 0..hierarchy.groups().len();
    groups
        .map(|at| Resolver {
            hierarchy,
            specs,
            at,
        })
        .map(|resolver| resolver.screen(&exemptions))
        .collect()
}

fn exemption((setter, spec): (usize, &GroupSpec)) -> Option<Arc<Exemption>> {
    Some(Arc::new(Exemption {
        controls: spec.exempt.as_ref()?.iter().copied().collect(),
        until: spec.until.map(crate::group::Until::end),
        reason: spec.reason.clone(),
        setter,
    }))
}

struct Resolver<'a> {
    hierarchy: &'a Hierarchy,
    specs: &'a [GroupSpec],
    at: usize,
}

impl Resolver<'_> {
    fn screen(&self, exemptions: &[Option<Arc<Exemption>>]) -> Screen {
        let optional =
            |own: fn(&GroupSpec) -> Option<f32>| self.nearest(|spec| own(spec).map(Some), None);
        Screen {
            lookalike: self.nearest(|spec| spec.lookalike, Action::Deny),
            malware: self.nearest(|spec| spec.malware, Action::Deny),
            vulnerability_deny: optional(|spec| spec.vulnerability_deny),
            vulnerability_warn: optional(|spec| spec.vulnerability_warn),
            min_age: self.nearest(|spec| spec.min_age, Age::ZERO),
            min_age_fix: self.set(|spec| spec.min_age_fix),
            unknown_age: self.nearest(|spec| spec.unknown_age, UnknownAge::Hold),
            exemption: self
                .hierarchy
                .path(self.at)
                .find_map(|at| exemptions.get(at).cloned().flatten()),
            observed: self.nearest(
                |spec| Some(spec.observe.as_ref()?.iter().copied().collect()),
                BTreeSet::new(),
            ),
        }
    }

    /// The value of the nearest group on the way up that sets it.
    fn set<T>(&self, own: impl Fn(&GroupSpec) -> Option<T>) -> Option<Set<T>> {
        self.hierarchy.path(self.at).find_map(|at| {
            let value = own(self.specs.get(at)?)?;
            Some(Set { value, setter: at })
        })
    }

    /// The same, else the default, which is that of `/*`.
    fn nearest<T>(&self, own: impl Fn(&GroupSpec) -> Option<T>, default: T) -> Set<T> {
        self.set(own).unwrap_or_else(|| Set {
            value: default,
            setter: self.hierarchy.path(self.at).last().unwrap_or(self.at),
        })
    }
}
