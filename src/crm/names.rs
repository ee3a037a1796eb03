//! The two spellings of a field's name, and how one is turned into the other.
//!
//! The portal converts names in both directions by the rules below and ignores what does not
//! come out as one of its fields (docs/bitrix24.md, "Field names"). Which fields an item has is not
//! known here.

use std::iter;

/// How custom fields are named in requests and answers (`useOriginalUfNames`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Naming {
    /// `"N"`: `ufCrm_1721244707107`, the portal's default.
    #[default]
    Camel,
    /// `"Y"`: `UF_CRM_1721244707107`.
    Original,
}

impl Naming {
    /// The value on the wire: a string, because the portal refuses a JSON boolean with code 100.
    pub const fn wire(self) -> &'static str {
        match self {
            Self::Camel => "N",
            Self::Original => "Y",
        }
    }
}

/// Whether the name is a custom field's, in either spelling.
pub fn is_custom(name: &str) -> bool {
    name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("uf"))
        && !name.eq_ignore_ascii_case("uf")
}

/// Whether the name is that of a relation to a parent item: `parentId1220`.
pub fn is_parent(name: &str) -> bool {
    name.strip_prefix("parentId")
        .is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()))
}

/// The portal's conversion of an input name to its internal `UPPER_SNAKE` name.
pub fn to_upper(name: &str) -> String {
    if !is_custom(name) || is_regular_camel(name) {
        return regular_upper(name);
    }
    match (name.get(..5), name.get(5..)) {
        (Some(start), Some(rest)) if start.eq_ignore_ascii_case("ufcrm") => format!("UF_CRM{rest}"),
        _ => format!("UF_{}", name.get(2..).unwrap_or_default()),
    }
}

/// The portal's conversion of an internal name to the camelCase one that answers carry.
pub fn to_camel(name: &str) -> String {
    if !is_custom(name) || is_regular_upper(name) {
        return regular_camel(name);
    }
    match name.strip_prefix("UF_CRM") {
        Some(rest) => format!("ufCrm{rest}"),
        None => format!("uf{}", name.get(2..).unwrap_or_default()),
    }
}

/// A custom field's name in the spelling that the call works with; other names stay as they are.
///
/// With `Y` the portal takes `UF_…` literally and converts the rest, so both spellings reach the
/// field, but its answer has the original name only. With `N` it mangles `UF_…`.
pub fn in_naming(name: &str, naming: Naming) -> String {
    let original = name.starts_with("UF_");
    match naming {
        Naming::Camel if original => to_camel(name),
        Naming::Original if !original && is_custom(name) => to_upper(name),
        _ => name.to_owned(),
    }
}

/// Folds what people vary without meaning another field: case and underscores.
pub fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | ' ' | '-')).flat_map(char::to_lowercase).collect()
}

/// The rough length of the folded name: equal names have equal lengths, and counting is cheap.
pub fn folded_length(name: &str) -> usize {
    name.chars().filter(|c| !matches!(c, '_' | ' ' | '-')).count()
}

/// Names that people use for a field which the portal names differently, from the vendor's older
/// methods and its own pages. They are suggested, never mapped.
pub fn well_known_slip(name: &str) -> Option<&'static str> {
    Some(match folded(name).as_str() {
        "statusid" | "status" | "stage" => "stageId",
        "assignedby" | "responsibleid" | "responsible" | "owner" | "ownerid" | "assignedto" => {
            "assignedById"
        }
        "amount" | "price" | "sum" | "value" => "opportunity",
        "currency" => "currencyId",
        "pipeline" | "pipelineid" | "category" | "funnel" => "categoryId",
        "phone" | "phones" | "email" | "emails" | "web" | "im" => "fm",
        "source" => "sourceId",
        "type" => "typeId",
        "company" => "companyId",
        "contact" | "contacts" => "contactIds",
        "companies" => "companyIds",
        "comment" | "description" | "note" => "comments",
        "startdate" | "datestart" | "dateopen" => "begindate",
        "enddate" | "duedate" | "deadline" | "dateclose" | "dateclosed" => "closedate",
        _ => return None,
    })
}

/// The closest names, best first, none when nothing is close.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// A longer text is no misspelt name, and comparing takes the product of both lengths.
    const MAX_CHARACTERS: usize = 200;
    if name.len() > MAX_CHARACTERS * 4 {
        return None;
    }
    let asked = folded(name);
    let length = asked.chars().count();
    // Two slips in a short name, more in a long one; a shared beginning counts as well.
    let allowed = 1 + length / 4;
    let is_near_in_length = |other: &str| other.chars().count().abs_diff(length) <= allowed.max(4);
    candidates
        .into_iter()
        .filter(|candidate| length <= MAX_CHARACTERS && candidate.len() <= MAX_CHARACTERS * 4)
        .filter_map(|candidate| {
            let other = folded(candidate);
            if !is_near_in_length(&other) {
                return None;
            }
            let distance = strsim::damerau_levenshtein(&asked, &other);
            let likeness = strsim::jaro_winkler(&asked, &other);
            (distance <= allowed || likeness > 0.92).then_some((distance, likeness, candidate))
        })
        .min_by(|one, other| one.0.cmp(&other.0).then(other.1.total_cmp(&one.1)))
        .map(|(_, _, candidate)| candidate)
}

/// The camelCase names that are converted letter by letter: letters and underscores only,
/// `ufCrm<1-4 digits>_<digits or underscores>`, `ufCrm<1-4 digits><letters or underscores>`.
fn is_regular_camel(name: &str) -> bool {
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if letters(name) {
        return true;
    }
    let Some(rest) = name.strip_prefix("ufCrm") else {
        return false;
    };
    let Some((_, rest)) = leading_type_id(rest) else {
        return false;
    };
    let numbers = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    (rest.starts_with('_') && numbers(rest)) || letters(rest)
}

/// The same three shapes, seen from the `UPPER_SNAKE` side.
fn is_regular_upper(name: &str) -> bool {
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if letters(name) {
        return true;
    }
    let Some((_, rest)) = name.strip_prefix("UF_CRM_").and_then(leading_type_id) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix('_') else {
        return false;
    };
    !rest.is_empty() && (rest.chars().all(|c| c.is_ascii_digit()) || letters(rest))
}

/// Splits off one to four digits that are followed by something else.
fn leading_type_id(text: &str) -> Option<(&str, &str)> {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    ((1..=4).contains(&digits) && digits < text.len()).then(|| text.split_at(digits))
}

fn regular_upper(name: &str) -> String {
    let mut upper = String::with_capacity(name.len() + 4);
    let mut previous: Option<char> = None;
    for c in name.chars() {
        let boundary = match previous {
            None | Some('_') => false,
            Some(before) => {
                (c.is_ascii_uppercase())
                    || (c.is_ascii_digit() && before.is_ascii_alphabetic())
                    || (c.is_ascii_alphabetic() && before.is_ascii_digit())
            }
        };
        if boundary {
            upper.push('_');
        }
        upper.push(c.to_ascii_uppercase());
        previous = Some(c);
    }
    upper
}

fn regular_camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let lower = name.to_ascii_lowercase();
    let mut characters = lower.chars().peekable();
    let mut previous: Option<char> = None;
    let mut capital = false;
    while let Some(c) = characters.next() {
        if c == '_' {
            let between_digits = previous.is_some_and(|before| before.is_ascii_digit())
                && characters.peek().is_some_and(char::is_ascii_digit);
            if between_digits {
                camel.push('_');
            } else {
                capital = true;
            }
            previous = Some(c);
            continue;
        }
        if capital {
            camel.extend(iter::once(c.to_ascii_uppercase()));
        } else {
            camel.push(c);
        }
        capital = false;
        previous = Some(c);
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn original_names_become_the_camel_names_of_answers() {
        let cases = [
            ("UF_CRM_1721244707107", "ufCrm_1721244707107"),
            ("UF_CRM_2_1639669411830", "ufCrm2_1639669411830"),
            ("UF_CRM_3_DIGIT", "ufCrm3Digit"),
            ("UF_CRM_3_DIGIT10", "ufCrm_3_DIGIT10"),
            ("UF_CRM_3_DIGIT_10", "ufCrm_3_DIGIT_10"),
            ("UF_CRM_MY_STRING", "ufCrmMyString"),
            ("UF_CRM_MYFIELD1", "ufCrm_MYFIELD1"),
            ("UF_CRM_5F1A2B3C4D", "ufCrm_5F1A2B3C4D"),
            ("UF_CRM_LEAD_1700000000000", "ufCrm_LEAD_1700000000000"),
            ("UF_CRM_SMART_INVOICE_1721", "ufCrm_SMART_INVOICE_1721"),
            ("UF_LOGO", "ufLogo"),
            ("PARENT_ID_1220", "parentId1220"),
            ("STAGE_ID", "stageId"),
        ];
        for (upper, camel) in cases {
            assert_eq!(to_camel(upper), camel, "{upper}");
        }
    }

    #[test]
    fn input_names_are_converted_as_the_portal_converts_them() {
        let cases = [
            ("ufCrm_1721244707107", "UF_CRM_1721244707107"),
            ("ufCrm1617027453943", "UF_CRM1617027453943"),
            ("UF_CRM_1721244707107", "UF__CRM_1721244707107"),
            ("UF_CRM_MY_STRING", "U_F_C_R_M_M_Y_S_T_R_I_N_G"),
            ("ufCrm_7_1739432938", "UF_CRM_7_1739432938"),
            ("ufCrm7_1739432938", "UF_CRM_7_1739432938"),
            ("ufCrmMyString", "UF_CRM_MY_STRING"),
            ("ufCrm3Digit", "UF_CRM_3_DIGIT"),
            ("ufCrm_MYFIELD1", "UF_CRM_MYFIELD1"),
            ("ufcrm_1721244707107", "UF_CRM_1721244707107"),
            ("ufLogo", "UF_LOGO"),
            ("stage_id", "STAGE_ID"),
            ("beginDate", "BEGIN_DATE"),
            ("myCompanyId", "MY_COMPANY_ID"),
            ("parentId1220", "PARENT_ID_1220"),
            ("closeDate", "CLOSE_DATE"),
            ("assignedBy", "ASSIGNED_BY"),
        ];
        for (camel, upper) in cases {
            assert_eq!(to_upper(camel), upper, "{camel}");
        }
    }

    #[test]
    fn suggestions_are_close_or_absent() {
        let candidates = ["title", "stageId", "assignedById", "opportunity", "begindate"];
        let cases = [
            ("titel", Some("title")),
            ("stage", Some("stageId")),
            ("assigned", Some("assignedById")),
            ("oportunity", Some("opportunity")),
            ("favouriteColour", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, candidates), expected, "{typed}");
        }
    }
}
