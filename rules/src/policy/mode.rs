//! What a control says, ready to be asked.

use std::collections::BTreeSet;
use std::fmt;

use crate::decision::Control;
use crate::group::{GroupSpec, ModeSpec};

/// Which repositories may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Allow,
    Block,
    Only(BTreeSet<String>),
}

/// One value for each of the three controls that groups set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ControlTable<T> {
    publish: T,
    internal: T,
    external: T,
}

/// The controls that groups set.
pub(crate) const CONTROLS: [Control; 3] = [Control::Publish, Control::Internal, Control::External];

impl Mode {
    fn new(spec: &ModeSpec) -> Option<Self> {
        match spec {
            ModeSpec::Allow => Some(Self::Allow),
            ModeSpec::Block => Some(Self::Block),
            ModeSpec::Inherit => None,
            ModeSpec::Repositories(names) => Some(Self::Only(names.iter().cloned().collect())),
        }
    }

    pub(crate) fn allows(&self, repository: &str) -> bool {
        match self {
            Self::Allow => true,
            Self::Block => false,
            Self::Only(names) => names.contains(repository),
        }
    }

    /// Whether no repository at all may: an empty list says so too.
    pub(crate) fn blocks_all(&self) -> bool {
        match self {
            Self::Allow => false,
            Self::Block => true,
            Self::Only(names) => names.is_empty(),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => formatter.write_str("allow"),
            Self::Block => formatter.write_str("block"),
            Self::Only(names) if names.is_empty() => formatter.write_str("only in no repository"),
            Self::Only(names) => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                write!(formatter, "only in {}", names.join(", "))
            }
        }
    }
}

impl<T> ControlTable<T> {
    pub(crate) fn from_fn(mut value: impl FnMut(Control) -> T) -> Self {
        Self {
            publish: value(Control::Publish),
            internal: value(Control::Internal),
            external: value(Control::External),
        }
    }

    /// The value of a control; those that groups do not set stand for `external`, the strictest.
    pub(crate) const fn at(&self, control: Control) -> &T {
        match control {
            Control::Publish => &self.publish,
            Control::Internal => &self.internal,
            _ => &self.external,
        }
    }
}

/// What a group says for itself.
pub(crate) fn own_modes(spec: &GroupSpec) -> ControlTable<Option<Mode>> {
    ControlTable::from_fn(|control| mode_spec(spec, control).and_then(Mode::new))
}

/// The value as the operator wrote it.
pub(crate) const fn mode_spec(spec: &GroupSpec, control: Control) -> Option<&ModeSpec> {
    match control {
        Control::Publish => spec.publish.as_ref(),
        Control::Internal => spec.internal.as_ref(),
        _ => spec.external.as_ref(),
    }
}
