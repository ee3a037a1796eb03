//! Checks uncertain codes against those that the portal has.

use super::lookups::{Lookups, Meant, UncheckedCode};
use crate::{
    crm::{EntityType, stage},
    error::Problem,
    metadata::{CUT_DIRECTORIES, named},
};

/// Adds the portal's codes to problems with them, and suggests the one whose name was typed. An
/// uncertain code becomes a problem when the portal does not have it, and is accepted when it does.
/// Where the codes could not be fetched, the problems stay as they are.
pub(super) fn check(
    entity: EntityType,
    all: &[UncheckedCode],
    lookups: &Lookups,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<String>,
) {
    // A stage is looked up in the pipeline that was named with it.
    let mut named_pipeline = None;
    let mut is_unread = false;
    for code in all {
        let UncheckedCode { path, typed, meant } = code;
        let choices = match lookups.choices(code, named_pipeline) {
            Ok(choices) => choices,
            Err(error) => {
                if !std::mem::replace(&mut is_unread, true) {
                    notes.push(format!("codes were not checked: {error}"));
                }
                continue;
            }
        };
        if choices.iter().any(|(code, _)| code == typed) {
            // Codes may have forms that this program does not know.
            problems.retain(|problem| problem.path != *path);
            continue;
        }
        let is_in_a_directory = matches!(meant, Meant::Stage(_) | Meant::Entry(_));
        if is_in_a_directory && lookups.codes.are_cut() {
            notes.push(format!("`{path}` was not checked: {CUT_DIRECTORIES}"));
            continue;
        }
        if choices.is_empty() {
            continue;
        }
        let (name_of, its_code, is_none) = match meant {
            Meant::Pipeline => ("a pipeline", "its id", "is not the id of a pipeline"),
            Meant::Stage(_) => ("a stage", "its code", "is not the code of a stage"),
            Meant::Entry(_) => ("a choice", "its code", "is not one of the allowed codes"),
            Meant::Person => ("a user", "their id", "is not the id of a user"),
        };
        if !problems.iter().any(|problem| problem.path == *path) {
            problems.push(Problem::new(path, is_none));
        }
        let Some(problem) = problems.iter_mut().find(|problem| problem.path == *path) else {
            continue;
        };
        problem.depends_on_metadata = true;
        if let Some((meant_code, _)) = named(typed, &choices, |(_, name)| name) {
            problem.message = format!("is the name of {name_of}, not {its_code}");
            problem.did_you_mean = Some(meant_code.clone());
            problem.can_be_looked_up = false;
            if *meant == Meant::Pipeline {
                named_pipeline = meant_code.parse().ok();
            }
        } else {
            let whose = match meant {
                Meant::Stage(pipeline) if stage::has_pipelines(entity) => {
                    format!("the stages of pipeline {}", named_pipeline.unwrap_or(*pipeline))
                }
                _ => "the allowed values".to_owned(),
            };
            problem.message = format!("{}; `options` lists {whose}", problem.message);
            *problem = problem.clone().among(choices);
        }
    }
}
