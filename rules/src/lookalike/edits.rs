//! The edits that lead from an imitated name to a look-alike: optimal string alignment, spelt out.
//!
//! At most two edits are looked for, so the search strips what both have in common at either end
//! and branches over the four edits; that is the band of the alignment without a table. The most
//! telling explanation is tried first: a swap before a replacement.

/// The most edits that are looked for.
pub(super) const EDITS_MAX: usize = 2;

/// What happened to one letter of the imitated name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EditKind {
    /// Two neighbours are swapped.
    Swapped,
    /// A letter is gone.
    Dropped,
    /// A letter of a pair of equal ones is gone.
    Merged,
    /// A letter is there twice.
    Doubled,
    /// Another letter is there too.
    Inserted,
    /// Another letter is there instead.
    Replaced,
}

/// One edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) kind: EditKind,
    /// Where, in the look-alike.
    pub(super) name_at: usize,
    /// Where, in the imitated name.
    pub(super) target_at: usize,
    /// The letter of the look-alike, or zero.
    pub(super) name_byte: u8,
    /// The letter of the imitated name, or zero.
    pub(super) target_byte: u8,
}

/// A short list of edits, from left to right.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Edits {
    edits: [Option<Edit>; EDITS_MAX],
}

impl Edits {
    /// The fewest edits from `target` to `name`, if there are not more than two.
    pub(super) fn between(name: &[u8], target: &[u8]) -> Option<Self> {
        if name.len().abs_diff(target.len()) > EDITS_MAX {
            return None;
        }
        (0..=EDITS_MAX).find_map(|budget| {
            let mut edits = Self::default();
            align(name, target, (0, 0), &mut edits.edits[..budget]).then_some(edits)
        })
    }

    /// The edits from left to right.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter().flatten()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.iter().count()
    }
}

/// Fills `edits` with an alignment of what lies behind the given places. The recursion ends with
/// the slots that are left, two at most.
fn align(
    name: &[u8],
    target: &[u8],
    (mut name_at, mut target_at): (usize, usize),
    edits: &mut [Option<Edit>],
) -> bool {
    while name_at < name.len() && name.get(name_at) == target.get(target_at) {
        name_at += 1;
        target_at += 1;
    }
    let Some((slot, rest)) = edits.split_first_mut() else {
        return name_at == name.len() && target_at == target.len();
    };
    for (kind, name_step, target_step) in [
        (EditKind::Swapped, 2, 2),
        (EditKind::Inserted, 1, 0),
        (EditKind::Dropped, 0, 1),
        (EditKind::Replaced, 1, 1),
    ] {
        let (name_next, target_next) = (name_at + name_step, target_at + target_step);
        if name_next > name.len() || target_next > target.len() {
            continue;
        }
        let swaps = kind != EditKind::Swapped
            || (name[name_at] == target[target_at + 1] && name[name_at + 1] == target[target_at]);
        if swaps && align(name, target, (name_next, target_next), rest) {
            *slot = Some(describe(name, target, kind, (name_at, target_at)));
            return true;
        }
    }
    false
}

/// Adds the letters, and tells doubled and merged letters from other ones.
fn describe(name: &[u8], target: &[u8], kind: EditKind, at: (usize, usize)) -> Edit {
    let (name_at, target_at) = at;
    let name_byte = name.get(name_at).copied().unwrap_or_default();
    let target_byte = target.get(target_at).copied().unwrap_or_default();
    let repeats = |text: &[u8], at: usize| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        text.get(at) == before || text.get(at) == text.get(at + 1)
    };
    let (kind, name_byte, target_byte) = match kind {
        EditKind::Inserted if repeats(name, name_at) => (EditKind::Doubled, name_byte, 0),
        EditKind::Inserted => (EditKind::Inserted, name_byte, 0),
        EditKind::Dropped if repeats(target, target_at) => (EditKind::Merged, 0, target_byte),
        EditKind::Dropped => (EditKind::Dropped, 0, target_byte),
        kind => (kind, name_byte, target_byte),
    };
    Edit {
        kind,
        name_at,
        target_at,
        name_byte,
        target_byte,
    }
}

/// Whether two keys are neighbours on the usual keyboard.
pub(super) fn are_key_neighbours(left: u8, right: u8) -> bool {
    const ROWS: [(&[u8], u8); 4] = [
        (b"1234567890", 0),
        (b"qwertyuiop", 1),
        (b"asdfghjkl", 2),
        (b"zxcvbnm", 3),
    ];
    let place = |key: u8| {
        ROWS.iter().find_map(|&(row, line)| {
            let column = row.iter().position(|&other| other == key)?;
            Some((i32::from(line), column as i32))
        })
    };
    let (Some((line, column)), Some((other_line, other_column))) = (place(left), place(right))
    else {
        return false;
    };
    // Each row is shifted to the right by about half a key.
    match other_line - line {
        0 => (column - other_column).abs() == 1,
        1 => (0..=1).contains(&(column - other_column)),
        -1 => (0..=1).contains(&(other_column - column)),
        _ => false,
    }
}

/// Whether the eye takes one character for the other.
pub(super) fn are_confusable(left: u8, right: u8) -> bool {
    const GROUPS: [&[u8]; 8] = [b"o0", b"1lij", b"5s", b"8b", b"2z", b"9gq", b"uv", b"3e"];
    left != right
        && GROUPS
            .iter()
            .any(|group| group.contains(&left) && group.contains(&right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_spelt_out() {
        use EditKind::{Doubled, Dropped, Inserted, Merged, Replaced, Swapped};
        for (name, target, kinds) in [
            ("react", "react", &[][..]),
            ("raect", "react", &[Swapped]),
            ("reacct", "react", &[Doubled]),
            ("reat", "react", &[Dropped]),
            ("jelyfish", "jellyfish", &[Merged]),
            ("reactx", "react", &[Inserted]),
            ("reqct", "react", &[Replaced]),
            ("typscirpt", "typescript", &[Dropped, Swapped]),
            ("ract1", "react", &[Dropped, Inserted]),
        ] {
            let edits = Edits::between(name.as_bytes(), target.as_bytes()).unwrap();
            let found: Vec<_> = edits.iter().map(|edit| edit.kind).collect();
            assert_eq!(found, kinds, "{name} {target}");
        }
        assert!(Edits::between(b"vue", b"react").is_none());
        assert!(Edits::between(b"abcd", b"dcba").is_none());
        assert_eq!(Edits::between(b"", b"ab").unwrap().count(), 2);
    }

    #[test]
    fn keys_and_shapes() {
        for (left, right) in [(b'a', b's'), (b'a', b'q'), (b'g', b'b'), (b'r', b'4')] {
            assert!(are_key_neighbours(left, right) && are_key_neighbours(right, left));
        }
        assert!(!are_key_neighbours(b'a', b'p') && !are_key_neighbours(b'-', b'p'));
        assert!(are_confusable(b'l', b'1') && !are_confusable(b'l', b'l'));
    }
}
