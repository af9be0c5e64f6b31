//! Text: one name on each line, or columns between commas, tabs or semicolons (RFC 4180, but a
//! field ends with its line).

use super::{ARTIFACT_WORDS, COUNT_WORDS, GROUP_WORDS, NAME_WORDS, RANK_WORDS, Row, add, at};
use crate::lookalike::list::ListError;

const SEPARATORS: [char; 3] = [',', '\t', ';'];

/// Which column holds what.
struct Columns {
    name: NameColumn,
    rank: Option<usize>,
    count: Option<usize>,
}

#[derive(Clone, Copy)]
enum NameColumn {
    Whole(usize),
    /// The group and the artifact.
    Halves(usize, usize),
}

/// A line that is split at its separators.
struct Fields<'a> {
    number: usize,
    fields: Vec<std::borrow::Cow<'a, str>>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Row>, ListError> {
    let text =
        std::str::from_utf8(bytes).map_err(|error| ListError::Damaged(error.valid_up_to()))?;
    let lines = text
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.trim(), number));
    let mut lines = lines.filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    let Some((first, number)) = lines.next() else {
        return Ok(Vec::new());
    };
    let separator = SEPARATORS
        .into_iter()
        .find(|separator| first.contains(*separator));
    let head = Fields::split(first, number, separator)?;
    let mut rows = Vec::new();
    let columns = match Columns::called(&head) {
        Some(columns) => columns,
        None => {
            let columns = Columns::guessed(separator, &head)?;
            rows.push(columns.row(&head)?);
            columns
        }
    };
    for (line, number) in lines {
        let fields = Fields::split(line, number, separator)?;
        add(&mut rows, columns.row(&fields)?)?;
    }
    Ok(rows)
}

impl Columns {
    /// The columns, if the first line says what they are called.
    fn called(head: &Fields<'_>) -> Option<Self> {
        let find = |words: &[&str]| {
            let is_called = |field: &str| words.contains(&field.to_ascii_lowercase().as_str());
            head.fields.iter().position(|field| is_called(field))
        };
        let halves = || {
            Some(NameColumn::Halves(
                find(&GROUP_WORDS)?,
                find(&ARTIFACT_WORDS)?,
            ))
        };
        let name = find(&NAME_WORDS).map(NameColumn::Whole).or_else(halves)?;
        Some(Self {
            name,
            rank: find(&RANK_WORDS),
            count: find(&COUNT_WORDS),
        })
    }

    /// The columns of a list without a head: the first that is no number holds the names. What the
    /// numbers mean nobody says, so the order of the lines counts.
    fn guessed(separator: Option<char>, first: &Fields<'_>) -> Result<Self, ListError> {
        let is_number = |field: &str| field.parse::<f64>().is_ok();
        let mut fields = first.fields.iter();
        let name = fields
            .position(|field| !is_number(field))
            .unwrap_or_default();
        let has_numbers = first.fields.iter().any(|field| is_number(field));
        if separator.is_some() && !has_numbers {
            let message = "no column is called `name`, `project` or `package`".to_owned();
            return Err(at("line", first.number, message));
        }
        Ok(Self {
            name: NameColumn::Whole(name),
            rank: None,
            count: None,
        })
    }

    fn row(&self, fields: &Fields<'_>) -> Result<Row, ListError> {
        let number = |column: Option<usize>, word: &str| {
            column
                .map(|column| fields.number_at(column, word))
                .transpose()
        };
        Ok(Row {
            number: fields.number,
            name: match self.name {
                NameColumn::Whole(name) => fields.text_at(name, "name")?.to_owned(),
                NameColumn::Halves(group, artifact) => Row::coordinate(
                    fields.text_at(group, "group")?,
                    fields.text_at(artifact, "artifact")?,
                ),
            },
            rank: number(self.rank, "rank")?,
            count: number(self.count, "downloads")?,
        })
    }
}

impl<'a> Fields<'a> {
    fn split(line: &'a str, number: usize, separator: Option<char>) -> Result<Self, ListError> {
        let fields = match separator {
            _ if line.contains('"') => unquoted(line, separator)
                .ok_or_else(|| at("line", number, "a quotation mark is not closed".to_owned()))?,
            Some(separator) => line
                .split(separator)
                .map(|field| field.trim().into())
                .collect(),
            None => vec![line.into()],
        };
        Ok(Self { number, fields })
    }

    fn text_at(&self, column: usize, word: &str) -> Result<&str, ListError> {
        let field = self.fields.get(column).filter(|field| !field.is_empty());
        let missing = || format!("column {} (`{word}`) is missing", column + 1);
        match field {
            Some(field) => Ok(field),
            None => Err(at("line", self.number, missing())),
        }
    }

    fn number_at(&self, column: usize, word: &str) -> Result<f64, ListError> {
        let text = self.text_at(column, word)?;
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| {
            let message = format!("column {} (`{word}`) is no number: {text:?}", column + 1);
            at("line", self.number, message)
        })
    }
}

/// Fields of which some stand between quotation marks, doubled inside; `None` if one is not closed.
fn unquoted(line: &str, separator: Option<char>) -> Option<Vec<std::borrow::Cow<'_, str>>> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' => is_quoted = !is_quoted,
            _ if Some(character) == separator && !is_quoted => {
                fields.push(std::mem::take(&mut field).trim().to_owned().into());
            }
            _ => field.push(character),
        }
    }
    fields.push(field.trim().to_owned().into());
    (!is_quoted).then_some(fields)
}
