//! `find_crm_items`: items by text, phone, e-mail, id or the portal's own filter language, a
//! bounded page at a time.

mod alike;
mod answer;
mod query;
mod request;
mod search;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    arguments::YesNo,
    context::Context,
    definition::ToolDefinition,
    raw_arguments::RawArguments,
    render::{Answer, ReadAnswer},
    schema,
    selection::{Effect, Group},
};
use crate::error::Failure;
use request::{Asked, ListRequest};

const DESCRIPTION: &str = "\
Finds CRM items: id, title, stage, amount, responsible, client. Many: `columns`, rows.";

/// What a call may hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Arguments {
    #[schemars(range(min = 1))]
    entity_type_id: u64,
    /// Title, name, phone, e-mail, id
    #[serde(default)]
    query: Option<String>,
    /// Operator, then name; stages, pipelines, users by name: {"categoryId":"Sales",">=opportunity":5000,"closed":"N"}; quoteNumber, accountNumber. Also < ! @ !@ %; OR: {"0":{"logic":"OR","0":{},"1":{}}}
    #[serde(default)]
    filter: Map<String, Value>,
    /// More fields
    #[serde(default)]
    select: Vec<String>,
    /// {"opportunity":"DESC"}
    #[serde(default)]
    order: Map<String, Value>,
    /// Up to 50
    #[serde(default)]
    #[schemars(range(min = 1))]
    limit: Option<u64>,
    /// Offset. 0 also returns `total`; then the previous `next`
    #[serde(default)]
    start: Option<i64>,
    /// `UF_CRM_` names
    #[serde(default)]
    use_original_uf_names: YesNo,
}

/// The tool.
pub(super) static TOOL: ToolDefinition = ToolDefinition {
    name: "find_crm_items",
    title: "Find Bitrix24 CRM items",
    search_hint: "bitrix24 crm find search list",
    group: Group::Lookup,
    is_for_many: false,
    effect: Effect::Read,
    shows_card: false,
    instructions: "find_crm_items finds items by title, name, phone, e-mail, id or filter and gives ids, \
                   stages and links.",
    description: |_| DESCRIPTION.to_owned(),
    input_schema: schema::input::<Arguments>,
    output_schema: Some(schema::output::<ReadAnswer>),
    run: |context, raw| Box::pin(run(context, raw)),
};

async fn run(context: Context<'_>, raw: RawArguments) -> Result<Answer, Failure> {
    let (arguments, notes) = context.arguments::<Arguments>(raw)?;
    let asked = Asked {
        entity: context.entity(arguments.entity_type_id).map_err(Failure::refused_argument)?,
        naming: arguments.use_original_uf_names.naming(),
        query: arguments.query.filter(|query| !query.trim().is_empty()),
        filter: arguments.filter,
        select: arguments.select,
        order: arguments.order,
        limit: arguments.limit,
        start: arguments.start,
    };
    let mut request = ListRequest::check(context, &asked, notes.clone()).await;
    let may_be_stale = match &request {
        Ok(request) => request.has_unknown_codes,
        Err(failure) => failure.depends_on_metadata(),
    };
    if may_be_stale {
        let metadata = context.metadata.recent();
        request = ListRequest::check(context.with_metadata(&metadata), &asked, notes).await;
    }
    let mut request = request?;
    let found = match asked.query {
        None => request.page(context, request.filter.clone()).await?,
        Some(query) => query::run(context, &mut request, query.trim()).await?,
    };
    Ok(Answer::Success(request.answer(context, found).await))
}
