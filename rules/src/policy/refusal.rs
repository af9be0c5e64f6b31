//! Reasons: what was refused, by which group and control, and what to do about it.

use super::sentence::{Part, sentence};
use super::{Policy, Subject};
use crate::decision::{Control, Reason};

use Part::{Fixed, Name};

impl Policy {
    /// The group's control says no.
    pub(super) fn refuse_control(
        &self,
        control: Control,
        subject: Subject<'_>,
        repository: &str,
    ) -> Reason {
        let (mode, setter) = self.hierarchy.effective(subject.group, control);
        let setter = (setter != subject.group).then(|| self.pattern(setter));
        let shown = subject.package.to_string();
        let mut parts = vec![Name(&shown), Fixed(" is blocked by package group ")];
        parts.push(Name(self.pattern(subject.group)));
        if let Some(ancestor) = setter {
            parts.extend([Fixed(" (inherited from "), Name(ancestor), Fixed(")")]);
        }
        parts.push(Fixed(match control {
            Control::Publish => ": no version may be published",
            Control::Internal => ": no version may come from another repository",
            _ => ": no version may come from a public registry",
        }));
        if !mode.blocks_all() {
            parts.extend([Fixed(" through "), Name(repository)]);
        }
        let action = format!("; an operator can change control '{control}'");
        parts.push(Fixed(&action));
        self.reason(control, subject, setter, sentence(&parts))
    }

    /// The name is not one of the group's, but looks like one. It is not repeated: what deceives once can deceive again in
    /// a log or a terminal, and the client prints the address anyway.
    pub(super) fn refuse_imitation(&self, subject: Subject<'_>) -> Reason {
        let text = sentence(&[
            Fixed("this name imitates package group "),
            Name(self.pattern(subject.group)),
            Fixed(" (same but for case or punctuation): nothing new may enter; "),
            Fixed("check the spelling, or an operator can add a group for it"),
        ]);
        self.reason(Control::WeakMatch, subject, None, text)
    }

    /// The package's own flag says no.
    pub(super) fn refuse_flag(
        &self,
        control: Control,
        subject: Subject<'_>,
        repository: &str,
    ) -> Reason {
        let shown = subject.package.to_string();
        let (what, flag) = match control {
            Control::PublishFlag => (" takes no published versions in repository ", "publish"),
            _ => (
                " takes no versions from elsewhere in repository ",
                "upstream",
            ),
        };
        let rest = format!(": its flag '{flag}' is block; an operator can change it");
        let group = self.pattern(subject.group);
        let parts = [
            Name(&shown),
            Fixed(" (package group "),
            Name(group),
            Fixed(")"),
        ];
        let parts = parts
            .into_iter()
            .chain([Fixed(what), Name(repository), Fixed(&rest)]);
        self.reason(control, subject, None, sentence(&parts.collect::<Vec<_>>()))
    }

    /// There is no such repository.
    pub(super) fn refuse_repository(&self, subject: Subject<'_>, repository: &str) -> Reason {
        let shown = subject.package.to_string();
        let text = sentence(&[
            Name(&shown),
            Fixed(" was asked of repository "),
            Name(repository),
            Fixed(", which does not exist: check the client's registry address"),
        ]);
        self.reason(Control::Repository, subject, None, text)
    }

    pub(super) fn pattern(&self, group: usize) -> &str {
        self.hierarchy.group(group).pattern.as_str()
    }

    pub(super) fn reason(
        &self,
        control: Control,
        subject: Subject<'_>,
        inherited_from: Option<&str>,
        sentence: String,
    ) -> Reason {
        Reason {
            control,
            group: self.pattern(subject.group).to_owned(),
            inherited_from: inherited_from.map(str::to_owned),
            subject: subject.package.to_string(),
            sentence,
            claimed: subject.claimed,
            imitates: None,
            until: None,
            observed: false,
        }
    }
}
