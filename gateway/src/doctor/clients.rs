//! The clients that are looked at: where each reads its roots, its proxy and its registry. Measured
//! with real clients; what a client's versions differ in is said by the majors of a rule.

use std::fs;
use std::path::PathBuf;

use rules::Ecosystem;

use super::readers::{
    default_index, gradle_gateway, gradle_options, gradle_proxy, gradle_script, maven_mirror,
    maven_options, maven_proxy, maven_settings, node_takes_system, npmrc, pip_conf,
    pip_takes_system, uv_takes_system, yarnrc_yml,
};
use crate::authority::trust::marks::{Dialect, value_of};
use crate::authority::trust::places;
use crate::config::Surroundings;

/// A client and its rules.
pub struct Client {
    /// As in `portcullis setup`.
    pub name: &'static str,
    /// Its programs; the first that is there counts.
    pub programs: &'static [&'static str],
    /// The arguments that make it say its version.
    pub version: &'static [&'static str],
    /// What it fetches.
    pub ecosystem: Ecosystem,
    /// Where its roots come from; the first rule that applies decides.
    pub roots: &'static [Rule],
    /// Where it reads its proxy for https.
    pub proxies: &'static [Lookup],
    /// Whether `NO_PROXY` counts.
    pub heeds_no_proxy: bool,
    /// Where it reads its registry.
    pub registry: &'static [Lookup],
    /// Makes it use a proxy; `{proxy}` stands for the address.
    pub proxy_advice: &'static str,
}

/// Where roots may come from, for these major versions (from, below).
pub struct Rule(pub Range, pub Roots);

/// Major versions: from, below.
pub type Range = (u32, u32);

/// Where roots come from.
pub enum Roots {
    /// What this names replaces the client's roots.
    Bundle(Lookup),
    /// What this variable names is added to the client's own roots.
    Extra(&'static str),
    /// Folders of certificates, separated by colons.
    Folders(&'static str),
    /// The system's store, if the client was told to use it.
    SystemIf(fn(&Tool<'_>) -> bool),
    /// The store of the JVM, or the one that its options name: in these variables, or there.
    Java(&'static [&'static str], Lookup),
    /// Roots that the client has built in.
    BuiltIn(&'static str),
}

/// Where a value is read.
#[derive(Clone, Copy)]
pub enum Lookup {
    /// An environment variable.
    Variable(&'static str),
    /// The same, in any mixture of small and capital letters.
    AnyCase(&'static str),
    /// Files in order, and how the value is read in them.
    Files(
        fn(&Surroundings) -> Vec<PathBuf>,
        fn(&str) -> Option<String>,
    ),
}

/// A client that is installed.
pub struct Tool<'a> {
    /// Its rules.
    pub client: &'static Client,
    /// Major and minor version, 0 if it did not say.
    pub version: (u32, u32),
    /// What it said of its version.
    pub said: String,
    /// The machine.
    pub surroundings: &'a Surroundings,
}

/// A value and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// As it is written there.
    pub value: String,
    /// For people.
    pub source: String,
}

impl Tool<'_> {
    /// The first of these that is set.
    pub fn first(&self, lookups: &[Lookup]) -> Option<Found> {
        lookups.iter().find_map(|it| it.read(self.surroundings))
    }

    /// The rules for the installed version, in order.
    pub fn roots(&self) -> impl Iterator<Item = &Roots> {
        let major = self.version.0;
        let applies = move |rule: &&Rule| (rule.0.0..rule.0.1).contains(&major);
        self.client.roots.iter().filter(applies).map(|rule| &rule.1)
    }
}

impl Lookup {
    /// The value, if it is set.
    pub fn read(&self, surroundings: &Surroundings) -> Option<Found> {
        let variable = |name: &str, value: &str| Found {
            value: value.to_owned(),
            source: name.to_owned(),
        };
        match self {
            Lookup::Variable(name) => Some(variable(name, surroundings.variable(name)?)),
            Lookup::AnyCase(name) => Some(variable(name, places::any_case(surroundings, name)?)),
            Lookup::Files(files, read) => files(surroundings).into_iter().find_map(|file| {
                let value = read(&fs::read_to_string(&file).ok()?)?;
                Some(Found {
                    value: crate::config::discover::expand(&value, "", surroundings),
                    source: file.display().to_string(),
                })
            }),
        }
    }
}

/// The first `1.2` in what a client says.
pub fn version_in(said: &str) -> (u32, u32) {
    let words = said.split(|c: char| c.is_whitespace() || "()".contains(c));
    let number = |word: &str| {
        let mut parts = word.split(['.', '-', '+', ',']);
        let major = parts.next()?.parse().ok()?;
        Some((major, parts.next()?.parse().ok()?))
    };
    words.into_iter().find_map(number).unwrap_or((0, 0))
}

const ALL: Range = (0, u32::MAX);

const NPMRC_CAFILE: Lookup = Lookup::Files(places::npmrc, |text| npmrc(text, "cafile"));
const NPMRC_REGISTRY: Lookup = Lookup::Files(places::npmrc, |text| npmrc(text, "registry"));
const NODE: &str = "the roots built into Node.js";
const CERTIFI: &str = "the roots of its Python package certifi";

const NPM_PROXIES: &[Lookup] = &[
    Lookup::AnyCase("npm_config_https_proxy"),
    Lookup::Files(places::npmrc, |text| npmrc(text, "https-proxy")),
    Lookup::AnyCase("npm_config_proxy"),
    Lookup::Files(places::npmrc, |text| npmrc(text, "proxy")),
    Lookup::AnyCase("https_proxy"),
    Lookup::AnyCase("http_proxy"),
];

const ENVIRONMENT_PROXIES: &[Lookup] = &[
    Lookup::Variable("https_proxy"),
    Lookup::Variable("HTTPS_PROXY"),
    Lookup::Variable("all_proxy"),
    Lookup::Variable("ALL_PROXY"),
];

const PIP_PROXIES: &[Lookup] = &[
    Lookup::Variable("PIP_PROXY"),
    Lookup::Files(places::pip, |text| pip_conf(text, "proxy")),
    Lookup::Variable("https_proxy"),
    Lookup::Variable("HTTPS_PROXY"),
    Lookup::Variable("all_proxy"),
    Lookup::Variable("ALL_PROXY"),
];

const MAVEN_VARIABLES: &[&str] = &["JAVA_TOOL_OPTIONS", "MAVEN_OPTS"];

const EXPORT: &str = "export HTTPS_PROXY={proxy}";

/// In the order of the output.
pub const CLIENTS: &[Client] = &[
    Client {
        name: "npm",
        programs: &["npm"],
        version: &["--version"],
        ecosystem: Ecosystem::Npm,
        roots: &[
            Rule(ALL, Roots::Bundle(Lookup::AnyCase("npm_config_cafile"))),
            Rule(ALL, Roots::Bundle(NPMRC_CAFILE)),
            Rule(ALL, Roots::Extra("NODE_EXTRA_CA_CERTS")),
            Rule(ALL, Roots::SystemIf(node_takes_system)),
            Rule(ALL, Roots::BuiltIn(NODE)),
        ],
        proxies: NPM_PROXIES,
        heeds_no_proxy: true,
        registry: &[Lookup::AnyCase("npm_config_registry"), NPMRC_REGISTRY],
        proxy_advice: "npm config set https-proxy {proxy}",
    },
    Client {
        name: "pnpm",
        programs: &["pnpm"],
        version: &["--version"],
        ecosystem: Ecosystem::Npm,
        roots: &[
            Rule((0, 11), Roots::Bundle(Lookup::AnyCase("npm_config_cafile"))),
            Rule(
                (11, 12),
                Roots::Bundle(Lookup::Variable("PNPM_CONFIG_CAFILE")),
            ),
            Rule(ALL, Roots::Bundle(NPMRC_CAFILE)),
            Rule(
                (12, u32::MAX),
                Roots::Bundle(Lookup::Variable("SSL_CERT_FILE")),
            ),
            Rule(ALL, Roots::Extra("NODE_EXTRA_CA_CERTS")),
            Rule((0, 12), Roots::SystemIf(node_takes_system)),
            Rule(ALL, Roots::BuiltIn(NODE)),
        ],
        proxies: NPM_PROXIES,
        heeds_no_proxy: true,
        registry: &[Lookup::AnyCase("npm_config_registry"), NPMRC_REGISTRY],
        proxy_advice: "pnpm config set https-proxy {proxy}",
    },
    Client {
        name: "yarn",
        programs: &["yarn"],
        version: &["--version"],
        ecosystem: Ecosystem::Npm,
        roots: &[
            Rule((0, 2), Roots::Bundle(Lookup::AnyCase("npm_config_cafile"))),
            Rule((0, 2), Roots::Bundle(YARNRC_CAFILE)),
            Rule((0, 2), Roots::Bundle(NPMRC_CAFILE)),
            Rule(
                (2, u32::MAX),
                Roots::Bundle(Lookup::Variable("YARN_HTTPS_CA_FILE_PATH")),
            ),
            Rule((2, u32::MAX), Roots::Bundle(YARNRC_YML_CAFILE)),
            Rule(ALL, Roots::Extra("NODE_EXTRA_CA_CERTS")),
            Rule(ALL, Roots::BuiltIn(NODE)),
        ],
        proxies: &[],
        heeds_no_proxy: true,
        registry: &[
            Lookup::Variable("YARN_NPM_REGISTRY_SERVER"),
            Lookup::Files(places::yarnrc_yml, |text| {
                yarnrc_yml(text, "npmRegistryServer")
            }),
            Lookup::Files(places::yarnrc, |text| {
                value_of(text, Dialect::Yarnrc, None, "registry")
            }),
        ],
        proxy_advice: "yarn config set httpsProxy {proxy} (Yarn 1: https-proxy)",
    },
    Client {
        name: "pip",
        programs: &["pip", "pip3"],
        version: &["--version"],
        ecosystem: Ecosystem::Pypi,
        roots: &[
            Rule(ALL, Roots::Bundle(Lookup::Variable("REQUESTS_CA_BUNDLE"))),
            Rule(ALL, Roots::Bundle(Lookup::Variable("CURL_CA_BUNDLE"))),
            Rule(ALL, Roots::Bundle(Lookup::Variable("PIP_CERT"))),
            Rule(
                ALL,
                Roots::Bundle(Lookup::Files(places::pip, |text| pip_conf(text, "cert"))),
            ),
            Rule(ALL, Roots::SystemIf(pip_takes_system)),
            Rule(ALL, Roots::BuiltIn(CERTIFI)),
        ],
        proxies: PIP_PROXIES,
        heeds_no_proxy: true,
        registry: &[
            Lookup::Variable("PIP_INDEX_URL"),
            Lookup::Files(places::pip, |text| pip_conf(text, "index-url")),
        ],
        proxy_advice: "pip config set global.proxy {proxy}",
    },
    Client {
        name: "uv",
        programs: &["uv"],
        version: &["--version"],
        ecosystem: Ecosystem::Pypi,
        roots: &[
            Rule(ALL, Roots::Bundle(Lookup::Variable("SSL_CERT_FILE"))),
            Rule(ALL, Roots::Folders("SSL_CERT_DIR")),
            Rule(ALL, Roots::SystemIf(uv_takes_system)),
            Rule(ALL, Roots::BuiltIn("the roots built into uv")),
        ],
        proxies: ENVIRONMENT_PROXIES,
        heeds_no_proxy: true,
        registry: &[
            Lookup::Variable("UV_DEFAULT_INDEX"),
            Lookup::Variable("UV_INDEX_URL"),
            Lookup::Files(places::uv, default_index),
        ],
        proxy_advice: EXPORT,
    },
    Client {
        name: "poetry",
        programs: &["poetry"],
        version: &["--version"],
        ecosystem: Ecosystem::Pypi,
        roots: REQUESTS,
        proxies: ENVIRONMENT_PROXIES,
        heeds_no_proxy: true,
        registry: &[],
        proxy_advice: EXPORT,
    },
    Client {
        name: "twine",
        programs: &["twine"],
        version: &["--version"],
        ecosystem: Ecosystem::Pypi,
        roots: REQUESTS,
        proxies: ENVIRONMENT_PROXIES,
        heeds_no_proxy: true,
        registry: &[Lookup::Variable("TWINE_REPOSITORY_URL")],
        proxy_advice: EXPORT,
    },
    Client {
        name: "maven",
        programs: &["mvn"],
        version: &["--version"],
        ecosystem: Ecosystem::Maven,
        roots: &[Rule(
            ALL,
            Roots::Java(
                MAVEN_VARIABLES,
                Lookup::Files(places::mavenrc, maven_options),
            ),
        )],
        proxies: &[Lookup::Files(maven_settings, maven_proxy)],
        heeds_no_proxy: false,
        registry: &[Lookup::Files(maven_settings, maven_mirror)],
        proxy_advice: "put <proxy> with {proxy} into ~/.m2/settings.xml",
    },
    Client {
        name: "gradle",
        programs: &["gradle"],
        version: &["--version"],
        ecosystem: Ecosystem::Maven,
        roots: &[Rule(
            ALL,
            Roots::Java(
                &["JAVA_TOOL_OPTIONS"],
                Lookup::Files(places::gradle, gradle_options),
            ),
        )],
        proxies: &[Lookup::Files(places::gradle, gradle_proxy)],
        heeds_no_proxy: false,
        registry: &[Lookup::Files(gradle_script, gradle_gateway)],
        proxy_advice: "set systemProp.https.proxyHost and .proxyPort in gradle.properties to {proxy}",
    },
];

const REQUESTS: &[Rule] = &[
    Rule(ALL, Roots::Bundle(Lookup::Variable("REQUESTS_CA_BUNDLE"))),
    Rule(ALL, Roots::Bundle(Lookup::Variable("CURL_CA_BUNDLE"))),
    Rule(ALL, Roots::BuiltIn(CERTIFI)),
];

const YARNRC_CAFILE: Lookup = Lookup::Files(places::yarnrc, |text| {
    value_of(text, Dialect::Yarnrc, None, "cafile")
});
const YARNRC_YML_CAFILE: Lookup = Lookup::Files(places::yarnrc_yml, |text| {
    yarnrc_yml(text, "httpsCaFilePath")
});

/// Yarn 1 has npm's settings; Yarn 2 and later ignore everybody's.
pub const YARN_PROXIES: [&[Lookup]; 2] = [
    NPM_PROXIES,
    &[
        Lookup::Variable("YARN_HTTPS_PROXY"),
        Lookup::Files(places::yarnrc_yml, |text| yarnrc_yml(text, "httpsProxy")),
    ],
];
