//! The case tables of codeartifact.md, row by row, through the built program: D (6.3, what may come
//! in and be published) and R (6.4, in which repository it is looked for and what it is there).
//!
//! The tables are `rows/d.rs` and `rows/r.rs`, in the language of `rules/cases` with what happens
//! in the words of `rows/stage.rs`. Each row is run in a house of its own. What the rules alone
//! decide is in `rules/cases`; here are the answers on the wire, the bytes, and who was asked.

mod coordinate;
mod d;
mod r;
mod stage;
mod table;
mod upload;

use crate::rows::coordinate::Ecosystem;

/// Rows of a table, with a space between; the source and the name of the test that runs them.
type Elsewhere = (&'static str, &'static str, &'static str);

/// Runs every row of a table that has this ecosystem, and shows all that went wrong.
#[track_caller]
fn run(table: &'static str, ecosystem: Ecosystem) {
    let rows = table::parse(table);
    let rows = rows
        .iter()
        .filter(|row| row.ecosystems.contains(&ecosystem));
    let wrong: Vec<String> = rows
        .filter_map(|row| {
            let found = stage::play(row, ecosystem).err()?;
            let (id, document) = (row.id, row.document);
            Some(format!("{id} in {ecosystem:?}: {document}\n  {found}"))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} rows:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Every row of the document is in the table, or is run by a test of that name.
#[track_caller]
fn complete(table: &'static str, elsewhere: &[Elsewhere], letter: char, last: usize) {
    let rows = table::parse(table);
    for number in 1..=last {
        let id = format!("{letter}{number}");
        let mut others = elsewhere.iter();
        let other = others.find(|(rows, ..)| rows.split(' ').any(|row| row == id));
        let is_run = rows.iter().any(|row| row.id == id);
        assert!(is_run || other.is_some(), "{id} is run nowhere");
    }
    for (rows, source, test) in elsewhere {
        assert!(
            source.contains(&format!("fn {test}(")),
            "{rows}: no test {test}"
        );
    }
}

#[test]
fn every_row_of_the_document_is_run() {
    complete(d::ROWS, d::ELSEWHERE, 'D', 37);
    complete(r::ROWS, r::ELSEWHERE, 'R', 22);
}

#[test]
fn npm_is_decided_as_the_d_rows_say() {
    run(d::ROWS, Ecosystem::Npm);
}

#[test]
fn pypi_is_decided_as_the_d_rows_say() {
    run(d::ROWS, Ecosystem::Pypi);
}

#[test]
fn maven_is_decided_as_the_d_rows_say() {
    run(d::ROWS, Ecosystem::Maven);
}

#[test]
fn npm_is_found_as_the_r_rows_say() {
    run(r::ROWS, Ecosystem::Npm);
}

#[test]
fn pypi_is_found_as_the_r_rows_say() {
    run(r::ROWS, Ecosystem::Pypi);
}

#[test]
fn maven_is_found_as_the_r_rows_say() {
    run(r::ROWS, Ecosystem::Maven);
}
