//! The one table of standard fields. Schema, checks, encoding, comparison, the schema files and
//! the embedded portal are derived from it; no field's name or rule is defined elsewhere.
//!
//! Source: the vendor's page for `crm.item.update` (which types list a field) and
//! docs/bitrix24.md, "Fields by entity type" (flags, read-only fields). Custom fields,
//! `parentId{N}` and the fields of newer portals are known by rule or from the portal's own list.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::Value;

use super::{EntityType, Family, Kind, names};

/// Who may set a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An update sets it.
    Writable,
    /// The vendor lists it for updates, but only creating an item sets it.
    Immutable,
    /// The vendor lists it for updates, but the portal computes it.
    Computed,
    /// The portal alone sets it.
    ReadOnly,
    /// Not set by `crm.item.update`, whatever the portal's own list says.
    Hidden,
}

/// One standard field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name on the wire.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// The letters of the families that have it.
    pub owners: &'static str,
    /// A few words for the flat schema; empty where the name says it.
    pub hint: &'static str,
    /// A sentence for the schema files.
    pub meaning: &'static str,
    /// Who may set it.
    pub access: Access,
    /// The letters of the families that keep the old value when an empty one is sent.
    pub kept: &'static str,
    /// The most characters that the portal stores, where it is known.
    pub longest: Option<usize>,
    /// Whether it is a bookkeeping field, whose changes are never shown.
    pub is_bookkeeping: bool,
    /// Whether portals answer 0 where there is none.
    pub zero_means_none: bool,
    /// Which directory (`crm.status.list`, `ENTITY_ID`) holds its values, by families.
    pub directories: &'static [(&'static str, &'static str)],
}

impl Field {
    /// Whether items of the family have the field.
    pub fn belongs_to(&self, family: Family) -> bool {
        self.owners.contains(family.letter())
    }

    /// Whether a portal's answer means that the field holds nothing.
    pub fn holds_nothing(&self, value: &Value) -> bool {
        self.kind.is_empty(value) || (self.zero_means_none && *value == 0)
    }

    /// Whether the vendor's page lists the field for updates.
    pub const fn is_listed(&self) -> bool {
        matches!(self.access, Access::Writable | Access::Immutable | Access::Computed)
    }

    /// Whether the portal keeps the old value when an empty one is sent.
    pub fn is_kept(&self, family: Family) -> bool {
        self.kept.contains(family.letter())
    }

    /// The directory of the field's values for the family.
    pub fn directory(&self, family: Family) -> Option<&'static str> {
        self.directories
            .iter()
            .find(|(owners, _)| owners.contains(family.letter()))
            .map(|(_, directory)| *directory)
    }

    const fn kept(self, kept: &'static str) -> Self {
        Self { kept, ..self }
    }

    const fn longest(self, characters: usize) -> Self {
        Self { longest: Some(characters), ..self }
    }

    const fn directories(self, directories: &'static [(&'static str, &'static str)]) -> Self {
        Self { directories, ..self }
    }

    const fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    const fn zero_means_none(self) -> Self {
        Self { zero_means_none: true, ..self }
    }

    const fn bookkeeping(self) -> Self {
        Self { is_bookkeeping: true, ..self }
    }
}

const fn row(
    name: &'static str,
    kind: Kind,
    owners: &'static str,
    hint: &'static str,
    meaning: &'static str,
) -> Field {
    Field {
        name,
        kind,
        owners,
        hint,
        meaning,
        access: Access::Writable,
        kept: "",
        longest: None,
        is_bookkeeping: false,
        zero_means_none: false,
        directories: &[],
    }
}

const ALL: &str = "LDCMQVS";

/// Every standard field, those that an update can set first, in reading order.
#[rustfmt::skip] // a table: one field, one line
pub static FIELDS: &[Field] = &[
    row("title", Kind::Text, "LDMQVS", "", "Name of the item, at most 255 characters.").kept("LDMS").longest(255),
    row("stageId", Kind::Stage, "LDQVS", "e.g. NEW, C9:WON, DT128_9:NEW", "Code of the item's stage; it must be a stage of the item's pipeline."),
    row("categoryId", Kind::Category, "DS", "pipeline; send stageId too", "Id of the pipeline. To move an item, send the id together with a stage of the new pipeline."),
    row("opportunity", Kind::Amount, "LDQVS", "amount", "Amount in the item's currency. With product rows and automatic calculation the portal computes it."),
    row("currencyId", Kind::Currency, "LDMQVS", "ISO code", "ISO code of a currency that the portal has.").kept("LDMQVS"),
    row("isManualOpportunity", Kind::YesNo, "LDQVS", "Y: manual amount", "Whether the amount is set manually (Y) or computed from the product rows (N)."),
    row("assignedById", Kind::User, ALL, "responsible user", "Id of the user who is responsible for the item.").kept(ALL),
    row("observers", Kind::Users, "LDCMVS", "user ids; replaces all", "Ids of the users who watch the item; the list replaces the old one."),
    row("opened", Kind::YesNo, ALL, "visible to all", "Whether everyone may see the item (Y) or not (N)."),
    row("comments", Kind::Markup, "LDCMQV", "", "Comment; the portal stores it as BB code."),
    row("companyId", Kind::Link, "LDCQVS", "0 unlinks", "Id of the company that is linked to the item; 0 unlinks it."),
    row("companyIds", Kind::Links, "C", "replaces all", "Ids of the contact's companies, the main one first; the list replaces the old one."),
    row("contactId", Kind::Link, "LDQVS", "use contactIds", "Id of the main linked contact. Setting a contact that is not linked yet unlinks all others; use contactIds."),
    row("contactIds", Kind::Links, "LDMQVS", "first = main; replaces all", "Ids of the linked contacts, the main one first; the list replaces the old one."),
    row("typeId", Kind::Status, "DCM", "", "Code of the item's type from the portal's directory.")
        .directories(&[("D", "DEAL_TYPE"), ("C", "CONTACT_TYPE"), ("M", "COMPANY_TYPE")]),
    row("sourceId", Kind::Status, "LDCVS", "e.g. CALL", "Code of the source from the portal's directory, for instance CALL.")
        .directories(&[("LDCVS", "SOURCE")]),
    row("sourceDescription", Kind::Text, "LDCVS", "", "More about the source."),
    row("begindate", Kind::Date, "DQVS", "", "Day on which the item begins.").kept("DQVS"),
    row("closedate", Kind::Date, "DQVS", "", "Day on which the item is to be closed. The portal sets it to today when a final stage is reached.").kept("DQVS"),
    row("actualDate", Kind::Date, "Q", "valid until", "Day until which the quote is valid.").kept("Q"),
    row("probability", Kind::Percent, "D", "0-100", "Probability of success in percent, 0 to 100."),
    row("taxValue", Kind::Amount, "DQVS", "computed", "Amount of tax; the portal computes it from the product rows.").access(Access::Computed),
    row("isRecurring", Kind::YesNo, "D", "", "Whether the deal is a template for recurring deals (Y) or not (N)."),
    row("additionalInfo", Kind::Text, "D", "", "Additional information."),
    row("name", Kind::Text, "LC", "first name", "First name. A contact keeps at least one of name and lastName."),
    row("lastName", Kind::Text, "LC", "", "Last name. A contact keeps at least one of name and lastName."),
    row("secondName", Kind::Text, "LC", "", "Middle name."),
    row("honorific", Kind::Status, "LC", "e.g. HNR_US_1", "Code of the salutation from the portal's directory, for instance HNR_US_1.")
        .directories(&[("LC", "HONORIFIC")]),
    row("post", Kind::Text, "LC", "job title", "Job title."),
    row("birthdate", Kind::Date, "LC", "", "Date of birth."),
    row("companyTitle", Kind::Text, "L", "", "Name of the company that the lead is about."),
    row("statusDescription", Kind::Text, "L", "", "More about the stage of the lead."),
    row("fm", Kind::Multifield, "LCM", "phones, e-mails: n0 adds, record id changes, value \"\" deletes: {\"n0\":{\"typeId\":\"PHONE\",\"valueType\":\"WORK\",\"value\":\"+1\"}}", "Phones, e-mails, sites and messengers. Key n0, n1, … adds a record, the id of a record changes it, and value \"\" deletes it; records that are not named stay."),
    row("photo", Kind::Picture, "C", "", "Photograph of the contact."),
    row("export", Kind::YesNo, "C", "", "Whether the contact is part of exports (Y) or not (N)."),
    row("logo", Kind::Picture, "M", "", "Logo of the company."),
    row("industry", Kind::Status, "M", "", "Code of the industry from the portal's directory.").directories(&[("M", "INDUSTRY")]),
    row("employees", Kind::Status, "M", "", "Code of the number of employees from the portal's directory.").directories(&[("M", "EMPLOYEES")]),
    row("revenue", Kind::Number, "M", "a year", "Annual revenue in the company's currency."),
    row("bankingDetails", Kind::Text, "M", "", "Banking details; the vendor keeps the field for old data."),
    row("isMyCompany", Kind::YesNo, "M", "set on creation only", "Whether this is one of the portal owner's own companies; set on creation only.").access(Access::Immutable),
    row("leadId", Kind::Link, "DCMQ", "", "Id of the lead that the item was made from."),
    row("dealId", Kind::Link, "Q", "", "Id of the deal that the quote belongs to."),
    row("quoteId", Kind::Link, "D", "", "Id of the quote that is linked to the deal."),
    row("mycompanyId", Kind::Link, "QVS", "own company", "Id of the portal owner's company that the item is issued by."),
    row("content", Kind::Markup, "Q", "", "Text of the quote; the portal stores it as BB code."),
    row("terms", Kind::Markup, "Q", "", "Conditions of the quote; the portal stores them as BB code."),
    row("storageTypeId", Kind::Integer, "Q", "1 file, 2 WebDAV, 3 Drive", "Where the quote's files are kept: 1 file, 2 WebDAV, 3 Drive."),
    row("storageElementIds", Kind::Integers, "Q", "", "Ids of the quote's files in that storage."),
    row("webformId", Kind::Integer, "LQVS", "", "Id of the CRM form that made the item.").zero_means_none(),
    row("locationId", Kind::Text, "DQV", "", "Id of a location; a service field of the portal."),
    row("originatorId", Kind::Text, "LDCM", "", "Id of the external system that the item came from."),
    row("originId", Kind::Text, "LDCM", "", "Id of the item in that external system."),
    row("originVersion", Kind::Text, "CM", "", "Version of the item in that external system."),
    row("xmlId", Kind::Text, "VS", "external code", "External code of the item."),
    row("utmSource", Kind::Text, "LDCMQ", "", "Advertising system that brought the item (UTM mark)."),
    row("utmMedium", Kind::Text, "LDCMQ", "", "Type of the traffic that brought the item (UTM mark)."),
    row("utmCampaign", Kind::Text, "LDCMQ", "", "Advertising campaign that brought the item (UTM mark)."),
    row("utmContent", Kind::Text, "LDCMQ", "", "Content of the campaign that brought the item (UTM mark)."),
    row("utmTerm", Kind::Text, "LDCMQ", "", "Search term of the campaign that brought the item (UTM mark)."),
    // Set by the portal: needed for `expect`, the comparison and the embedded portal.
    row("id", Kind::Integer, ALL, "", "Id of the item.").access(Access::ReadOnly),
    row("entityTypeId", Kind::Integer, ALL, "", "Number of the entity type.").access(Access::ReadOnly),
    row("createdTime", Kind::DateTime, ALL, "", "When the item was made.").access(Access::ReadOnly),
    row("createdBy", Kind::User, ALL, "", "Id of the user who made the item.").access(Access::ReadOnly),
    row("updatedTime", Kind::DateTime, ALL, "", "When the item was last saved.").access(Access::ReadOnly).bookkeeping(),
    row("updatedBy", Kind::User, ALL, "", "Id of the user who last saved the item.").access(Access::ReadOnly).bookkeeping(),
    row("movedTime", Kind::DateTime, "LDQVS", "", "When the stage last changed.").access(Access::ReadOnly).bookkeeping(),
    row("movedBy", Kind::User, "LDQVS", "", "Id of the user who last changed the stage.").access(Access::ReadOnly).bookkeeping(),
    row("lastActivityTime", Kind::DateTime, ALL, "", "Time of the item's last activity.").access(Access::ReadOnly).bookkeeping(),
    row("lastActivityBy", Kind::User, ALL, "", "User of the last activity.").access(Access::ReadOnly).bookkeeping(),
    row("lastCommunicationTime", Kind::DateTime, "LDCMS", "", "When the client was last contacted.").access(Access::ReadOnly).bookkeeping(),
    row("stageSemanticId", Kind::Status, "LDQVS", "", "Whether the stage is in progress (P), success (S) or failure (F).").access(Access::ReadOnly).bookkeeping(),
    row("previousStageId", Kind::Stage, "LDQVS", "", "Code of the stage before this one.").access(Access::ReadOnly).bookkeeping(),
    row("searchContent", Kind::Text, ALL, "", "Text that the portal searches.").access(Access::ReadOnly).bookkeeping(),
    row("closed", Kind::YesNo, "DQ", "", "Whether the stage is a final one.").access(Access::ReadOnly),
    row("isNew", Kind::YesNo, "D", "", "Whether the deal is in its first stage.").access(Access::ReadOnly),
    row("isReturnCustomer", Kind::YesNo, "LD", "", "Whether the client has bought before.").access(Access::ReadOnly),
    row("isRepeatedApproach", Kind::YesNo, "D", "", "Whether it is a repeat enquiry.").access(Access::ReadOnly),
    row("hasPhone", Kind::YesNo, "LCM", "", "Whether there is a phone.").access(Access::ReadOnly),
    row("hasEmail", Kind::YesNo, "LCM", "", "Whether there is an e-mail.").access(Access::ReadOnly),
    row("hasImol", Kind::YesNo, "LCM", "", "Whether there is an open channel.").access(Access::ReadOnly),
    row("phone", Kind::Text, "LCM", "", "First phone; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("email", Kind::Text, "LCM", "", "First e-mail; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("imol", Kind::Text, "LCM", "", "First open channel; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("phoneWork", Kind::Text, "LCM", "", "First phone at work; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("phoneMobile", Kind::Text, "LCM", "", "First mobile phone; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("phoneMailing", Kind::Text, "LCM", "", "First phone for mailings; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("emailWork", Kind::Text, "LCM", "", "First e-mail at work; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("emailHome", Kind::Text, "LCM", "", "First private e-mail; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("emailMailing", Kind::Text, "LCM", "", "First e-mail for mailings; fm holds them all.").access(Access::ReadOnly).bookkeeping(),
    row("opportunityAccount", Kind::Amount, "LDQVS", "", "Amount in the portal's own currency.").access(Access::Hidden).bookkeeping(),
    row("taxValueAccount", Kind::Amount, "DQVS", "", "Tax in the portal's own currency.").access(Access::Hidden).bookkeeping(),
    row("accountCurrencyId", Kind::Currency, "LDQVS", "", "The portal's own currency.").access(Access::Hidden).bookkeeping(),
    row("exchRate", Kind::Number, "LDQVS", "", "Rate between the two currencies.").access(Access::Hidden).bookkeeping(),
    row("contacts", Kind::Any, "LDMQVS", "", "The linked contacts as the server holds them; contactIds sets them.").access(Access::Hidden).bookkeeping(),
    row("companies", Kind::Any, "C", "", "The linked companies as the server holds them; companyIds sets them.").access(Access::Hidden).bookkeeping(),
    row("fullName", Kind::Text, "LC", "", "First and last name together.").access(Access::Hidden).bookkeeping(),
    row("productRows", Kind::Any, "LDQVS", "", "Products; crm.item.productrow.set changes them.").access(Access::Hidden).bookkeeping(),
];

/// What people recognize an item by: shown for each found item and after an update.
pub const KNOWN_BY: [&str; 12] = [
    "id",
    "title",
    "name",
    "lastName",
    "companyTitle",
    "stageId",
    "categoryId",
    "opportunity",
    "currencyId",
    "assignedById",
    "companyId",
    "contactId",
];

/// The row of a name, exactly as it is written on the wire, whichever families have it.
pub fn named(name: &str) -> Option<&'static Field> {
    static BY_NAME: LazyLock<HashMap<&str, &Field>> =
        LazyLock::new(|| FIELDS.iter().map(|field| (field.name, field)).collect());
    BY_NAME.get(name).copied()
}

/// The row of a name for items of the entity type.
pub fn field(entity: EntityType, name: &str) -> Option<&'static Field> {
    let family = entity.family()?;
    named(name).filter(|field| field.belongs_to(family))
}

/// The row of a name for items of the entity type, however case and underscores are written.
pub fn spelt(entity: EntityType, name: &str) -> Option<&'static Field> {
    let (family, folded) = (entity.family()?, names::folded(name));
    FIELDS.iter().find(|row| row.belongs_to(family) && names::folded(row.name) == folded)
}

/// The list that a single link is the first of (docs/bitrix24.md, "Linked items").
pub fn list_of(entity: EntityType, single: &str) -> Option<&'static str> {
    let list = match single {
        "contactId" => "contactIds",
        "companyId" => "companyIds",
        _ => return None,
    };
    field(entity, list).map(|field| field.name)
}

/// The fields that the vendor's page lists for the family.
pub fn listed(family: Family) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |field| field.is_listed() && field.belongs_to(family))
}

/// The field that holds the number which people call an item by, on portals that are new enough for
/// it. The vendor's page does not list it (docs/bitrix24.md, "Fields by entity type"), so it is no
/// row: the portal's own list tells what it holds and whether it can be set.
pub const fn number(family: Family) -> Option<&'static str> {
    match family {
        Family::Quote => Some("quoteNumber"),
        Family::Invoice => Some("accountNumber"),
        _ => None,
    }
}

/// The names of the families that have a field, for messages: `company`, `contact and company`.
pub fn owners(field: &Field) -> String {
    let names: Vec<&str> = Family::ALL
        .iter()
        .filter(|family| field.belongs_to(**family))
        .map(|family| family.name())
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => (*only).to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_name_has_one_row() {
        let names: BTreeSet<&str> = FIELDS.iter().map(|field| field.name).collect();
        assert_eq!(names.len(), FIELDS.len());
    }

    /// The vendor's tables have 33, 34, 29, 26, 31, 23 and 22 rows; `ufCrm…` and `parentId…` are
    /// two of them in each, and no row of ours.
    #[test]
    fn each_family_has_as_many_fields_as_the_vendors_table() {
        let counts = Family::ALL.map(|family| listed(family).count() + 2);
        assert_eq!(counts, [33, 34, 29, 26, 31, 23, 22]);
    }

    #[test]
    fn letters_name_families() {
        let letters: String = Family::ALL.iter().map(|family| family.letter()).collect();
        for field in FIELDS {
            let directories = field.directories.iter().map(|(owners, _)| *owners);
            for owners in directories.chain([field.owners, field.kept]) {
                assert!(owners.chars().all(|c| letters.contains(c)), "{}", field.name);
            }
        }
    }
}
