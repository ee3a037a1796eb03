//! The forms of stage codes and the directories that hold them.
//!
//! A stage's code tells its pipeline (docs/bitrix24.md, "Stages and pipelines"); only the
//! portal knows which stages a pipeline has.

use super::{EntityType, Family, Wrong};

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

/// Whether the type has several pipelines, each with its own stages.
pub const fn has_pipelines(entity: EntityType) -> bool {
    matches!(entity.family(), Some(Family::Deal | Family::Invoice | Family::SmartProcess))
}

/// The pipeline that a stage's code names; `None` for types whose stages name none.
///
/// # Errors
///
/// What the code must be like, to be read after the field's name.
pub fn pipeline(entity: EntityType, code: &str) -> Result<Option<i64>, Wrong> {
    let (prefix, name) = match code.split_once(':') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, code),
    };
    if !is_name(name) {
        return Err(format!("must be the code of a stage such as `{}`", example(entity)).into());
    }
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    match (entity.family(), prefix) {
        (Some(Family::Lead | Family::Quote), None) | (None, _) => Ok(None),
        (Some(Family::Deal), None) => Ok(Some(0)),
        (Some(Family::Deal), Some(prefix)) => {
            prefix.strip_prefix('C').and_then(number).map(Some).ok_or_else(|| {
                format!("must be like `NEW` in pipeline 0 and like `{}` in others", example(entity))
                    .into()
            })
        }
        (Some(Family::Invoice | Family::SmartProcess), Some(prefix)) => {
            let of_type = prefix.strip_prefix("DT").and_then(|rest| rest.split_once('_'));
            match of_type.and_then(|(id, pipeline)| Some((number(id)?, number(pipeline)?))) {
                Some((id, pipeline)) if id == i64::from(entity.id()) => Ok(Some(pipeline)),
                Some((id, _)) => {
                    Err(format!("is a stage of entity type {id}, not of {entity}").into())
                }
                None => Err(format!("must be like `{}`", example(entity)).into()),
            }
        }
        (Some(_), _) => {
            Err(format!("must be like `{}`, as {entity} stages are", example(entity)).into())
        }
    }
}

/// Whether the text can be a stage's code without its pipeline.
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The code that a stage's bare name has in a pipeline.
pub fn code(entity: EntityType, pipeline: i64, name: &str) -> String {
    match entity.family() {
        Some(Family::Deal) if pipeline != 0 => format!("C{pipeline}:{name}"),
        Some(Family::Invoice | Family::SmartProcess) => {
            format!("DT{}_{pipeline}:{name}", entity.id())
        }
        _ => name.to_owned(),
    }
}

fn example(entity: EntityType) -> String {
    match entity.family() {
        Some(Family::Lead) => "IN_PROCESS".to_owned(),
        Some(Family::Quote) => "SENT".to_owned(),
        Some(Family::Deal) => "C9:NEW".to_owned(),
        _ => format!("DT{}_9:NEW", entity.id()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stages_code_tells_its_pipeline() {
        let cases = [
            (1, "IN_PROCESS", Ok(None)),
            (1, "C9:NEW", Err(())),
            (2, "NEW", Ok(Some(0))),
            (2, "C9:UC_NYL06U", Ok(Some(9))),
            (2, "C0:NEW", Ok(Some(0))),
            (2, "DT128_9:NEW", Err(())),
            (2, "C9:", Err(())),
            (2, "in negotiation", Err(())),
            (7, "SENT", Ok(None)),
            (7, "C9:NEW", Err(())),
            (31, "DT31_2:N", Ok(Some(2))),
            (31, "N", Err(())),
            (128, "DT128_9:NEW", Ok(Some(9))),
            (128, "DT130_9:NEW", Err(())),
            (128, "NEW", Err(())),
        ];
        for (id, code, expected) in cases {
            let found = pipeline(EntityType::new(id), code).map_err(|_| ());
            assert_eq!(found, expected, "{id} {code}");
        }
    }
}
