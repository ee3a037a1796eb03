//! The forms of stage codes and the directories that hold them.
//!
//! A stage's code tells its pipeline (fact sheet §1.7); which stages a pipeline has is the
//! portal's knowledge.

use super::{EntityType, Family};

/// The directory (`crm.status.list`, `ENTITY_ID`) of the stages of an entity type's pipeline;
/// `None` for types without stages.
pub fn directory(entity: EntityType, category: i64) -> Option<String> {
    Some(match entity.family()? {
        Family::Lead => "STATUS".to_owned(),
        Family::Deal if category == 0 => "DEAL_STAGE".to_owned(),
        Family::Deal => format!("DEAL_STAGE_{category}"),
        Family::Quote => "QUOTE_STATUS".to_owned(),
        Family::Invoice => format!("SMART_INVOICE_STAGE_{category}"),
        Family::SmartProcess => format!("DYNAMIC_{}_STAGE_{category}", entity.id()),
        Family::Contact | Family::Company => return None,
    })
}

/// Whether an item of the type stands in one of several pipelines, each with its own stages.
pub const fn has_pipelines(entity: EntityType) -> bool {
    matches!(entity.family(), Some(Family::Deal | Family::Invoice | Family::SmartProcess))
}
