//! When a stage or a pipeline is none, or the portal did not take it: the real ones, for the next
//! call.

use serde::Serialize;

use super::{Outcome, Session, plan::InDoubt};
use crate::{
    crm::{EntityType, Kind, catalog, kind, stage, text},
    facts::Stage,
    failure::Problem,
    portal::Budget,
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
    let Ok(stages) = session.facts.stages(entity, pipeline, budget).await else {
        return;
    };
    let option = |stage: Stage| StageOption { code: stage.code, name: stage.name };
    missed.options = stages.into_iter().map(option).collect();
}

/// Adds the real stages and pipelines to problems with them, and suggests the one whose name was
/// typed. What is in doubt without a problem becomes one when it is none of the real ones. Where
/// those cannot be had, the problems stay as they are.
pub(super) async fn explain(
    session: &Session,
    entity: EntityType,
    in_doubt: &[InDoubt],
    problems: &mut Vec<Problem>,
    budget: &Budget,
) {
    // A pipeline that was named counts for the stage that was named with it.
    let mut named_pipeline = None;
    for InDoubt { path, typed, pipeline } in in_doubt {
        let pipeline = pipeline.map(|pipeline| named_pipeline.unwrap_or(pipeline));
        let there: Vec<(String, String)> = match pipeline {
            Some(pipeline) => match session.facts.stages(entity, pipeline, budget).await {
                Ok(stages) => stages.into_iter().map(|stage| (stage.code, stage.name)).collect(),
                Err(_) => continue,
            },
            None => match session.facts.pipelines(entity, budget).await {
                Ok(pipelines) => {
                    pipelines.iter().map(|it| (it.id.to_string(), it.name.clone())).collect()
                }
                Err(_) => continue,
            },
        };
        if there.iter().any(|(code, _)| code == typed) && named_pipeline.is_some() {
            problems.retain(|problem| problem.path != *path);
        }
        if there.is_empty() || there.iter().any(|(code, _)| code == typed) {
            continue;
        }
        if !problems.iter().any(|problem| problem.path == *path) {
            problems.push(Problem::new(path, "is not the code of a stage"));
        }
        let Some(problem) = problems.iter_mut().find(|problem| problem.path == *path) else {
            continue;
        };
        let folded = text::folded(typed);
        let mut named = there.iter().filter(|(_, name)| text::folded(name) == folded);
        if let (Some((code, _)), None) = (named.next(), named.next()) {
            let what = if pipeline.is_some() {
                "stage, not its code"
            } else {
                named_pipeline = code.parse().ok();
                "pipeline, not its id"
            };
            problem.message = format!("is the name of a {what}");
            problem.did_you_mean = Some(code.clone());
        } else {
            let of_pipeline = match pipeline {
                Some(id) if stage::has_pipelines(entity) => format!("pipeline {id} has"),
                _ => "there are".to_owned(),
            };
            let options = text::listed(&there);
            problem.message = format!("{}; {of_pipeline} {options}", problem.message);
        }
    }
}
