//! The grammar of each setting's text.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::{
    crm::{EntityType, EntityTypes},
    journal::Values,
    tools::Group,
    uploads::MEGABYTE,
};

pub(super) fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" => Ok(true),
        "0" | "false" | "no" => Ok(false),
        _ => Err("must be `1` or `0`, `true` or `false`, `yes` or `no`".to_owned()),
    }
}

/// The parts of a comma list.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

pub(super) fn tool_groups(text: &str) -> Result<Vec<Group>, String> {
    let known =
        |part: &str| Group::ALL.into_iter().find(|group| part.eq_ignore_ascii_case(group.name()));
    let groups: Option<Vec<Group>> = parts(text).map(known).collect();
    groups.filter(|groups| !groups.is_empty()).ok_or_else(|| {
        let names = Group::ALL.map(Group::name);
        format!("must be `{}` or `{}`", names.join("`, `"), names.join(","))
    })
}

pub(super) fn entity_types(text: &str) -> Result<EntityTypes, String> {
    let types: Option<Vec<EntityType>> = parts(text).map(EntityType::set).collect();
    match types {
        Some(types) if !types.is_empty() => Ok(EntityTypes::only(types)),
        Some(_) => Err("must name entity types such as `deal,contact,1268`".to_owned()),
        None => Err("must be a list of `lead`, `deal`, `contact`, `company`, `quote`, `invoice` \
                       and numbers of smart processes, such as `deal,contact,1268`"
            .to_owned()),
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0)
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "must be a number of seconds above 0, such as `30`".to_owned())
}

/// A PEM file; what is in it is checked when it is first used.
pub(super) fn certificates(text: &str) -> Result<Vec<u8>, String> {
    if !Path::new(text).is_absolute() {
        return Err("must be an absolute path".to_owned());
    }
    let content = std::fs::read(text)
        .map_err(|error| format!("names a file that cannot be read: {}", error.kind()))?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if content.windows(begin.len()).any(|part| part == begin) {
        Ok(content)
    } else {
        Err("must name a PEM file with certificates".to_owned())
    }
}

pub(super) fn megabytes(text: &str) -> Result<u64, String> {
    text.parse::<u32>()
        .ok()
        .filter(|megabytes| *megabytes > 0)
        .map(|megabytes| u64::from(megabytes) * MEGABYTE)
        .ok_or_else(|| "must be a whole number of megabytes above 0, such as `20`".to_owned())
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "must be a whole number above 0, such as `20`".to_owned())
}

pub(super) fn folders(text: &str) -> Result<Vec<PathBuf>, String> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(text).filter(|folder| !folder.as_os_str().is_empty()).collect();
    match folders.iter().find(|folder| !folder.is_absolute() || !folder.is_dir()) {
        None => match folders.iter().find(|folder| is_too_wide(folder)) {
            None => Ok(folders),
            Some(wide) => Err(format!(
                "must name folders made for uploads; `{}` is too broad",
                wide.display()
            )),
        },
        Some(wrong) => Err(format!(
            "must name existing folders by absolute paths; `{}` is not one",
            wrong.display()
        )),
    }
}

/// Whether a folder is a root, holds home folders, or is one.
fn is_too_wide(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else {
        return true;
    };
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    let is_of_homes = ["/home", "/Users", "/root"].iter().any(|homes| {
        real == Path::new(homes) || (*homes != "/root" && real.parent() == Some(Path::new(homes)))
    });
    real.parent().is_none() || is_of_homes || home.is_some_and(|home| home.starts_with(&real))
}

/// A file to append to, which need not be there yet.
pub(super) fn appended_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if !path.is_absolute() {
        return Err("must be an absolute path".to_owned());
    }
    // Another user could lead it to a file of theirs.
    if path.is_symlink() {
        return Err("names a link; name the file itself".to_owned());
    }
    if path.is_dir() {
        return Err("must name a file, and it names a folder".to_owned());
    }
    match path.parent() {
        Some(folder) if folder.is_dir() => Ok(path),
        _ => Err("must name a file in a folder that exists".to_owned()),
    }
}

pub(super) fn journal_values(text: &str) -> Result<Values, String> {
    match text.to_ascii_lowercase().as_str() {
        "all" | "1" => Ok(Values::All),
        "names" | "0" => Ok(Values::Names),
        _ => Err("must be `all` or `names`".to_owned()),
    }
}

pub(super) fn log_filter(text: &str) -> Result<Targets, String> {
    // What libraries log at `trace` are whole messages with customers' data: only when they are
    // named.
    if text.trim().eq_ignore_ascii_case("trace") {
        return Ok(Targets::new()
            .with_default(LevelFilter::DEBUG)
            .with_target("bitrix24_crm_mcp", LevelFilter::TRACE));
    }
    text.parse().map_err(|_| {
        "must be a log level such as `warn` or `debug`, or a list such as \
         `warn,bitrix24_crm_mcp=debug`"
            .to_owned()
    })
}
