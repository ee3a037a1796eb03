//! When a portal did not take a stage: the stages that it would take, for the next call.

use serde::Serialize;

use super::{Outcome, Session};
use crate::{
    crm::{EntityType, Kind, catalog, kind, stage},
    facts::Stage,
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
