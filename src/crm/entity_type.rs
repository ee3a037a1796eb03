//! The kind of item that a number names: lead, deal, contact, company, quote, invoice or smart
//! process.

use std::fmt;

use super::wrong::{Wrong, shown};

/// The seven families of entity types that `crm.item.update` documents a field table for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `entityTypeId` 1.
    Lead,
    /// `entityTypeId` 2.
    Deal,
    /// `entityTypeId` 3.
    Contact,
    /// `entityTypeId` 4.
    Company,
    /// `entityTypeId` 7, called "estimate" in some portals.
    Quote,
    /// `entityTypeId` 31, the new invoice; the old one (5) is not served by `crm.item.*`.
    Invoice,
    /// A type of the portal's own: 128–191, or an even number from 1030 on.
    SmartProcess,
}

impl Family {
    /// All families, in the order of the vendor's page.
    pub const ALL: [Self; 7] = [
        Self::Lead,
        Self::Deal,
        Self::Contact,
        Self::Company,
        Self::Quote,
        Self::Invoice,
        Self::SmartProcess,
    ];

    /// The family's letter in the tool's flat schema.
    pub const fn letter(self) -> char {
        match self {
            Self::Lead => 'L',
            Self::Deal => 'D',
            Self::Contact => 'C',
            Self::Company => 'M',
            Self::Quote => 'Q',
            Self::Invoice => 'V',
            Self::SmartProcess => 'S',
        }
    }

    /// The family's name in messages and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Deal => "deal",
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Quote => "quote",
            Self::Invoice => "invoice",
            Self::SmartProcess => "smart process",
        }
    }

    /// The portal's code of the family, and the short one that stands before an item's id in a
    /// custom field; smart processes have codes of their own.
    const fn codes(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Lead => Some(("LEAD", "L")),
            Self::Deal => Some(("DEAL", "D")),
            Self::Contact => Some(("CONTACT", "C")),
            Self::Company => Some(("COMPANY", "CO")),
            Self::Quote => Some(("QUOTE", "Q")),
            Self::Invoice => Some(("SMART_INVOICE", "SI")),
            Self::SmartProcess => None,
        }
    }

    /// The `entityTypeId` of the family, or `None` for smart processes, which have many.
    pub const fn entity_type_id(self) -> Option<u32> {
        match self {
            Self::Lead => Some(1),
            Self::Deal => Some(2),
            Self::Contact => Some(3),
            Self::Company => Some(4),
            Self::Quote => Some(7),
            Self::Invoice => Some(31),
            Self::SmartProcess => None,
        }
    }
}

/// A checked `entityTypeId`: any positive number, because the portal alone knows which types it
/// has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityType(u32);

impl EntityType {
    /// Takes the number as the portal writes it.
    pub const fn new(id: u32) -> Self {
        Self(id)
    }

    /// Understands the names that assistants write instead of the number.
    pub fn named(name: &str) -> Option<Self> {
        let family = match name.trim().to_lowercase().as_str() {
            "lead" | "leads" | "лид" | "лиды" => Family::Lead,
            "deal" | "deals" | "сделка" | "сделки" => Family::Deal,
            "contact" | "contacts" | "контакт" | "контакты" => Family::Contact,
            "company" | "companies" | "компания" | "компании" => Family::Company,
            "quote" | "quotes" | "estimate" | "estimates" | "предложение" => {
                Family::Quote
            }
            "invoice" | "invoices" | "smart_invoice" | "smartinvoice" | "счёт" | "счет" => {
                Family::Invoice
            }
            _ => return None,
        };
        family.entity_type_id().map(Self)
    }

    /// Understands what settings write: such a name, or the number of a type that has fields.
    pub fn set(text: &str) -> Option<Self> {
        let by_number = text.parse().ok().map(Self);
        by_number.filter(|entity| entity.family().is_some()).or_else(|| Self::named(text))
    }

    /// The number on the wire.
    pub const fn id(self) -> u32 {
        self.0
    }

    /// The family whose field table applies, or `None` where the vendor documents none.
    ///
    /// Smart processes have numbers from 128 to 191 or even ones from 1030 on; the odd ones are
    /// recycle-bin shadows.
    pub const fn family(self) -> Option<Family> {
        match self.0 {
            1 => Some(Family::Lead),
            2 => Some(Family::Deal),
            3 => Some(Family::Contact),
            4 => Some(Family::Company),
            7 => Some(Family::Quote),
            31 => Some(Family::Invoice),
            128..=191 => Some(Family::SmartProcess),
            id if id >= 1030 && id % 2 == 0 => Some(Family::SmartProcess),
            _ => None,
        }
    }

    /// The type's code, as the settings of fields name it: `DEAL`, `DYNAMIC_1220`.
    pub fn code(self) -> String {
        match self.family().and_then(Family::codes) {
            Some((code, _)) => code.to_owned(),
            None => format!("DYNAMIC_{}", self.0),
        }
    }

    /// What stands before an item's id where a custom field links to it: `CO`, `T4c4`.
    pub fn short_code(self) -> String {
        match self.family().and_then(Family::codes) {
            Some((_, short)) => short.to_owned(),
            None => format!("T{:x}", self.0),
        }
    }

    /// The type with that code.
    pub fn of_code(code: &str) -> Option<Self> {
        match code.strip_prefix("DYNAMIC_") {
            Some(id) => id.parse().ok().map(Self),
            None => Self::standard().find(|entity| entity.code() == code),
        }
    }

    /// The type with that short code.
    pub fn of_short_code(code: &str) -> Option<Self> {
        let standard =
            Self::standard().find(|entity| entity.short_code().eq_ignore_ascii_case(code));
        let smart = || u32::from_str_radix(code.strip_prefix(['T', 't'])?, 16).ok().map(Self);
        standard.or_else(smart)
    }

    /// The types that every portal has.
    pub fn standard() -> impl Iterator<Item = Self> {
        Family::ALL.into_iter().filter_map(Family::entity_type_id).map(Self)
    }

    /// The id of an item of this type in a text that people pass on: a link to it, `#351`, `deal
    /// 351`.
    ///
    /// # Errors
    ///
    /// What is wrong, to be read after the argument's name.
    pub fn item_in(self, text: &str) -> Result<u64, Wrong> {
        if let Some((entity, id)) = linked_item(text) {
            return if entity == self {
                Ok(id)
            } else {
                Err(format!("is a link to a {entity}, not to a {self}").into())
            };
        }
        if text.contains("://") {
            return Err(format!("is not a link to a {self}").into());
        }
        let no_number = || format!("must be a whole number, not {}", shown(&text.into()));
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|it| !it.is_empty());
        let (Some(number), None) = (numbers.next(), numbers.next()) else {
            return Err(no_number().into());
        };
        let (before, after) = text.split_once(number).unwrap_or_default();
        let is_part = |c: char| c.is_alphanumeric() || "-+_.,".contains(c);
        if before.ends_with(is_part) || after.starts_with(is_part) {
            return Err(no_number().into());
        }
        number.parse().map_err(|_| "is larger than any id".into())
    }

    /// The path of an item's page in the portal.
    pub fn item_path(self, id: impl fmt::Display) -> String {
        match self.family() {
            Some(family @ (Family::Lead | Family::Deal | Family::Contact | Family::Company)) => {
                format!("/crm/{}/details/{id}/", family.name())
            }
            _ => format!("/crm/type/{}/details/{id}/", self.0),
        }
    }
}

/// The item that a link leads to: `…/crm/deal/details/351/`, `…/crm/type/1220/details/2/`.
pub fn linked_item(text: &str) -> Option<(EntityType, u64)> {
    let (_, path) = text.split_once("/crm/")?;
    let mut parts = path.split(['/', '?', '#']);
    let entity = match (parts.next()?, parts.next()?) {
        ("type", number) => {
            let entity = EntityType::new(number.parse().ok()?);
            (parts.next()? == "details").then_some(entity)?
        }
        (family, "details") => {
            let family = Family::ALL.into_iter().find(|it| it.name() == family)?;
            EntityType::new(family.entity_type_id()?)
        }
        _ => return None,
    };
    let id = parts.next()?.parse().ok().filter(|id| *id > 0)?;
    Some((entity, id))
}

/// The entity types that a server works on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntityTypes {
    /// None: all that the portal has.
    only: Option<Vec<EntityType>>,
}

impl EntityTypes {
    /// These and no others.
    pub const fn only(types: Vec<EntityType>) -> Self {
        Self { only: Some(types) }
    }

    /// Whether the server works on the type.
    pub fn contains(&self, entity: EntityType) -> bool {
        self.only.as_ref().is_none_or(|types| types.contains(&entity))
    }

    /// The families that the types belong to, in the order of the vendor's page.
    pub fn families(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(|family| match &self.only {
            None => true,
            Some(types) => types.iter().any(|entity| entity.family() == Some(*family)),
        })
    }

    /// The types of a family that are known by their numbers.
    pub fn of_family(&self, family: Family) -> Vec<EntityType> {
        match (family.entity_type_id(), &self.only) {
            (Some(id), _) => vec![EntityType(id)],
            (None, Some(types)) => {
                types.iter().copied().filter(|entity| entity.family() == Some(family)).collect()
            }
            (None, None) => Vec::new(),
        }
    }

    /// Each family's name with its numbers: `deal` and `2`.
    pub fn numbers(&self) -> impl Iterator<Item = (Family, String)> {
        self.families().map(|family| {
            let numbers = match (family.entity_type_id(), &self.only) {
                (Some(id), _) => id.to_string(),
                (None, None) => "128-191 or even >=1030".to_owned(),
                (None, Some(types)) => {
                    let smart = types.iter().filter(|entity| entity.family() == Some(family));
                    smart.map(|entity| entity.id().to_string()).collect::<Vec<_>>().join(", ")
                }
            };
            (family, numbers)
        })
    }
}

impl fmt::Display for EntityTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.numbers().map(|(family, numbers)| match (family, &self.only) {
            (Family::SmartProcess, None) => "else smart process".to_owned(),
            (family, _) => format!("{numbers} {}", family.name()),
        });
        f.write_str(&shown.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for EntityType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family() {
            Some(Family::SmartProcess) => write!(f, "smart process {}", self.0),
            Some(family) => f.write_str(family.name()),
            None => write!(f, "entity type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_follow_the_vendors_number_ranges() {
        let cases: [(u32, Option<Family>); 14] = [
            (1, Some(Family::Lead)),
            (2, Some(Family::Deal)),
            (3, Some(Family::Contact)),
            (4, Some(Family::Company)),
            (5, None),
            (7, Some(Family::Quote)),
            (31, Some(Family::Invoice)),
            (127, None),
            (128, Some(Family::SmartProcess)),
            (191, Some(Family::SmartProcess)),
            (192, None),
            (1029, None),
            (1030, Some(Family::SmartProcess)),
            (1031, None),
        ];
        for (id, family) in cases {
            assert_eq!(EntityType::new(id).family(), family, "{id}");
        }
    }

    #[test]
    fn an_item_is_known_by_its_link_or_by_the_only_number() {
        let cases = [
            (2, "https://acme.example/crm/deal/details/351/", Ok(351)),
            (2, "https://acme.example/crm/deal/details/351/?IFRAME=Y", Ok(351)),
            (2, "/crm/type/2/details/351", Ok(351)),
            (1220, "https://acme.example/b24/crm/type/1220/details/2/", Ok(2)),
            (2, "351", Ok(351)),
            (2, " 351 ", Ok(351)),
            (2, "#351", Ok(351)),
            (2, "№351", Ok(351)),
            (2, "deal 351", Ok(351)),
            (2, "https://acme.example/crm/contact/details/5/", Err(())),
            (2, "https://acme.example/company/351/", Err(())),
            (2, "deal 351 of 2026", Err(())),
            (2, "-351", Err(())),
            (2, "3.5", Err(())),
            (2, "D_351", Err(())),
            (2, "351x", Err(())),
            (2, "deal", Err(())),
            (2, "99999999999999999999", Err(())),
        ];
        for (id, text, expected) in cases {
            assert_eq!(EntityType::new(id).item_in(text).map_err(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn each_type_has_a_code_and_a_short_one() {
        let cases = [
            (1, "LEAD", "L"),
            (4, "COMPANY", "CO"),
            (31, "SMART_INVOICE", "SI"),
            (128, "DYNAMIC_128", "T80"),
            (1220, "DYNAMIC_1220", "T4c4"),
        ];
        for (id, code, short) in cases {
            let entity = EntityType::new(id);
            assert_eq!((entity.code(), entity.short_code()), (code.to_owned(), short.to_owned()));
            assert_eq!(EntityType::of_code(code), Some(entity));
            assert_eq!(EntityType::of_short_code(short), Some(entity));
        }
        assert_eq!(EntityType::of_code("ORDER"), None);
    }

    #[test]
    fn every_family_with_a_number_is_known_by_its_name() {
        for family in Family::ALL {
            let id = family.entity_type_id();
            assert_eq!(EntityType::named(family.name()).map(EntityType::id), id);
        }
    }
}
