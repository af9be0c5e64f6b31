//! Ranked lists as others write them: a name on each line, CSV or TSV, JSON.
//!
//! The format is told by the content. Of JSON, an array counts, or the array `rows`, `packages`,
//! `names` or `projects` of an object (the shapes of hugovk's top-pypi-packages and of
//! guarddog); its elements are names or objects. Columns and fields are found by what they are
//! called: `name`, `project` or `package` (or the two halves of a Maven coordinate), `rank`,
//! `downloads`. Where a rank is told it gives the order, else the number of downloads does,
//! else the order is that of the rows. In text, empty lines and lines that begin with `#` are
//! no rows.

mod json;
mod table;

use super::list::{ListError, NAME_BYTES_MAX, ROWS_MAX};
use crate::{Ecosystem, PackageName};

/// A list with more illegal names than one in so many is not what it was taken for.
const ILLEGAL_SHARE: usize = 50;

/// What fields and columns with a name are called.
const NAME_WORDS: [&str; 4] = ["name", "project", "package", "package_name"];

/// The same for the group and the artifact of a Maven coordinate.
const GROUP_WORDS: [&str; 3] = ["group", "groupid", "group_id"];
const ARTIFACT_WORDS: [&str; 3] = ["artifact", "artifactid", "artifact_id"];

/// The same for the place in the list.
const RANK_WORDS: [&str; 2] = ["rank", "position"];

/// The same for how often the package is used.
const COUNT_WORDS: [&str; 4] = ["downloads", "download_count", "downloads_30d", "count"];

/// The names of a list, the most popular first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ranking {
    pub(super) names: Vec<String>,
    /// The day that the list tells of itself.
    pub(super) date: String,
    /// How many names the rules of the ecosystem forbid.
    pub(super) illegal: usize,
}

/// One row, as far as it counts.
#[derive(Debug, Default)]
struct Row {
    /// The line of a text, the element of an array; 1 is the first.
    number: usize,
    name: String,
    rank: Option<f64>,
    count: Option<f64>,
}

/// Reads a list.
pub(super) fn read(ecosystem: Ecosystem, bytes: &[u8]) -> Result<Ranking, ListError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let (unit, (rows, date)) = match first {
        Some(b'[' | b'{') => ("row", json::read(bytes)?),
        _ => ("line", (table::read(bytes)?, String::new())),
    };
    let (names, illegal) = legal_names(ecosystem, in_order(unit, rows)?, unit)?;
    if names.is_empty() {
        return Err(ListError::Empty);
    }
    Ok(Ranking {
        names,
        date,
        illegal,
    })
}

/// Rows by rank, else by count, else as they come; a number is told in every row or in none.
fn in_order(unit: &str, mut rows: Vec<Row>) -> Result<Vec<Row>, ListError> {
    let ranks: fn(&Row) -> Option<f64> = |row| row.rank;
    let counts: fn(&Row) -> Option<f64> = |row| row.count.map(|count| -count);
    for (key, word) in [(ranks, "rank"), (counts, "downloads")] {
        if !rows.iter().any(|row| key(row).is_some()) {
            continue;
        }
        if let Some(row) = rows.iter().find(|row| key(row).is_none()) {
            let message = format!("`{word}` is missing, which other rows have");
            return Err(at(unit, row.number, message));
        }
        rows.sort_by(|left, right| {
            let pair = key(left).zip(key(right));
            pair.map_or(std::cmp::Ordering::Equal, |(left, right)| {
                left.total_cmp(&right)
            })
        });
        break;
    }
    Ok(rows)
}

/// The names in the spelling of the house. A few may be illegal (registries hold older ones).
fn legal_names(
    ecosystem: Ecosystem,
    rows: Vec<Row>,
    unit: &str,
) -> Result<(Vec<String>, usize), ListError> {
    let total = rows.len();
    let mut names = Vec::with_capacity(total);
    let mut first_illegal = None;
    for row in rows {
        match PackageName::parse(ecosystem, &row.name) {
            Ok(name) if row.name.len() <= NAME_BYTES_MAX => names.push(name.to_string()),
            Ok(_) => {}
            Err(error) if first_illegal.is_none() => {
                first_illegal = Some(at(unit, row.number, error.to_string()));
            }
            Err(_) => {}
        }
    }
    let illegal = total - names.len();
    match first_illegal {
        Some(error) if illegal * ILLEGAL_SHARE > total => Err(error),
        _ => Ok((names, illegal)),
    }
}

impl Row {
    /// Joins the halves of a Maven coordinate.
    fn coordinate(group: &str, artifact: &str) -> String {
        format!("{group}:{artifact}")
    }
}

fn at(unit: &str, number: usize, message: String) -> ListError {
    let place = format!("{unit} {number}");
    ListError::Place { place, message }
}

/// One row more; `Err` when there are too many.
fn add(rows: &mut Vec<Row>, row: Row) -> Result<(), ListError> {
    if rows.len() == ROWS_MAX {
        return Err(ListError::TooManyRows);
    }
    rows.push(row);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Ecosystem::{Maven, Npm, Pypi};

    /// The list, and its names in order or the error.
    const LISTS: &[(Ecosystem, &str, &str)] = &[
        (
            Npm,
            "semver\n@babel/core\n\n# more\r\nms\r\n",
            "semver @babel/core ms",
        ),
        (Npm, "\u{feff}semver", "semver"),
        (Pypi, "Typing_Extensions\nsix\n", "typing-extensions six"),
        (Npm, "rank,name\n2,b\n1,a\n", "a b"),
        (Npm, "name,downloads\nb,5\na,70\n", "a b"),
        (Npm, "downloads,name,rank\n9,b,2\n1,a,1\n", "a b"),
        (
            Pypi,
            "\"download_count\",\"project\"\n\"7\",\"six\"\n\"9\",\"boto3\"\n",
            "boto3 six",
        ),
        (Npm, "1,b\n2,a\n", "b a"),
        (Npm, "b\t5\na\t70\n", "b a"),
        (Npm, "name\nb\na\n", "b a"),
        (Npm, "Name;Rank\nb;2\na;1\n", "a b"),
        (Maven, "junit:junit\norg.a:b\n", "junit:junit org.a:b"),
        (Maven, "groupId,artifactId\norg.a,b\n", "org.a:b"),
        (Npm, "[\"b\", \"@s/a\"]", "b @s/a"),
        (
            Npm,
            "[{\"name\":\"b\",\"rank\":2},{\"rank\":1,\"name\":\"a\"}]",
            "a b",
        ),
        (
            Npm,
            "[{\"name\":\"b\",\"x\":{\"y\":[]}},{\"name\":\"a\"}]",
            "b a",
        ),
        (
            Maven,
            "[{\"groupId\":\"org.a\",\"artifactId\":\"b\"}]",
            "org.a:b",
        ),
        (
            Pypi,
            "{\"last_update\":\"2026-04-01 09:31:18\",\"query\":{\"bytes\":1},\"rows\":[\
             {\"download_count\":5,\"project\":\"six\"},{\"download_count\":9,\"project\":\"Boto3\"}]}",
            "boto3 six 2026-04-01",
        ),
        (
            Pypi,
            "{\"downloaded_timestamp\": 1, \"packages\": [\"six\"]}",
            "six",
        ),
        // What is wrong is told with its place.
        (Npm, "", "the list holds no name"),
        (Npm, "# nothing\n", "the list holds no name"),
        (Npm, "[]", "the list holds no name"),
        (Npm, "<!DOCTYPE html>\n<p>", "line 1: "),
        (
            Npm,
            "rank,name\n1,a\n\n2\n",
            "line 4: column 2 (`name`) is missing",
        ),
        (
            Npm,
            "rank,name\n1,a\nx,b\n",
            "line 3: column 1 (`rank`) is no number: \"x\"",
        ),
        (Npm, "a,b\nc,d\n", "line 1: no column is called"),
        (Npm, "a\n\"b\n", "line 2: a quotation mark is not closed"),
        (Npm, "{\"total\": 3}", "no field `rows`"),
        (Npm, "{\"rows\": 3}", "line 1, column"),
        (Npm, "[{\"rank\": 3}]", "row 1 has no field `name`"),
        (Npm, "[\"a\",\n{\"name\": 3}]", "row 2: field `name`"),
        (Npm, "[{\"name\":\"a\",\"rank\":\"first\"}]", "field `rank`"),
        (
            Npm,
            "[{\"name\":\"a\",\"rank\":1},\"b\"]",
            "row 2: `rank` is missing",
        ),
        (Npm, "[\"a\"", "line 1, column"),
        (Npm, "[\"a\"] x", "line 1, column"),
        (Maven, "boto3\n", "line 1: \"boto3\" is not group:artifact"),
    ];

    #[test]
    fn lists_of_many_formats_are_read() {
        for (ecosystem, text, expected) in LISTS {
            let told = match read(*ecosystem, text.as_bytes()) {
                Ok(ranking) => format!("{} {}", ranking.names.join(" "), ranking.date),
                Err(error) => error.to_string(),
            };
            let told = told.trim_end();
            let is_error = expected.contains("the list") || expected.contains(['`', ':', ',']);
            let is_name = *ecosystem == Maven && !expected.contains("line");
            if is_error && !is_name {
                assert!(told.contains(expected), "{text:?} gives {told:?}");
            } else {
                assert_eq!(told, *expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_few_illegal_names_are_left_out() {
        let mut text: String = (0..100).map(|number| format!("name{number}\n")).collect();
        text.push_str("_old\n");
        let ranking = read(Npm, text.as_bytes()).unwrap();
        assert_eq!((ranking.names.len(), ranking.illegal), (100, 1));
        text.push_str("_older\n_oldest\n");
        let error = read(Npm, text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("line 101: "), "{error}");
    }

    #[test]
    fn foreign_bytes_do_no_harm() {
        let deep = format!("[{{\"name\":{}", "[".repeat(100_000));
        let many = "a\n".repeat(ROWS_MAX + 1);
        for bytes in [b"\xff\xfe".as_slice(), deep.as_bytes(), many.as_bytes()] {
            assert!(read(Npm, bytes).is_err());
        }
        let whole = LISTS[17].1.as_bytes();
        for end in 0..whole.len() {
            assert!(read(Pypi, &whole[..end]).is_err(), "{end}");
        }
    }
}
