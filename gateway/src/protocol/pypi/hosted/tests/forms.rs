use super::super::{Filetype, FormLimits, Upload};
use super::{Fields, Refused};
use super::{RECORDED, SDIST, WHEEL, checked, content_type, name, read_form, recorded};

const TYPE: &str = "multipart/form-data; boundary=B";

/// A part of the form.
fn part(head: &str, value: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
}

fn content(value: &str) -> String {
    part("name=\"content\"; filename=\"f\"", value)
}

fn read(body: &str) -> Result<(Fields, Vec<u8>), Refused> {
    let limits = FormLimits {
        content_bytes_max: 100,
        field_bytes_max: 50,
        fields_bytes_max: 80,
        fields_max: 5,
    };
    let read = |chunk: usize| read_form(TYPE, body.as_bytes(), chunk, limits);
    let whole = read(body.len().max(1));
    for chunk in 1..=9 {
        let pieces = read(chunk);
        // What is wrong first may differ where two things are; whether, may not.
        assert_eq!(pieces.is_ok(), whole.is_ok(), "{chunk}: {body:?}");
        if whole.is_ok() {
            assert_eq!(pieces, whole);
        }
    }
    whole.map(|form| (form.fields, form.content))
}

#[test]
fn recorded_uploads_are_read_in_chunks_of_any_size() {
    for (client, body, file) in RECORDED {
        let whole = recorded(body);
        assert_eq!(whole.file, file, "{client}");
        for chunk in [1, 2, 3, 7, 64, 1000] {
            let form = read_form(&content_type(body), body, chunk, FormLimits::default());
            assert_eq!(form.unwrap(), whole, "{client}");
        }
        let upload = checked(&whole).unwrap();
        assert_eq!(upload.package, name("demo-pkg"));
        assert_eq!(upload.version, "1.0.0+local.1");
        assert_eq!(upload.requires_python.as_deref(), Some(">=3.8"));
        assert_eq!(upload.filetype == Filetype::Wheel, file == WHEEL);
        assert_eq!(upload.signature.is_some(), client == "twine signed");
        let classifiers: Vec<&str> = whole.fields.all("classifiers").collect();
        assert_eq!(classifiers.len(), 2, "{client}");
    }
}

#[test]
fn a_body_that_is_cut_off_is_refused() {
    for (client, body, _) in RECORDED {
        let content_type = content_type(body);
        for length in 0..body.len() - 2 {
            let form = read_form(&content_type, &body[..length], 512, FormLimits::default());
            let refused = form.unwrap_err();
            assert_eq!(refused.status(), 400, "{client} {length}");
        }
    }
}

#[test]
fn no_body_makes_it_panic() {
    let mut seed = 1_u64;
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize
    };
    for (_, body, _) in RECORDED {
        for _ in 0..300 {
            let mut broken = body.to_vec();
            for _ in 0..1 + random() % 4 {
                let place = random() % broken.len();
                broken[place] = b"\r\n-\0\";:= \xff"[random() % 10];
            }
            let chunk = 1 + random() % 200;
            let form = read_form(&content_type(body), &broken, chunk, FormLimits::default());
            if let Ok(form) = form {
                let _ = checked(&form);
            }
        }
    }
}

#[test]
fn forms_are_read_as_the_rfcs_say() {
    let near = "\r\n--A\r\n-\r\n--\r\r\n\r\n-- B\n--B\r--B\r\n";
    let table = [
        (content("x") + "--B--\r\n", "x"),
        (content("x") + "--B--", "x"),
        (content("") + "--B--", ""),
        (content(near) + "--B--", near),
        (
            "preamble\r\nof lines\r\n".to_string() + &content("x") + "--B--\r\nepilogue --B",
            "x",
        ),
        (
            content("x").replace("--B\r\n", "--B \t \r\n") + "--B--",
            "x",
        ),
        (
            part("name=a", "1") + &content("x") + &part("name=a", "") + "--B--",
            "x",
        ),
        (
            content("x").replace("\r\n\r\n", "\r\nX-Other: y\r\n\r\n") + "--B--",
            "x",
        ),
        (
            content("x").replace("\r\n\r\n", "\r\ncontent-transfer-encoding: Binary\r\n\r\n")
                + "--B--",
            "x",
        ),
        (content(&"x".repeat(100)) + "--B--", &"x".repeat(100)),
    ];
    for (body, expected) in &table {
        let (_, content) = read(body).unwrap();
        assert_eq!(
            std::str::from_utf8(&content).unwrap(),
            *expected,
            "{body:?}"
        );
    }
    let (fields, _) = read(&table[6].0).unwrap();
    assert_eq!(fields.all("a").collect::<Vec<_>>(), ["1", ""]);
    assert!(fields.one("a").unwrap_err().sentence().contains("'a'"));
    assert_eq!(fields.one("b"), Ok(None));
}

#[test]
fn other_forms_are_refused_by_name() {
    let end = "--B--\r\n";
    let header =
        |line: &str| content("x").replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n")) + end;
    let table: Vec<(String, u16, &str)> = vec![
        (String::new(), 400, "before its first boundary"),
        ("x".repeat(5000), 400, "outside"),
        (end.to_string(), 400, "no field 'content'"),
        (content("x"), 400, "in field 'content'"),
        (content("x") + "--B-", 400, "before its last boundary"),
        (
            content("xxxx").trim_end().to_string(),
            400,
            "in field 'content'",
        ),
        (
            part("name=a", "1111").trim_end().to_string(),
            400,
            "in field 'a'",
        ),
        (
            content("x") + &content("y") + end,
            400,
            "'content' is given twice",
        ),
        (part("name=content", "x") + end, 400, "no filename"),
        (
            content("x").replace("--B", "--Bx") + end,
            400,
            "behind a boundary",
        ),
        (content("x") + "--Bx\r\n" + end, 400, "behind a boundary"),
        (content("x") + "--B- \r\n" + end, 400, "behind a boundary"),
        (
            content(&"x".repeat(101)) + end,
            413,
            "'content' goes over the limit of 100",
        ),
        (
            part("name=a", &"x".repeat(51)) + end,
            413,
            "'a' goes over the limit of 50",
        ),
        (
            part("name=a", &"x".repeat(45)) + &part("name=b", &"x".repeat(45)) + end,
            413,
            "'b'",
        ),
        (part("name=a", "").repeat(6) + end, 413, "limit of 5 fields"),
        (content("x") + end + &"\r\n".repeat(3000), 400, "outside"),
        (
            header("Content-Disposition: form-data; name=a"),
            400,
            "two Content-Disposition",
        ),
        (
            header("Content-Transfer-Encoding: base64"),
            415,
            "Content-Transfer-Encoding",
        ),
        (header(" folded"), 400, "illegal header"),
        (header("no colon"), 400, "illegal header"),
        (
            header("X: a\rContent-Disposition: b"),
            400,
            "illegal header",
        ),
        (
            header("X: a\nContent-Disposition: b"),
            400,
            "illegal header",
        ),
        (header("X: \0"), 400, "illegal header"),
        (
            header("X: y\r\n".repeat(10).trim_end()),
            400,
            "too many headers",
        ),
        (
            header(&format!("X: {}", "y".repeat(3000))),
            400,
            "a part of the form has",
        ),
        (
            "--B\r\n\r\nx\r\n".to_string() + end,
            400,
            "no legal Content-Disposition",
        ),
        (
            "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n".to_string() + end,
            400,
            "empty line",
        ),
    ];
    for (body, status, why) in table {
        let refused = read(&body).unwrap_err();
        let sentence = refused.sentence();
        assert!(sentence.contains(why), "{body:?}: {sentence}");
        assert_eq!(refused.status(), status, "{body:?}: {sentence}");
    }
    let latin = [
        part("name=a", "?").as_bytes(),
        content("x").as_bytes(),
        end.as_bytes(),
    ]
    .concat();
    let latin: Vec<u8> = latin
        .iter()
        .map(|byte| if *byte == b'?' { 0xe9 } else { *byte })
        .collect();
    let refused = read_form(TYPE, &latin, 9, FormLimits::default()).unwrap_err();
    assert_eq!(refused.sentence(), "field 'a' is not UTF-8 text");
}

/// Fields that agree with each other, but for what is changed in them.
fn fields(changed: &[(&str, &str)]) -> Fields {
    let mut pairs = vec![
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("name", "Demo.Pkg"),
        ("version", "1.0.0+local.1"),
        ("filetype", "bdist_wheel"),
    ];
    for change in changed {
        match pairs.iter_mut().find(|(name, _)| *name == change.0) {
            Some(pair) => pair.1 = change.1,
            None => pairs.push(*change),
        }
    }
    Fields::of(&pairs)
}

/// Changed fields, the file's name, the status, and a part of the sentence.
type Disagreement<'a> = (&'a [(&'a str, &'a str)], &'a str, u16, &'a str);

#[test]
fn fields_and_file_must_agree() {
    let python = [
        ("requires_python", ">=3.8, <4"),
        ("attestations", "[{\"a\":1}]"),
    ];
    let upload = Upload::read(&fields(&python), WHEEL).unwrap();
    assert_eq!(upload.attestations.as_deref(), Some("[{\"a\":1}]"));
    for (changed, file) in [
        (&[("version", "1.0+LOCAL-1")][..], WHEEL),
        (&[("name", "demo__pkg")], WHEEL),
        (&[("filetype", "sdist")], SDIST),
        (&[("filetype", "sdist")], "Demo.Pkg-1+local.1.zip"),
        (&[("protocol_version", "")], WHEEL),
    ] {
        Upload::read(&fields(changed), file).unwrap();
    }
    let table: &[Disagreement] = &[
        (&[(":action", "submit")], WHEEL, 400, "'submit'"),
        (&[(":action", "")], WHEEL, 400, "':action' is missing"),
        (&[("protocol_version", "2")], WHEEL, 400, "protocol_version"),
        (&[("name", "")], WHEEL, 400, "'name' is missing"),
        (&[("name", "-demo-")], WHEEL, 400, "field 'name'"),
        (&[("name", "demo")], WHEEL, 422, "project 'demo'"),
        (&[("version", "1.0")], WHEEL, 422, "version '1.0'"),
        (&[("version", "one")], WHEEL, 400, "PEP 440"),
        (&[("version", "1.0 ")], WHEEL, 400, "PEP 440"),
        (
            &[("filetype", "bdist_egg")],
            "demo_pkg-1.0.0.egg",
            415,
            "'bdist_egg'",
        ),
        (&[("filetype", "sdist")], WHEEL, 415, "of type sdist do"),
        (
            &[("filetype", "sdist")],
            "demo_pkg-1.0.0+local.1.tar.bz2",
            415,
            ".tar.gz",
        ),
        (&[], SDIST, 415, "of type bdist_wheel do"),
        (
            &[],
            "demo_pkg-1.0.0+local.1-py3-none-any.WHL",
            415,
            "does not end",
        ),
        (
            &[],
            "../demo_pkg-1.0.0+local.1-py3-none-any.whl",
            400,
            "no name of a distribution",
        ),
        (
            &[],
            "demo_pkg-1.0.0+local.1-py3-none-a ny.whl",
            400,
            "no name of a distribution",
        ),
        (
            &[],
            "demo_pkg-1.0.0+local.1-py3-none-a%2fny.whl",
            400,
            "no name of a distribution",
        ),
        (
            &[],
            "demo_pkg-1.0.0+local.1-py3-none.whl",
            422,
            "no name of a file of project",
        ),
        (
            &[("requires_python", ">=3.*")],
            WHEEL,
            422,
            "version specifier",
        ),
        (
            &[("requires_python", "<script>")],
            WHEEL,
            422,
            "version specifier",
        ),
        (&[("gpg_signature", "x")], WHEEL, 422, "gpg_signature"),
        (&[("attestations", "{}")], WHEEL, 422, "attestations"),
        (&[("attestations", "[")], WHEEL, 422, "attestations"),
    ];
    for (changed, file, status, why) in table {
        let refused = Upload::read(&fields(changed), file).unwrap_err();
        let sentence = refused.sentence();
        assert!(sentence.contains(why), "{changed:?} {file}: {sentence}");
        assert_eq!(refused.status(), *status, "{changed:?} {file}: {sentence}");
    }
    let twice = Fields::of(&[(":action", "file_upload"), ("name", "a"), ("name", "b")]);
    let refused = Upload::read(&twice, WHEEL).unwrap_err();
    assert_eq!(refused.sentence(), "field 'name' is given twice");
}

#[test]
fn stated_digests_must_be_right() {
    for (client, body, _) in RECORDED {
        let mut form = recorded(body);
        form.content[0] ^= 1;
        let refused = checked(&form).unwrap_err();
        assert_eq!(refused.status(), 400, "{client}");
        assert!(
            refused.sentence().contains("_digest' is not the digest"),
            "{refused}"
        );
        for digest in ["sha256_digest", "blake2_256_digest", "md5_digest"] {
            let mut form = recorded(body);
            let wrong = [(digest, "00")];
            form.fields = fields(&wrong);
            form.file = WHEEL.to_string();
            let refused = checked(&form).unwrap_err();
            assert!(refused.sentence().contains(digest), "{refused}");
        }
    }
    let mut form = recorded(RECORDED[0].1);
    form.fields = fields(&[]);
    assert!(checked(&form).unwrap_err().sentence().contains("no digest"));
}
