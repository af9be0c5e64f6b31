//! The default index in `uv.toml`.

use toml::{Table, Value};

/// The lines that name the gateway; valid at the end of any file of uv's.
pub(super) fn index(simple: &str, upload: &str) -> String {
    let simple = Value::String(simple.to_owned());
    let upload = Value::String(upload.to_owned());
    format!(
        "[[index]]\nname = \"portcullis\"\nurl = {simple}\npublish-url = {upload}\n\
         default = true\n"
    )
}

/// The text with the index in it; the message says what is in the way and what to do.
pub(super) fn merge(text: &str, added: &str, url: &str) -> Result<String, String> {
    let table: Table = text
        .parse()
        .map_err(|_| "this is not TOML; correct it".to_owned())?;
    let listed = table
        .get("index")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let text_of = |index: &Value, key| index.get(key).and_then(Value::as_str).map(str::to_owned);
    let is_default = |index: &Value| index.get("default").and_then(Value::as_bool) == Some(true);
    if listed
        .iter()
        .any(|it| is_default(it) && text_of(it, "url").as_deref() == Some(url))
    {
        return Ok(text.to_owned());
    }
    if table.contains_key("index-url") || listed.iter().any(is_default) {
        return Err(format!(
            "another default index is set, which stays; to use the gateway, remove it and run \
             this again, or set it to {url}"
        ));
    }
    if listed
        .iter()
        .any(|it| text_of(it, "name").as_deref() == Some("portcullis"))
    {
        return Err("an index `portcullis` with another address is there; remove it".to_owned());
    }
    let gap = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let merged = format!("{text}{gap}{added}");
    // `index = […]` in one piece can't be continued by a table.
    match merged.parse::<Table>() {
        Ok(_) => Ok(merged),
        Err(_) => Err(format!(
            "`index` is written as one list; add to it by hand: {url}"
        )),
    }
}
