//! Where PyPI's index is written: pip's and uv's variables, `pip.conf`, `uv.toml`, pip's default.

use std::path::PathBuf;

use super::ask::ask;
use super::{Candidate, Place, Surroundings, from_files, from_variables};

pub(super) fn places() -> &'static [Place] {
    &[variables, pip_files, uv_files, built_in]
}

fn variables(surroundings: &Surroundings) -> Vec<Candidate> {
    from_variables(
        surroundings,
        &["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"],
    )
}

/// pip reads all of its files, the later over the earlier; here the strongest comes first.
fn pip_files(surroundings: &Surroundings) -> Vec<Candidate> {
    let named = surroundings.variable("PIP_CONFIG_FILE");
    if named.is_some_and(|named| named == "/dev/null" || named == "os.devnull") {
        return Vec::new();
    }
    let (home, root) = (&surroundings.home, &surroundings.root);
    let mut files: Vec<PathBuf> = named.map(PathBuf::from).into_iter().collect();
    let environment = surroundings.variable("VIRTUAL_ENV");
    files.extend(environment.map(|folder| PathBuf::from(folder).join("pip.conf")));
    files.push(surroundings.config_home().join("pip/pip.conf"));
    files.push(home.join("Library/Application Support/pip/pip.conf"));
    files.push(home.join(".pip/pip.conf"));
    files.push(root.join("etc/pip.conf"));
    files.push(root.join("etc/xdg/pip/pip.conf"));
    files.push(root.join("Library/Application Support/pip/pip.conf"));
    from_files(files, index_of_pip)
}

fn uv_files(surroundings: &Surroundings) -> Vec<Candidate> {
    let mut files: Vec<PathBuf> = surroundings
        .variable("UV_CONFIG_FILE")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    files.push(surroundings.config_home().join("uv/uv.toml"));
    files.push(surroundings.root.join("etc/xdg/uv/uv.toml"));
    files.push(surroundings.root.join("etc/uv/uv.toml"));
    from_files(files, index_of_uv)
}

/// pip has its index in a module; what its files and variables say does not reach it.
fn built_in(surroundings: &Surroundings) -> Vec<Candidate> {
    let program = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
    let answer = ["python3", "python"]
        .into_iter()
        .find_map(|python| ask(surroundings, python, &["-c", program], |_| false));
    let source = "pip's built-in default (pip._internal.models.index)".to_owned();
    let written = answer
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty());
    written
        .map(|written| Candidate { written, source })
        .into_iter()
        .collect()
}

/// `index-url` of `[install]`, else of `[global]`, in the dialect of Python's configparser.
fn index_of_pip(text: &str) -> Option<String> {
    let mut section = "";
    let (mut install, mut global) = (None, None);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            section = name;
            continue;
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            continue;
        };
        let key = key.trim().to_ascii_lowercase().replace('_', "-");
        let value = value.trim();
        if key == "index-url" && !value.is_empty() {
            match section {
                "install" => install = Some(value.to_owned()),
                "global" => global = Some(value.to_owned()),
                _ => {}
            }
        }
    }
    install.or(global)
}

/// The default `[[index]]`, else `index-url`, else pip's part of the file.
fn index_of_uv(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    let address = |value: &toml::Value| value.as_str().map(str::to_owned);
    let is_default = |index: &&toml::Value| {
        index
            .get("default")
            .and_then(toml::Value::as_bool)
            .unwrap_or(false)
    };
    let listed = table
        .get("index")
        .and_then(toml::Value::as_array)
        .and_then(|all| all.iter().find(is_default))
        .and_then(|index| index.get("url"))
        .and_then(address);
    let plain = || table.get("index-url").and_then(address);
    let of_pip = || {
        table
            .get("pip")
            .and_then(|pip| pip.get("index-url"))
            .and_then(address)
    };
    listed.or_else(plain).or_else(of_pip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn index_of_pip_conf() {
        for (text, index) in [
            (
                "[global]\nindex-url = http://upstream.test/simple",
                Some("http://upstream.test/simple"),
            ),
            (
                "[global]\nindex_url: http://upstream.test/simple",
                Some("http://upstream.test/simple"),
            ),
            (
                "[install]\nindex-url=http://b.test/\n[global]\nindex-url=http://a.test/",
                Some("http://b.test/"),
            ),
            (
                "[global]\nextra-index-url = http://upstream.test/simple",
                None,
            ),
            ("[download]\nindex-url = http://upstream.test/simple", None),
            ("index-url = http://upstream.test/simple", None),
            ("[global]\n# index-url = http://upstream.test/simple", None),
        ] {
            assert_eq!(index_of_pip(text).as_deref(), index, "{text}");
        }
    }

    #[test]
    fn index_of_uv_toml() {
        for (text, index) in [
            (
                "[[index]]\nurl='http://a.test/'\n[[index]]\nurl='http://b.test/'\ndefault=true",
                Some("http://b.test/"),
            ),
            ("index-url = 'http://c.test/'", Some("http://c.test/")),
            (
                "[pip]\nindex-url = 'http://d.test/'",
                Some("http://d.test/"),
            ),
            ("[[index]]\nurl='http://a.test/'", None),
            ("not toml", None),
        ] {
            assert_eq!(index_of_uv(text).as_deref(), index, "{text}");
        }
    }
}
