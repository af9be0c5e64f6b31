//! Where clients read what they trust.

use std::path::PathBuf;

use super::marks::Dialect;
use crate::config::Surroundings;
use crate::config::discover::ask::find_program;

/// The user's `.npmrc`, then the global ones. npm takes `npm_config_*` in any mixture of small and
/// capital letters.
pub fn npmrc(surroundings: &Surroundings) -> Vec<PathBuf> {
    let mut files = vec![user_npmrc(surroundings)];
    files.extend(any_case(surroundings, "npm_config_globalconfig").map(PathBuf::from));
    let prefix = surroundings.variable("PREFIX").map(PathBuf::from);
    let prefix = prefix.or_else(|| prefix_of_node(surroundings));
    files.extend(prefix.map(|prefix| prefix.join("etc/npmrc")));
    for place in ["usr/local/etc/npmrc", "usr/etc/npmrc", "etc/npmrc"] {
        files.push(surroundings.root.join(place));
    }
    files
}

/// npm's default prefix is the folder above the one that holds node.
fn prefix_of_node(surroundings: &Surroundings) -> Option<PathBuf> {
    let node = find_program(surroundings, "node")?.canonicalize().ok()?;
    Some(node.parent()?.parent()?.to_owned())
}

/// The user's `.npmrc`.
pub fn user_npmrc(surroundings: &Surroundings) -> PathBuf {
    any_case(surroundings, "npm_config_userconfig")
        .map_or_else(|| surroundings.home.join(".npmrc"), PathBuf::from)
}

/// A variable whose name is written in any mixture of small and capital letters.
pub fn any_case<'a>(surroundings: &'a Surroundings, wanted: &str) -> Option<&'a str> {
    let mut all = surroundings.env.iter();
    all.find(|(name, value)| name.eq_ignore_ascii_case(wanted) && !value.trim().is_empty())
        .map(|(_, value)| value.trim())
}

/// pip's files, the strongest first; the second is what `portcullis` writes.
pub fn pip(surroundings: &Surroundings) -> Vec<PathBuf> {
    let named = surroundings.variable("PIP_CONFIG_FILE");
    if named.is_some_and(|named| named == "/dev/null" || named == "os.devnull") {
        return Vec::new();
    }
    let (home, root) = (&surroundings.home, &surroundings.root);
    let mut files: Vec<PathBuf> = named.map(PathBuf::from).into_iter().collect();
    let environment = surroundings.variable("VIRTUAL_ENV");
    files.extend(environment.map(|folder| PathBuf::from(folder).join("pip.conf")));
    files.push(user_pip(surroundings));
    files.push(home.join("Library/Application Support/pip/pip.conf"));
    files.push(home.join(".pip/pip.conf"));
    files.push(root.join("etc/pip.conf"));
    files.push(root.join("etc/xdg/pip/pip.conf"));
    files.push(root.join("Library/Application Support/pip/pip.conf"));
    files
}

/// The user's `pip.conf`.
pub fn user_pip(surroundings: &Surroundings) -> PathBuf {
    surroundings.config_home().join("pip/pip.conf")
}

/// uv's files.
pub fn uv(surroundings: &Surroundings) -> Vec<PathBuf> {
    let named = surroundings.variable("UV_CONFIG_FILE").map(PathBuf::from);
    let mut files: Vec<PathBuf> = named.into_iter().collect();
    files.push(surroundings.config_home().join("uv/uv.toml"));
    files.push(surroundings.root.join("etc/xdg/uv/uv.toml"));
    files.push(surroundings.root.join("etc/uv/uv.toml"));
    files
}

/// Yarn 1's file.
pub fn yarnrc(surroundings: &Surroundings) -> Vec<PathBuf> {
    vec![surroundings.home.join(".yarnrc")]
}

/// The file of Yarn 2 and later.
pub fn yarnrc_yml(surroundings: &Surroundings) -> Vec<PathBuf> {
    vec![surroundings.home.join(".yarnrc.yml")]
}

/// What `mvn` reads before it starts; the last one counts.
pub fn mavenrc(surroundings: &Surroundings) -> Vec<PathBuf> {
    vec![
        surroundings.home.join(".mavenrc"),
        surroundings.root.join("etc/mavenrc"),
        surroundings.root.join("usr/local/etc/mavenrc"),
    ]
}

/// Gradle's properties.
pub fn gradle(surroundings: &Surroundings) -> Vec<PathBuf> {
    let home = surroundings.variable("GRADLE_USER_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| surroundings.home.join(".gradle"));
    vec![home.join("gradle.properties")]
}

/// The files of the user's shell, and how they are written. bash reads one as login shell and
/// another one as interactive shell; zsh reads `.zshenv` always.
pub fn profiles(surroundings: &Surroundings) -> (Dialect, Vec<PathBuf>) {
    let home = &surroundings.home;
    let shell = surroundings.variable("SHELL").unwrap_or("");
    match shell.rsplit('/').next().unwrap_or("") {
        "zsh" => {
            let folder = surroundings.variable("ZDOTDIR").map(PathBuf::from);
            let folder = folder.unwrap_or_else(|| home.clone());
            (Dialect::Shell, vec![folder.join(".zshenv")])
        }
        "fish" => {
            let file = surroundings
                .config_home()
                .join("fish/conf.d/portcullis.fish");
            (Dialect::Fish, vec![file])
        }
        "bash" => {
            let own = [".bash_profile", ".bash_login"].map(|name| home.join(name));
            let login = own.into_iter().find(|file| file.is_file());
            let login = login.unwrap_or_else(|| home.join(".profile"));
            (Dialect::Shell, vec![login, home.join(".bashrc")])
        }
        _ => (Dialect::Shell, vec![home.join(".profile")]),
    }
}
