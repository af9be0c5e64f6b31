//! JSON: an array of names or of objects, by itself or in a field of an object.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{ARTIFACT_WORDS, COUNT_WORDS, GROUP_WORDS, NAME_WORDS, RANK_WORDS, Row, add};
use crate::lookalike::list::ListError;

/// What the field with the rows is called.
const ROWS_WORDS: [&str; 4] = ["rows", "packages", "names", "projects"];

/// What the field with the day is called.
const DATE_WORDS: [&str; 4] = ["last_update", "date", "dated", "updated"];

/// The rows and the day of a list, which is empty if none is told.
pub(super) fn read(bytes: &[u8]) -> Result<(Vec<Row>, String), ListError> {
    let document: Document = serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        // The place is told once.
        let message = error.to_string();
        let end = message.rfind(" at line ").unwrap_or(message.len());
        let message = message[..end].to_owned();
        ListError::Place { place, message }
    })?;
    Ok((document.rows.0, document.date))
}

#[derive(Default)]
struct Document {
    rows: Rows,
    date: String,
}

#[derive(Default)]
struct Rows(Vec<Row>);

struct Element(Row);

/// A number, or text that is one.
struct Number(f64);

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of names, or an object with the field `rows`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, elements: A) -> Result<Document, A::Error> {
        let rows = RowsVisitor.visit_seq(elements)?;
        let date = String::new();
        Ok(Document { rows, date })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Document, A::Error> {
        let mut document = Document::default();
        let mut has_rows = false;
        while let Some(key) = fields.next_key::<String>()? {
            if ROWS_WORDS.contains(&key.as_str()) && !has_rows {
                document.rows = fields.next_value()?;
                has_rows = true;
            } else if DATE_WORDS.contains(&key.as_str()) {
                let value: Value = fields.next_value()?;
                document.date = value.as_str().map(day).unwrap_or_default();
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        match has_rows {
            true => Ok(document),
            false => Err(A::Error::custom(
                "no field `rows`, `packages`, `names` or `projects`",
            )),
        }
    }
}

/// The day of a moment: what comes before the time.
fn day(text: &str) -> String {
    let mut parts = text.split([' ', 'T']);
    parts.next().unwrap_or_default().to_owned()
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of names or of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Rows, A::Error> {
        let mut rows = Vec::new();
        loop {
            let number = rows.len() + 1;
            let told = |error| A::Error::custom(format!("row {number}: {error}"));
            match elements.next_element::<Element>().map_err(told)? {
                None => return Ok(Rows(rows)),
                Some(Element(row)) if row.name.is_empty() => {
                    let message = format!("row {number} has no field `name` or `project`");
                    return Err(A::Error::custom(message));
                }
                Some(Element(row)) => {
                    add(&mut rows, Row { number, ..row }).map_err(A::Error::custom)?;
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name, or an object with a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Element, E> {
        let name = name.trim().to_owned();
        Ok(Element(Row {
            name,
            ..Row::default()
        }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Element, A::Error> {
        let mut row = Row::default();
        let (mut group, mut artifact) = (None, None);
        while let Some(key) = fields.next_key::<String>()? {
            let told = |error| A::Error::custom(format!("field `{key}`: {error}"));
            let word = key.to_ascii_lowercase();
            let is_one_of = |words: &[&str]| words.contains(&word.as_str());
            if is_one_of(&NAME_WORDS) {
                row.name = fields.next_value().map_err(told)?;
            } else if is_one_of(&GROUP_WORDS) {
                group = Some(fields.next_value::<String>().map_err(told)?);
            } else if is_one_of(&ARTIFACT_WORDS) {
                artifact = Some(fields.next_value::<String>().map_err(told)?);
            } else if is_one_of(&RANK_WORDS) {
                row.rank = Some(fields.next_value::<Number>().map_err(told)?.0);
            } else if is_one_of(&COUNT_WORDS) {
                row.count = Some(fields.next_value::<Number>().map_err(told)?.0);
            } else {
                fields.next_value::<IgnoredAny>()?;
            }
        }
        if let (true, Some(group), Some(artifact)) = (row.name.is_empty(), group, artifact) {
            row.name = Row::coordinate(&group, &artifact);
        }
        Ok(Element(row))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let number = match &value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_f64(),
        };
        let number = number.filter(|number: &f64| number.is_finite());
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("{value} is no number")))
    }
}
