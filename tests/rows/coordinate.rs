//! A package as the tables write it, in each ecosystem: its path, its addresses, its bytes. Pure.

use crate::support::packages;

/// The namespace of a Maven name that is written without one.
const MAVEN_NAMESPACE: &str = "org.example";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ecosystem {
    Npm,
    Pypi,
    Maven,
}

/// A package: `name` or `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    pub ecosystem: Ecosystem,
    pub namespace: String,
    pub name: String,
}

impl Ecosystem {
    #[track_caller]
    pub fn named(word: &str) -> Ecosystem {
        match word {
            "npm" => Ecosystem::Npm,
            "pypi" => Ecosystem::Pypi,
            "maven" => Ecosystem::Maven,
            other => panic!("{other:?} is no ecosystem"),
        }
    }

    pub fn token(self) -> &'static str {
        match self {
            Ecosystem::Npm => "npm",
            Ecosystem::Pypi => "pypi",
            Ecosystem::Maven => "maven",
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Ecosystem::Npm | Ecosystem::Pypi => "",
            Ecosystem::Maven => MAVEN_NAMESPACE,
        }
    }

    /// Puts token and namespace where a line leaves room for them.
    pub fn fill(self, line: &str) -> String {
        line.replace("{e}", self.token())
            .replace("{ns}", self.namespace())
    }
}

impl Package {
    pub fn read(ecosystem: Ecosystem, text: &str) -> Package {
        let (namespace, name) = match text.split_once('/') {
            Some((namespace, name)) => (namespace, name),
            None => (ecosystem.namespace(), text),
        };
        Package {
            ecosystem,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// As commands take it.
    pub fn path(&self) -> String {
        let Package {
            namespace, name, ..
        } = self;
        format!("/{}/{namespace}/{name}", self.ecosystem.token())
    }

    /// As npm writes it.
    pub fn npm(&self) -> String {
        match self.namespace.as_str() {
            "" => self.name.clone(),
            scope => format!("@{scope}/{}", self.name),
        }
    }

    /// The folder of a Maven coordinate in a repository.
    pub fn folder(&self, repository: &str) -> String {
        let group = self.namespace.replace('.', "/");
        format!("/maven/{repository}/{group}/{}", self.name)
    }

    /// The document that lists its versions.
    pub fn index(&self, repository: &str) -> String {
        match self.ecosystem {
            Ecosystem::Npm => format!("/npm/{repository}/{}", self.npm()),
            Ecosystem::Pypi => format!("/pypi/{repository}/simple/{}/", self.name),
            Ecosystem::Maven => format!("{}/maven-metadata.xml", self.folder(repository)),
        }
    }

    /// The main file of a version.
    pub fn file(&self, repository: &str, version: &str) -> String {
        let name = &self.name;
        match self.ecosystem {
            Ecosystem::Npm => {
                let path = packages::npm_tarball_path(&self.npm(), version);
                format!("/npm/{repository}{path}")
            }
            Ecosystem::Pypi => {
                let file = packages::wheel_name(name, version);
                format!("/pypi/{repository}/files/{name}/{version}/{file}")
            }
            Ecosystem::Maven => {
                format!("{}/{version}/{name}-{version}.jar", self.folder(repository))
            }
        }
    }

    /// The main file of a version as one of us built it: no two make the same bytes.
    pub fn built(&self, version: &str, by: &str) -> Vec<u8> {
        let padding = 1_000 + by.bytes().map(usize::from).sum::<usize>();
        match self.ecosystem {
            Ecosystem::Npm => packages::npm_tarball(&self.npm(), version, padding),
            Ecosystem::Pypi => packages::wheel(&self.name, version, padding),
            Ecosystem::Maven => {
                let version = format!("{version} by {by}");
                packages::jar(&self.namespace, &self.name, &version)
            }
        }
    }

    /// The versions that an index names; of PyPI's those without a mark.
    pub fn listed(&self, index: &str) -> Vec<String> {
        let json = || serde_json::from_str::<serde_json::Value>(index).unwrap_or_default();
        let mut versions: Vec<String> = match self.ecosystem {
            Ecosystem::Npm => {
                let document = json();
                let versions = document["versions"].as_object();
                versions
                    .into_iter()
                    .flat_map(|it| it.keys().cloned())
                    .collect()
            }
            Ecosystem::Pypi => {
                let document = json();
                let files = document["files"].as_array().cloned().unwrap_or_default();
                let free = files.iter().filter(|file| !file["yanked"].is_string());
                let version = |file: &serde_json::Value| {
                    let name = file["filename"].as_str().unwrap_or_default();
                    name.split('-').nth(1).unwrap_or_default().to_owned()
                };
                free.map(version).collect()
            }
            Ecosystem::Maven => {
                let rest = index.split("<version>").skip(1);
                let version = rest.map(|rest| rest.split('<').next().unwrap_or_default());
                version.map(str::to_owned).collect()
            }
        };
        versions.sort();
        versions
    }
}
