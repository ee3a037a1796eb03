//! When a portal did not take a stage: the stages that it would take, for the next call.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Outcome, Session};
use crate::{
    crm::{EntityType, Kind, catalog, kind, stage},
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
    let Some(directory) = stage::directory(entity, pipeline) else {
        return;
    };
    let parameters = Map::from_iter([
        ("filter".to_owned(), json!({"ENTITY_ID": directory})),
        ("order".to_owned(), json!({"SORT": "ASC"})),
    ]);
    let Ok(result) = session.portal.call("crm.status.list", &parameters, budget).await else {
        return;
    };
    let text = |status: &Value, key: &str| status.get(key)?.as_str().map(str::to_owned);
    missed.options = result
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|status| {
            Some(StageOption { code: text(status, "STATUS_ID")?, name: text(status, "NAME")? })
        })
        .collect();
}
