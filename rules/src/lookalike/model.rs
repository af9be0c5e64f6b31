//! The trained model: a sum of small decision trees over the numbers of [`super::evidence`].
//!
//! The file is text, so that a new version can be read in a review. Its lines are
//! `lookalike-model 1 DATE`, `features` with their names, `base` with the start of the sum,
//! `threshold ECOSYSTEM BLOCK SUSPICIOUS`, and one `tree` each. A tree lists its nodes in order:
//! `feature<threshold:left:right` goes left when the number is at most the threshold, and a plain
//! number is a leaf.
//!
//! The programme that writes it is in `training/`.

use std::sync::OnceLock;

use super::evidence::{FEATURE_COUNT, FEATURES, Features};
use crate::Ecosystem;

/// The first words of the file, and its version.
const MAGIC: &str = "lookalike-model 1 ";

/// Trees, and what their sum means.
pub(super) struct Model {
    base: f32,
    nodes: Vec<Node>,
    /// The first node of each tree.
    roots: Vec<u16>,
    thresholds: [Thresholds; 2],
}

/// From which sum on a name is called what.
#[derive(Clone, Copy)]
pub(super) struct Thresholds {
    pub(super) block: f32,
    pub(super) suspicious: f32,
}

/// An inner node, or a leaf when `left` is zero: no node has the root of the first tree below it.
#[derive(Clone, Copy)]
struct Node {
    /// The threshold, or the leaf's share of the sum.
    value: f32,
    feature: u8,
    left: u16,
    right: u16,
}

impl Default for Model {
    /// A model that never objects.
    fn default() -> Self {
        let never = Thresholds {
            block: f32::INFINITY,
            suspicious: f32::INFINITY,
        };
        Self {
            base: 0.0,
            nodes: Vec::new(),
            roots: Vec::new(),
            thresholds: [never; 2],
        }
    }
}

impl Model {
    /// The model that ships inside the binary; a test holds that it can be read.
    pub(super) fn embedded() -> &'static Self {
        static MODEL: OnceLock<Model> = OnceLock::new();
        MODEL.get_or_init(|| Self::parse(include_str!("training/model.txt")).unwrap_or_default())
    }

    /// Reads the file; `None` if anything in it is not as it must be.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        lines.next()?.strip_prefix(MAGIC)?;
        let mut model = Self::default();
        for line in lines {
            let (word, rest) = line.split_once(' ')?;
            let mut words = rest.split_ascii_whitespace();
            match word {
                "features" => words.eq(FEATURES).then_some(())?,
                "base" => model.base = rest.parse().ok()?,
                "threshold" => {
                    let ecosystem = words.next()?.parse().ok()?;
                    let mut number = || words.next()?.parse().ok();
                    model.thresholds[slot(ecosystem)] = Thresholds {
                        block: number()?,
                        suspicious: number()?,
                    };
                }
                "tree" => model.add_tree(words)?,
                _ => return None,
            }
        }
        Some(model)
    }

    /// The sum: the higher, the more likely an imitation.
    pub(super) fn score(&self, features: &Features) -> f32 {
        let leaves = self.roots.iter().map(|&root| {
            let mut node = self.nodes[usize::from(root)];
            while node.left != 0 {
                let is_left = features[usize::from(node.feature)] <= node.value;
                let next = if is_left { node.left } else { node.right };
                node = self.nodes[usize::from(next)];
            }
            node.value
        });
        self.base + leaves.sum::<f32>()
    }

    /// The thresholds of an ecosystem.
    pub(super) fn thresholds(&self, ecosystem: Ecosystem) -> Thresholds {
        self.thresholds[slot(ecosystem)]
    }

    fn add_tree<'a>(&mut self, words: impl Iterator<Item = &'a str>) -> Option<()> {
        let root = self.nodes.len();
        for (at, word) in words.enumerate() {
            let node = Node::parse(word, root, at)?;
            self.nodes.push(node);
        }
        let length = self.nodes.len();
        let is_inside = |node: &Node| usize::from(node.left.max(node.right)) < length;
        let is_whole = length > root && self.nodes[root..].iter().all(is_inside);
        self.roots.push(u16::try_from(root).ok()?);
        is_whole.then_some(())
    }
}

impl Node {
    /// Children must come after their parent, so that no walk is endless.
    fn parse(word: &str, root: usize, at: usize) -> Option<Self> {
        let Some((feature, rest)) = word.split_once('<') else {
            let (value, feature, left, right) = (word.parse().ok()?, 0, 0, 0);
            return Some(Self {
                value,
                feature,
                left,
                right,
            });
        };
        let mut parts = rest.split(':');
        let value = parts.next()?.parse().ok()?;
        let mut child = || {
            let child: usize = parts.next()?.parse().ok()?;
            (child > at).then(|| u16::try_from(root + child).ok())?
        };
        let (left, right) = (child()?, child()?);
        let feature = feature.parse().ok()?;
        (usize::from(feature) < FEATURE_COUNT).then_some(Self {
            value,
            feature,
            left,
            right,
        })
    }
}

/// Maven and generic names are not scored by the model; they share a slot that is never read for
/// them.
const fn slot(ecosystem: Ecosystem) -> usize {
    match ecosystem {
        Ecosystem::Npm | Ecosystem::Maven | Ecosystem::Generic => 0,
        Ecosystem::Pypi => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_model_is_whole() {
        let model = Model::parse(include_str!("training/model.txt")).unwrap();
        assert!(model.roots.len() > 20);
        for ecosystem in [Ecosystem::Npm, Ecosystem::Pypi] {
            let thresholds = model.thresholds(ecosystem);
            assert!(thresholds.suspicious < thresholds.block && thresholds.block.is_finite());
        }
    }

    #[test]
    fn damaged_models_are_refused() {
        let head = "lookalike-model 1 2026-11-22\nbase 0.5\n";
        let model = Model::parse(&format!("{head}tree 1<3.5:1:2 -1 2\n")).unwrap();
        let mut features = [0.0; FEATURE_COUNT];
        assert_eq!(model.score(&features), -0.5);
        features[1] = 4.0;
        assert_eq!(model.score(&features), 2.5);
        for tree in [
            "tree 1<3.5:0:2 -1 2",
            "tree 1<3.5:1:3 -1 2",
            "tree 99<1:1:2 1 1",
            "tree x",
        ] {
            assert!(Model::parse(&format!("{head}{tree}\n")).is_none(), "{tree}");
        }
        assert!(Model::parse("").is_none());
    }
}
