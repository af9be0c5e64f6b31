//! How chains, comments and sets of nft are written.

use std::fmt::Write as _;

/// A rule, and what an operator should know of it.
pub type Rule = (&'static str, String);

/// Lines for a shell, as comments.
pub fn append_comments(text: &mut String, lines: &[String]) {
    for line in lines {
        let _ = writeln!(text, "#   {line}");
    }
}

/// A comment that says the same as the one before it stands once.
pub fn append_chain(text: &mut String, name: &str, hook: &str, rules: &[Rule]) {
    let _ = writeln!(text, "    chain {name} {{\n        {hook}; policy accept;");
    let mut above = "";
    for (comment, rule) in rules {
        if *comment != above {
            let _ = writeln!(text, "\n        # {comment}");
        }
        let _ = writeln!(text, "        {rule}");
        above = comment;
    }
    text.push_str("    }\n");
}

/// A set of nft, in order and without doubles; none if it were empty, which nft has no word for.
pub fn set<T: Ord + ToString>(elements: impl Iterator<Item = T>) -> Option<String> {
    let mut elements: Vec<T> = elements.collect();
    elements.sort();
    elements.dedup();
    let elements: Vec<String> = elements.iter().map(T::to_string).collect();
    (!elements.is_empty()).then(|| format!("{{ {} }}", elements.join(", ")))
}
