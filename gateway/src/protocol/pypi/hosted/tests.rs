//! What clients really send, what nobody should, and what becomes of it.

mod archives;
mod forms;
mod pages;

use rules::PackageName;

use super::{ContentHasher, Event, Fields, FormLimits, Refused, Upload, UploadReader};

/// Bodies of real clients, recorded from the wheel and the source distribution of one package.
const RECORDED: [(&str, &[u8], &str); 5] = [
    (
        "twine wheel",
        include_bytes!("fixtures/twine-wheel.body"),
        WHEEL,
    ),
    (
        "twine signed",
        include_bytes!("fixtures/twine-signed.body"),
        WHEEL,
    ),
    ("uv wheel", include_bytes!("fixtures/uv-wheel.body"), WHEEL),
    ("uv sdist", include_bytes!("fixtures/uv-sdist.body"), SDIST),
    (
        "poetry sdist",
        include_bytes!("fixtures/poetry-sdist.body"),
        SDIST,
    ),
];

const WHEEL: &str = "demo_pkg-1.0.0+local.1-py3-none-any.whl";
const SDIST: &str = "demo_pkg-1.0.0+local.1.tar.gz";

/// A form that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Form {
    fields: Fields,
    file: String,
    content: Vec<u8>,
}

fn read_form(
    content_type: &str,
    body: &[u8],
    chunk_bytes: usize,
    limits: FormLimits,
) -> Result<Form, Refused> {
    let mut reader = UploadReader::new(content_type, limits)?;
    let (mut file, mut content, mut ends) = (String::new(), Vec::new(), 0);
    for chunk in body.chunks(chunk_bytes) {
        reader.push(chunk);
        while let Some(event) = reader.event()? {
            match event {
                Event::Begin(name) => file = name,
                Event::Bytes(bytes) => {
                    assert!(!bytes.is_empty() && ends == 0);
                    content.extend_from_slice(&bytes);
                }
                Event::End => ends += 1,
            }
        }
    }
    let fields = reader.finish()?;
    assert_eq!(ends, 1);
    Ok(Form {
        fields,
        file,
        content,
    })
}

/// As the client named it in the header, which says what the body begins with.
fn content_type(body: &[u8]) -> String {
    let line = body.split(|byte| *byte == b'\r').next().unwrap();
    let boundary = std::str::from_utf8(&line[2..]).unwrap();
    format!("multipart/form-data; boundary={boundary}")
}

fn recorded(body: &[u8]) -> Form {
    read_form(&content_type(body), body, 1 << 16, FormLimits::default()).unwrap()
}

fn checked(form: &Form) -> Result<Upload, Refused> {
    let mut content = ContentHasher::default();
    content.update(&form.content);
    Upload::check(&form.fields, &form.file, &content.finish())
}

fn name(text: &str) -> PackageName {
    PackageName::pypi(text).unwrap()
}
