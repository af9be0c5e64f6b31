//! The fields of a version that the abbreviated packument has.

use super::super::json::Span;

/// The scripts that run on install.
const INSTALL_SCRIPTS: [&str; 3] = ["preinstall", "install", "postinstall"];

/// What the abbreviated form shows of a version's object, while that is read.
#[derive(Debug, Default)]
pub(super) struct Trimming {
    fields: Vec<Kept>,
    /// How many fields were seen.
    seen: usize,
}

#[derive(Debug)]
struct Kept {
    name: &'static str,
    /// Which field of the object it is.
    number: usize,
    /// From the key's quote to the value's end.
    span: Span,
}

impl Trimming {
    /// Takes note of a field, if it is shown; the last of equal keys wins.
    pub fn see(&mut self, name: &str, span: Span) {
        self.seen += 1;
        let Some(name) = shown(name) else { return };
        self.fields.retain(|kept| kept.name != name);
        self.fields.push(Kept {
            name,
            number: self.seen,
            span,
        });
    }

    /// Whether a field is among those that are shown.
    pub fn shows(&self, name: &str) -> bool {
        self.fields.iter().any(|kept| kept.name == name)
    }

    /// Appends the stretches that are shown, neighbours as one, and is as new.
    pub fn finish(&mut self, stretches: &mut Vec<Span>) {
        self.seen = 0;
        let mut last: Option<Kept> = None;
        for kept in self.fields.drain(..) {
            match (stretches.last_mut(), &last) {
                (Some(stretch), Some(last)) if last.number + 1 == kept.number => {
                    *stretch = Span::new(stretch.start(), kept.span.end());
                }
                _ => stretches.push(kept.span),
            }
            last = Some(kept);
        }
    }
}

/// Whether a script of this name runs on install.
pub(super) fn is_install_script(name: &str) -> bool {
    INSTALL_SCRIPTS.contains(&name)
}

/// The names as in the registry's own abbreviated documents, plus `libc`. By their length, since
/// this is asked of every field of every version.
fn shown(name: &str) -> Option<&'static str> {
    let is = |known: &'static str| (name == known).then_some(known);
    match name.len() {
        2 => is("os"),
        3 => is("bin").or_else(|| is("cpu")),
        4 => is("name").or_else(|| is("dist")).or_else(|| is("libc")),
        7 => is("version")
            .or_else(|| is("engines"))
            .or_else(|| is("funding")),
        10 => is("deprecated"),
        11 => is("directories"),
        12 => is("dependencies"),
        14 => is("_hasShrinkwrap"),
        15 => is("devDependencies"),
        16 => is("peerDependencies").or_else(|| is("hasInstallScript")),
        18 => is("bundleDependencies").or_else(|| is("acceptDependencies")),
        19 => is("bundledDependencies"),
        20 => is("optionalDependencies").or_else(|| is("peerDependenciesMeta")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_stretch_and_the_last_of_equals_wins() {
        let mut trimming = Trimming::default();
        let fields = ["name", "version", "main", "dist", "bin", "dist", "os"];
        for (place, field) in fields.into_iter().enumerate() {
            trimming.see(field, Span::new(place * 10, place * 10 + 9));
        }
        assert!(trimming.shows("dist") && !trimming.shows("main"));
        let mut stretches = vec![Span::new(0, 1)];
        trimming.finish(&mut stretches);
        let wanted = [(0, 1), (0, 19), (40, 69)];
        assert_eq!(stretches, wanted.map(|(start, end)| Span::new(start, end)));
        assert!(!trimming.shows("dist"));
    }

    #[test]
    fn every_name_is_found_by_its_length() {
        let lengths = (0..40).map(|length| "x".repeat(length));
        assert!(lengths.into_iter().all(|name| shown(&name).is_none()));
        for name in [
            "name",
            "version",
            "dependencies",
            "devDependencies",
            "optionalDependencies",
            "peerDependencies",
            "peerDependenciesMeta",
            "bundleDependencies",
            "bundledDependencies",
            "acceptDependencies",
            "bin",
            "directories",
            "dist",
            "engines",
            "os",
            "cpu",
            "libc",
            "deprecated",
            "funding",
            "hasInstallScript",
            "_hasShrinkwrap",
        ] {
            assert_eq!(shown(name), Some(name));
        }
    }
}
