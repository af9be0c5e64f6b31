//! How values are read in clients' files, and which clients were told to use the system's store.

use std::path::PathBuf;

use super::clients::{Lookup, Tool, version_in};
use crate::authority::trust::marks::{Dialect, value_of};
use crate::authority::trust::places;
use crate::config::Surroundings;
use crate::config::discover::{maven, xml};

pub(super) fn npmrc(text: &str, key: &str) -> Option<String> {
    value_of(text, Dialect::Npmrc, None, key)
}

pub(super) fn pip_conf(text: &str, key: &str) -> Option<String> {
    let of = |section| value_of(text, Dialect::Ini, Some(section), key);
    of("install").or_else(|| of("global"))
}

pub(super) fn yarnrc_yml(text: &str, key: &str) -> Option<String> {
    value_of(text, Dialect::Yaml, None, key)
}

pub(super) fn node_takes_system(tool: &Tool<'_>) -> bool {
    tool.surroundings.variable("NODE_USE_SYSTEM_CA") == Some("1")
}

/// pip takes the system's store from 24.2 on, on Python 3.10 and later.
pub(super) fn pip_takes_system(tool: &Tool<'_>) -> bool {
    let python = tool.said.split("(python ").nth(1).map(version_in);
    // Debian's pip is changed to take the system's bundle whatever its version.
    if tool.said.contains("/usr/lib/python3/dist-packages/") {
        return true;
    }
    tool.version >= (24, 2) && python.is_some_and(|version| version >= (3, 10))
}

pub(super) fn uv_takes_system(tool: &Tool<'_>) -> bool {
    let is_on = |value: &str| ["1", "true", "yes", "on", "y", "t"].contains(&value);
    let variables = ["UV_SYSTEM_CERTS", "UV_NATIVE_TLS"];
    let set = variables
        .iter()
        .find_map(|name| tool.surroundings.variable(name));
    let files = Lookup::Files(places::uv, |text| {
        let table: toml::Table = text.parse().ok()?;
        let on = |key| table.get(key).and_then(toml::Value::as_bool);
        let value = on("system-certs").or_else(|| on("native-tls"))?;
        Some(value.to_string())
    });
    let value = set
        .map(str::to_ascii_lowercase)
        .or_else(|| Some(files.read(tool.surroundings)?.value));
    value.is_some_and(|value| is_on(&value))
}

/// The default `[[index]]`, else `index-url`.
pub(super) fn default_index(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    let listed = table.get("index").and_then(toml::Value::as_array);
    let default = listed
        .into_iter()
        .flatten()
        .find(|index| index.get("default").and_then(toml::Value::as_bool) == Some(true));
    let url = default.and_then(|it| it.get("url"));
    let url = url.or_else(|| table.get("index-url"))?;
    url.as_str().map(str::to_owned)
}

/// The options for the JVM in a `mavenrc`.
pub(super) fn maven_options(text: &str) -> Option<String> {
    let holds = |line: &&str| line.contains("MAVEN_OPTS=") && !line.trim().starts_with('#');
    let lines: Vec<&str> = text.lines().filter(holds).collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

/// The same from `gradle.properties`.
pub(super) fn gradle_options(text: &str) -> Option<String> {
    let names = ["trustStore", "trustStorePassword"].map(|it| format!("javax.net.ssl.{it}"));
    let options: Vec<String> = names
        .iter()
        .filter_map(|name| {
            let key = format!("systemProp.{name}");
            let value = value_of(text, Dialect::Properties, None, &key)?;
            Some(format!("-D{name}={value}"))
        })
        .collect();
    (!options.is_empty()).then(|| options.join(" "))
}

pub(super) fn gradle_proxy(text: &str) -> Option<String> {
    let of = |key: &str| value_of(text, Dialect::Properties, None, key);
    let host = of("systemProp.https.proxyHost")?;
    let port = of("systemProp.https.proxyPort").unwrap_or_else(|| "443".to_owned());
    Some(format!("http://{host}:{port}"))
}

pub(super) fn gradle_script(surroundings: &Surroundings) -> Vec<PathBuf> {
    let files = places::gradle(surroundings);
    let folder = files.iter().filter_map(|file| file.parent());
    folder
        .map(|it| it.join("init.d/portcullis.gradle"))
        .collect()
}

/// The address in the script that `portcullis setup gradle` writes.
pub(super) fn gradle_gateway(text: &str) -> Option<String> {
    let rest = text.split("new URI('").nth(1)?;
    rest.split('\'').next().map(str::to_owned)
}

pub(super) fn maven_settings(surroundings: &Surroundings) -> Vec<PathBuf> {
    vec![surroundings.home.join(".m2/settings.xml")]
}

/// The first mirror that stands in for the central repository.
pub(super) fn maven_mirror(text: &str) -> Option<String> {
    let covers = |it: &String| maven::covers_central(it);
    xml::elements(text, "settings/mirrors/mirror")
        .into_iter()
        .find(|mirror| mirror.get("mirrorOf").is_some_and(covers))?
        .remove("url")
}

/// The first active proxy; `protocol` is that of what is asked (Maven's guide to proxies).
pub(super) fn maven_proxy(text: &str) -> Option<String> {
    let is_active = |it: &std::collections::BTreeMap<String, String>| {
        it.get("active").is_none_or(|active| active == "true")
    };
    let mut proxies = xml::elements(text, "settings/proxies/proxy").into_iter();
    let proxy = proxies.find(is_active)?;
    let port = proxy.get("port").map_or("8080", String::as_str);
    Some(format!("http://{}:{port}", proxy.get("host")?))
}
