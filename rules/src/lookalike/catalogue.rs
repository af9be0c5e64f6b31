//! Names that are protected, with everything that is needed to find the one nearest to a question.
//!
//! The popular list of an ecosystem is one catalogue, the internal names of the house are another.

use super::index::{DeletionIndex, Depth, hash};
use super::list::NameList;
use super::namespace::Namespaces;
use super::squash::Squashed;
use crate::{Ecosystem, PackageName};

/// How far down the list two edits are looked for; further down, one.
const TWO_EDITS_RANK_MAX: usize = 5_000;

/// The rank that internal names are judged with: high, but among the honest neighbours of names.
const INTERNAL_RANK: u32 = 100;

/// Names of one ecosystem, ready for comparison.
pub(super) struct Catalogue {
    pub(super) ecosystem: Ecosystem,
    pub(super) is_internal: bool,
    pub(super) list: NameList,
    pub(super) namespaces: Namespaces,
    index: DeletionIndex,
    /// Names of several words by the sum of their words' hashes, sorted.
    orders: Vec<(u32, u16)>,
}

impl Catalogue {
    /// Takes names in order of rank, and namespaces that are claimed as a whole.
    pub(super) fn new(
        ecosystem: Ecosystem,
        is_internal: bool,
        list: NameList,
        claimed: &[&str],
    ) -> Self {
        let namespaces = Namespaces::new(ecosystem, is_internal, &list, claimed);
        let mut index = DeletionIndex::default();
        let mut orders = Vec::new();
        if ecosystem != Ecosystem::Maven {
            index = build_index(&list, is_internal);
            orders = build_orders(&list);
        }
        Self {
            ecosystem,
            is_internal,
            list,
            namespaces,
            index,
            orders,
        }
    }

    /// Whether exactly this name is listed, or its whole namespace belongs to the listed ones.
    pub(super) fn knows(&self, name: &PackageName) -> bool {
        self.position(name).is_some() || self.namespaces.knows(name)
    }

    /// The place of exactly this name.
    pub(super) fn position(&self, name: &PackageName) -> Option<usize> {
        self.list
            .position_of(match (name.ecosystem(), name.namespace()) {
                (Ecosystem::Maven, group) => [group, ":", name.name(), ""],
                (_, "") => [name.name(), "", "", ""],
                (_, scope) => return self.scoped_position(scope, name.name()),
            })
    }

    /// The place of `@scope/name`.
    pub(super) fn scoped_position(&self, scope: &str, name: &str) -> Option<usize> {
        self.list.position_of(["@", scope, "/", name])
    }

    /// The rank of a place, as the model is told it.
    pub(super) const fn rank(&self, place: usize) -> u32 {
        if self.is_internal {
            INTERNAL_RANK
        } else {
            place as u32 + 1
        }
    }

    /// Listed names that may be at most two edits away.
    pub(super) fn near(&self, name: &Squashed, each: impl FnMut(usize, Squashed)) {
        self.visit(name.bytes(), Depth::Two, each);
    }

    /// Listed names that may have the letters of a part of a name, give or take one edit.
    pub(super) fn near_part(
        &self,
        part: &[u8],
        with_edit: bool,
        each: impl FnMut(usize, Squashed),
    ) {
        let depth = if with_edit { Depth::One } else { Depth::Exact };
        self.visit(part, depth, each);
    }

    /// The listed name of the best rank with exactly these letters.
    pub(super) fn same_letters(&self, letters: &[u8]) -> Option<usize> {
        let mut best = None;
        self.visit(letters, Depth::Exact, |place, target| {
            if target.bytes() == letters && best.is_none_or(|other| place < other) {
                best = Some(place);
            }
        });
        best
    }

    /// The listed name of the best rank with the same words in another order.
    pub(super) fn same_words(&self, name: &Squashed) -> Option<usize> {
        if name.token_count() < 2 {
            return None;
        }
        let sum = order_sum(name);
        let start = self.orders.partition_point(|&(other, _)| other < sum);
        let same = self.orders[start..]
            .iter()
            .take_while(|&&(other, _)| other == sum);
        let mut places = same.map(|&(_, place)| usize::from(place));
        places.find(|&place| {
            Squashed::of(self.list.name(place)).is_some_and(|target| {
                sorted_tokens(&target) == sorted_tokens(name) && target.bytes() != name.bytes()
            })
        })
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        self.list.heap_bytes()
            + self.index.heap_bytes()
            + self.orders.len() * 8
            + self.namespaces.heap_bytes()
    }

    fn visit(&self, text: &[u8], depth: Depth, mut each: impl FnMut(usize, Squashed)) {
        for &identity in self.index.candidates(text, depth).as_slice() {
            let place = usize::from(identity);
            if let Some(target) = Squashed::of(self.list.name(place)) {
                each(place, target);
            }
        }
    }
}

fn build_index(list: &NameList, is_internal: bool) -> DeletionIndex {
    let squashed: Vec<_> = list.iter().map(Squashed::of).collect();
    let texts = squashed.iter().enumerate().filter_map(|(place, squashed)| {
        let depth = if is_internal || place < TWO_EDITS_RANK_MAX {
            Depth::Two
        } else {
            Depth::One
        };
        Some((place as u16, squashed.as_ref()?.bytes(), depth))
    });
    DeletionIndex::build(texts)
}

fn build_orders(list: &NameList) -> Vec<(u32, u16)> {
    let squashed = list.iter().map(Squashed::of).enumerate();
    let mut orders: Vec<_> = squashed
        .filter_map(|(place, squashed)| Some((place as u16, squashed?)))
        .filter(|(_, squashed)| squashed.token_count() > 1)
        .map(|(place, squashed)| (order_sum(&squashed), place))
        .collect();
    orders.sort_unstable();
    orders
}

/// A sum that does not depend on the order of the words.
fn order_sum(name: &Squashed) -> u32 {
    let hashes = name.tokens().map(|token| hash(token) >> 32);
    hashes.fold(0_u64, u64::wrapping_add) as u32
}

fn sorted_tokens(name: &Squashed) -> Vec<&[u8]> {
    let mut tokens: Vec<_> = name.tokens().collect();
    tokens.sort_unstable();
    tokens
}
