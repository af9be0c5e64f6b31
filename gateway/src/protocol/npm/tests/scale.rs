use super::*;

/// Not a bench: prints how long a large document takes, next to one pass of serde_json.
#[test]
#[ignore = "prints timings; run with --release --ignored --nocapture"]
fn large_documents() {
    let mut text = r#"{"name":"n","dist-tags":{"latest":"0.0.9999"},"versions":{"#.to_owned();
    for version in 0..10_000 {
        if version > 0 {
            text.push(',');
        }
        let filler = r#""a-package":"^1.2.3","#.repeat(170);
        let object = serde_json::json!({"name":"n", "version":format!("0.0.{version}"),
            "dist":{"tarball":format!("http://upstream.test/n/-/n-0.0.{version}.tgz")}});
        let object = object.to_string();
        text.push_str(&format!(r#""0.0.{version}":{{"dependencies":{{"#));
        text.push_str(&filler);
        text.push_str(r#""z":"1"},"#);
        text.push_str(&object[1..]);
    }
    text.push_str("}}");
    let clock = std::time::Instant::now;
    let start = clock();
    let _: serde::de::IgnoredAny = serde_json::from_str(&text).unwrap();
    println!("{} MB: one pass {:?}", text.len() >> 20, start.elapsed());
    let start = clock();
    let index = read("n", &text).unwrap();
    println!("read {:?}", start.elapsed());
    for (full, held) in [(true, &[][..]), (false, &[]), (true, &["0.0.9999"])] {
        let shown = withhold(&index, held);
        let parts = [Part {
            index: &index,
            shown: &shown,
        }];
        let start = clock();
        let document = DocumentKind::Packument { full };
        let rendered = Npm.render(&target("n", document), &parts, BASE).unwrap();
        println!(
            "render full={full}: {} bytes {:?}",
            rendered.bytes.len(),
            start.elapsed()
        );
    }
}
