//! When a stage, a pipeline, another code or a person is none, or the portal did not take it: the
//! real ones, for the next call.

use serde::Serialize;

use super::{
    Outcome, Session,
    plan::{Draft, InDoubt, Meant},
};
use crate::{
    crm::{EntityType, Kind, catalog, kind, stage, text},
    error::Problem,
    metadata::{CUT_DIRECTORIES, Metadata, Stage},
    portal::{Budget, PortalError},
};

/// A stage that the item's pipeline has.
#[derive(Debug, Clone, Serialize)]
pub struct StageOption {
    /// Its code.
    pub code: String,
    /// Its name, in the portal's language.
    pub name: String,
}

/// Adds the pipeline's stages to a missed stage; one request, and only then.
pub(super) async fn offer(
    session: &Session,
    entity: EntityType,
    outcome: &mut Outcome,
    budget: &Budget,
) {
    let Outcome::Missed { not_applied, item, .. } = outcome else {
        return;
    };
    let is_stage =
        |name: &str| catalog::field(entity, name).is_some_and(|field| field.kind == Kind::Stage);
    let Some(missed) = not_applied.iter_mut().find(|missed| is_stage(&missed.field)) else {
        return;
    };
    let code = missed.now.as_str().unwrap_or_default();
    let of_stage = stage::pipeline(entity, code).ok().flatten();
    let of_item = item.get("categoryId").and_then(kind::whole_number);
    let pipeline = of_stage.or(of_item).unwrap_or(0);
    let Ok(stages) = session.metadata.stages(entity, pipeline, budget).await else {
        return;
    };
    let option = |stage: Stage| StageOption { code: stage.code, name: stage.name };
    missed.options = stages.into_iter().map(option).collect();
}

/// Adds the real codes to problems with them, and suggests the one whose name was typed. What is in
/// doubt without a problem becomes one when it is none of the real ones, and stops being one when it
/// is. Where those cannot be had, the problems stay as they are.
pub(super) async fn explain(metadata: &Metadata, draft: &mut Draft<'_>, budget: &Budget) {
    let entity = draft.entity();
    // A pipeline that was named counts for the stage that was named with it.
    let mut named_pipeline = None;
    let mut is_unread = false;
    let problems = &mut draft.problems;
    for doubt in &draft.in_doubt {
        let InDoubt { path, typed, meant } = doubt;
        let there = match real_codes(metadata, entity, doubt, named_pipeline, budget).await {
            Ok(there) => there,
            Err(error) => {
                if !std::mem::replace(&mut is_unread, true) {
                    draft.notes.push(format!("codes were not checked: {error}"));
                }
                continue;
            }
        };
        let is_code = there.iter().any(|(code, _)| code == typed);
        let is_in_a_directory = matches!(meant, Meant::Stage(_) | Meant::Entry(_));
        if !is_code
            && is_in_a_directory
            && metadata.directories(budget).await.is_ok_and(|it| it.is_cut)
        {
            draft.notes.push(format!("`{path}` was not checked: {CUT_DIRECTORIES}"));
            continue;
        }
        if is_code {
            // Codes may look like nothing that this program knows.
            problems.retain(|problem| problem.path != *path);
            continue;
        }
        if there.is_empty() {
            continue;
        }
        let (what, code) = match meant {
            Meant::Pipeline => ("pipeline", "its id"),
            Meant::Stage(_) => ("stage", "its code"),
            Meant::Entry(_) => ("choice", "its code"),
            Meant::Person => ("person", "their id"),
        };
        if !problems.iter().any(|problem| problem.path == *path) {
            problems.push(Problem::new(path, format!("is not the code of a {what}")));
        }
        let Some(problem) = problems.iter_mut().find(|problem| problem.path == *path) else {
            continue;
        };
        problem.depends_on_facts = true;
        let folded = text::folded(typed);
        let mut named = there.iter().filter(|(_, name)| text::folded(name) == folded);
        if let (Some((named, _)), None) = (named.next(), named.next()) {
            problem.message = format!("is the name of a {what}, not {code}");
            problem.did_you_mean = Some(named.clone());
            problem.can_be_looked_up = false;
            if matches!(meant, Meant::Pipeline) {
                named_pipeline = named.parse().ok();
            }
        } else {
            let whose = match meant {
                Meant::Stage(pipeline) if stage::has_pipelines(entity) => {
                    format!("the stages of pipeline {}", named_pipeline.unwrap_or(*pipeline))
                }
                _ => "what there is".to_owned(),
            };
            problem.message = format!("{}; `options` lists {whose}", problem.message);
            *problem = problem.clone().among(there);
        }
    }
}

/// The codes that the portal has, with their names.
async fn real_codes(
    metadata: &Metadata,
    entity: EntityType,
    InDoubt { typed, meant, .. }: &InDoubt,
    named_pipeline: Option<i64>,
    budget: &Budget,
) -> Result<Vec<(String, String)>, PortalError> {
    let coded = |stage: Stage| (stage.code, stage.name);
    Ok(match meant {
        Meant::Pipeline => {
            let pipelines = metadata.pipelines(entity, budget).await?;
            pipelines.iter().map(|it| (it.id.to_string(), it.name.clone())).collect()
        }
        Meant::Stage(pipeline) => {
            let pipeline = named_pipeline.unwrap_or(*pipeline);
            let stages = metadata.stages(entity, pipeline, budget).await?;
            stages.into_iter().map(coded).collect()
        }
        Meant::Entry(directory) => {
            let directories = metadata.directories(budget).await?;
            directories.get(directory).iter().cloned().map(coded).collect()
        }
        Meant::Person => {
            let people = metadata.people(typed, budget).await?;
            people.found.iter().map(|it| (it.id.to_string(), it.name.clone())).collect()
        }
    })
}
