//! Internal names: everything the package groups of a policy claim.

use super::catalogue::Catalogue;
use super::list::NameList;
use crate::{Ecosystem, PackageName};

/// The names and namespaces of the house, protected like popular ones.
///
/// A claim is written as clients write names: `@scope/name`, `name` or `group:artifact` for one
/// package, `@scope` or a Maven group for all packages in it. Generic names have none that could
/// imitate them from outside: claims of theirs are left out.
///
/// ```
/// use rules::Ecosystem;
/// use rules::lookalike::InternalNames;
///
/// let ours = InternalNames::new([
///     (Ecosystem::Npm, "@mycompany"),
///     (Ecosystem::Pypi, "mycompany-billing"),
///     (Ecosystem::Maven, "com.mycompany"),
/// ]);
/// assert!(!ours.is_empty());
/// ```
#[derive(Default)]
pub struct InternalNames {
    catalogues: Vec<Catalogue>,
}

impl InternalNames {
    /// Compiles claims.
    pub fn new<'a>(claims: impl IntoIterator<Item = (Ecosystem, &'a str)>) -> Self {
        let claims: Vec<_> = claims.into_iter().collect();
        let catalogues = Ecosystem::PROXIED.into_iter().filter_map(|ecosystem| {
            let own = claims.iter().filter(|(other, _)| *other == ecosystem);
            let own = own.map(|&(_, claim)| claim);
            let (spaces, names): (Vec<_>, Vec<_>) =
                own.partition(|claim| is_namespace(ecosystem, claim));
            let spaces = spaces.iter().map(|space| space.trim_start_matches('@'));
            let spaces: Vec<_> = spaces.collect();
            let list = NameList::new(names.iter().copied());
            (list.len() > 0 || !spaces.is_empty())
                .then(|| Catalogue::new(ecosystem, true, list, &spaces))
        });
        Self {
            catalogues: catalogues.collect(),
        }
    }

    /// Whether nothing is claimed.
    pub fn is_empty(&self) -> bool {
        self.catalogues.is_empty()
    }

    /// Whether the name is claimed.
    pub fn contains(&self, name: &PackageName) -> bool {
        let catalogue = self.catalogue(name.ecosystem());
        catalogue.is_some_and(|catalogue| catalogue.knows(name))
    }

    /// The claims of one ecosystem.
    pub(super) fn catalogue(&self, ecosystem: Ecosystem) -> Option<&Catalogue> {
        let mut catalogues = self.catalogues.iter();
        catalogues.find(|catalogue| catalogue.ecosystem == ecosystem)
    }
}

fn is_namespace(ecosystem: Ecosystem, claim: &str) -> bool {
    match ecosystem {
        Ecosystem::Npm => claim.starts_with('@') && !claim.contains('/'),
        Ecosystem::Pypi | Ecosystem::Generic => false,
        Ecosystem::Maven => !claim.contains(':'),
    }
}

impl std::fmt::Debug for InternalNames {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ecosystems = self.catalogues.iter().map(|catalogue| catalogue.ecosystem);
        formatter.debug_list().entries(ecosystems).finish()
    }
}
