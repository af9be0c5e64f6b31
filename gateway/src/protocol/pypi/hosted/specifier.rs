//! Version specifiers (PEP 440), as far as a page repeats them: is it one, or not.

use rules::{Ecosystem, compare};

use super::super::filename;

/// No honest `Requires-Python` is longer.
const SPECIFIER_BYTES_MAX: usize = 512;

/// Longest first where one begins another.
const OPERATORS: [&str; 8] = ["===", "~=", "==", "!=", "<=", ">=", "<", ">"];

/// Whether a text is a version that PEP 440 can order.
pub(super) fn is_version(text: &str) -> bool {
    // The least version that there is; below it are only texts that can't be read.
    const LEAST: &str = "0.dev0";
    filename::is_version(text) && compare(Ecosystem::Pypi, text, LEAST).is_ge()
}

/// Whether a text is a set of specifiers: `>=3.8, !=3.9.*`.
pub(super) fn is_specifier_set(text: &str) -> bool {
    text.len() <= SPECIFIER_BYTES_MAX
        && !text.contains(char::is_control)
        && text.split(',').all(|clause| is_clause(clause.trim()))
}

fn is_clause(clause: &str) -> bool {
    let mut operators = OPERATORS.into_iter();
    let Some(operator) = operators.find(|operator| clause.starts_with(operator)) else {
        return false;
    };
    let version = clause[operator.len()..].trim_start();
    let version = match version.strip_suffix(".*") {
        Some(version) if matches!(operator, "==" | "!=") => version,
        _ => version,
    };
    is_version(version) && (operator != "~=" || version.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifiers_have_a_grammar() {
        for good in [
            ">=3.8",
            ">= 3.8 , <4,!=3.9.*",
            "~=3.9",
            "==3.*",
            "===3.9",
            ">2.7",
        ] {
            assert!(is_specifier_set(good), "{good}");
        }
        let long = format!(">={}", "1".repeat(600));
        for bad in [
            "", "3.8", ">=", ">=3.8,", ">=3.*", "~=3", "=>3", ">=3.8\n", "<b>", ">=3;1", "^3.8",
            &long,
        ] {
            assert!(!is_specifier_set(bad), "{bad}");
        }
    }

    #[test]
    fn versions_can_be_ordered() {
        for good in [
            "1.0",
            "0.dev0",
            "0a1.dev0",
            "1!2.0.post1+local.1",
            "v1.0-rc1",
            "0",
        ] {
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "2004d", "", "1.0-x", " 1.0", "1.0 ", "1.0+", "x", "1..0", "1/0",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }
}
