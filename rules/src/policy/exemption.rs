//! The exemptions of a policy, for those who announce their ends.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::Policy;
use crate::decision::Control;

/// Controls that do not count in a group for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExemptionNotice<'a> {
    /// The pattern of the group that has the exemption; groups below inherit it.
    pub group: &'a str,
    /// The controls that do not count.
    pub controls: &'a BTreeSet<Control>,
    /// The first moment at which they count again; `None` if the exemption never ends.
    pub until: Option<SystemTime>,
    /// Why there is one, as the operator wrote it.
    pub reason: Option<&'a str>,
}

impl Policy {
    /// Every exemption that was written, ended ones too, in the order of the groups.
    pub fn exemptions(&self) -> impl Iterator<Item = ExemptionNotice<'_>> {
        let screens = self.screens.iter().enumerate();
        screens.filter_map(|(at, screen)| {
            let exemption = screen.exemption.as_deref()?;
            (exemption.setter == at).then(|| ExemptionNotice {
                group: self.pattern(at),
                controls: &exemption.controls,
                until: exemption.until,
                reason: exemption.reason.as_deref(),
            })
        })
    }
}
