//! `gradle.lockfile`: `group:artifact:version=configuration,…`.
//!
//! Older files have no configurations.

use crate::preflight::lockfile::Source;
use crate::preflight::lockfile::draft::{Draft, Entry, shown};

const LINE_REMEDY: &str = "write the file anew with `gradle dependencies --write-locks`";

pub(crate) fn fill(text: &str, draft: &mut Draft<'_>) -> Result<(), String> {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let place = draft.place_at(line, index + 1);
        let (coordinate, configurations) = line.split_once('=').unwrap_or((line, ""));
        let Some((name, version)) = coordinate.rsplit_once(':') else {
            let message = format!("{:?} is not group:artifact:version", shown(coordinate));
            draft.problem(place, None, message, LINE_REMEDY);
            continue;
        };
        let mut configurations = configurations.split(',').filter(|name| !name.is_empty());
        let first = configurations.next();
        let tests = |name: &str| name.starts_with("test");
        draft.add(Entry {
            name,
            version,
            integrity: Vec::new(),
            source: Source::Registry(None),
            dev: first.map(|first| tests(first) && configurations.all(tests)),
            place,
        });
    }
    Ok(())
}
