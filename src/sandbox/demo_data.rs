//! Demo data of a small company.
//!
//! Deal 351 is as before the vendor's example, so that the example changes all that it names.
//! Deal 355 holds files; deal 360 is closed to webhooks; only people may move a deal to
//! `C9:UC_LEGAL`; the plan does not include smart process 1048; smart process 132 has neither
//! observers nor dates; user 77 is external.

use serde_json::json;

use super::{
    directories::CURRENCIES,
    state::{Common, CustomField, Pipeline, Semantics, Stage, State, TypeData, User},
};

const fn stage(code: &'static str, name: &'static str, semantics: Semantics) -> Stage {
    Stage { code, name, semantics, is_locked: false }
}

const LEAD_STAGES: &[Stage] = &[
    stage("NEW", "New", Semantics::Process),
    stage("IN_PROCESS", "In work", Semantics::Process),
    stage("CONVERTED", "Converted", Semantics::Success),
    stage("JUNK", "Junk", Semantics::Failure),
];
const SALES_STAGES: &[Stage] = &[
    stage("NEW", "New", Semantics::Process),
    stage("PREPARATION", "Preparation", Semantics::Process),
    stage("EXECUTING", "In delivery", Semantics::Process),
    stage("WON", "Won", Semantics::Success),
    stage("LOSE", "Lost", Semantics::Failure),
];
const SERVICE_STAGES: &[Stage] = &[
    stage("C9:NEW", "Request", Semantics::Process),
    stage("C9:UC_NYL06U", "Agreed", Semantics::Process),
    Stage {
        code: "C9:UC_LEGAL",
        name: "Approved by legal",
        semantics: Semantics::Process,
        is_locked: true,
    },
    stage("C9:WON", "Served", Semantics::Success),
    stage("C9:LOSE", "Declined", Semantics::Failure),
];
const QUOTE_STAGES: &[Stage] = &[
    stage("DRAFT", "Draft", Semantics::Process),
    stage("SENT", "Sent", Semantics::Process),
    stage("APPROVED", "Approved", Semantics::Success),
    stage("DECLAINED", "Declined", Semantics::Failure),
];
const INVOICE_STAGES: &[Stage] = &[
    stage("DT31_2:N", "New", Semantics::Process),
    stage("DT31_2:S", "Sent", Semantics::Process),
    stage("DT31_2:P", "Paid", Semantics::Success),
    stage("DT31_2:D", "Unpaid", Semantics::Failure),
];
const PROJECT_STAGES: &[Stage] = &[
    stage("DT1220_11:NEW", "Planned", Semantics::Process),
    stage("DT1220_11:CLIENT", "With the client", Semantics::Process),
    stage("DT1220_11:SUCCESS", "Done", Semantics::Success),
    stage("DT1220_11:FAIL", "Dropped", Semantics::Failure),
];
const ASSET_STAGES: &[Stage] = &[
    stage("DT132_3:NEW", "In use", Semantics::Process),
    stage("DT132_3:SUCCESS", "Sold", Semantics::Success),
];
const RESTRICTED_STAGES: &[Stage] = &[stage("DT1048_15:NEW", "In use", Semantics::Process)];

const fn custom(
    upper_name: &'static str,
    title: &'static str,
    portal_type: &'static str,
) -> CustomField {
    CustomField { upper_name, title, portal_type, is_multiple: false, options: &[] }
}

const CHANNELS: &[(i64, &str)] = &[(44, "Fair"), (45, "Partner"), (46, "Сайт")];

const fn user(
    id: u32,
    name: &'static str,
    last_name: &'static str,
    email: &'static str,
    position: &'static str,
) -> User {
    User { id, name, last_name, email, position, is_active: true }
}

const USERS: [User; 5] = [
    user(1, "Sandbox", "User", "user@sandbox.example", "Administrator"),
    user(6, "Jonas", "Brandt", "jonas.brandt@sandbox.example", "Sales manager"),
    user(7, "Ольга", "Иванова", "olga@sandbox.example", "Менеджер по продажам"),
    user(8, "Marta", "Keller", "marta.keller@sandbox.example", "Head of sales"),
    User {
        is_active: false,
        ..user(9, "Peter", "Novak", "peter@sandbox.example", "Sales manager")
    },
];

/// What people see in the place of the names of standard fields.
pub(super) fn title(name: &str) -> &str {
    const TITLES: &[(&str, &str)] = &[
        ("title", "Name"),
        ("stageId", "Stage"),
        ("categoryId", "Pipeline"),
        ("opportunity", "Amount"),
        ("currencyId", "Currency"),
        ("isManualOpportunity", "Manual amount"),
        ("assignedById", "Responsible"),
        ("observers", "Observers"),
        ("opened", "Available to everyone"),
        ("comments", "Comment"),
        ("companyId", "Company"),
        ("companyIds", "Companies"),
        ("contactId", "Contact"),
        ("contactIds", "Contacts"),
        ("typeId", "Type"),
        ("sourceId", "Source"),
        ("sourceDescription", "Source information"),
        ("begindate", "Start date"),
        ("closedate", "Expected close date"),
        ("probability", "Probability"),
        ("name", "First name"),
        ("lastName", "Last name"),
        ("secondName", "Middle name"),
        ("honorific", "Salutation"),
        ("post", "Position"),
        ("birthdate", "Birthday"),
        ("industry", "Industry"),
        ("employees", "Employees"),
        ("revenue", "Annual revenue"),
        ("fm", "Phones and e-mails"),
    ];
    TITLES.iter().find(|(field, _)| *field == name).map_or(name, |(_, title)| title)
}

pub(super) fn company() -> State {
    let types = [
        leads(),
        deals(),
        contacts(),
        companies(),
        quotes(),
        invoices(),
        projects(),
        assets(),
        restricted(),
    ];
    State {
        types: types.into_iter().map(|data| (data.entity.id(), data)).collect(),
        common: Common {
            currencies: CURRENCIES.iter().map(|(code, _)| *code).collect(),
            next_record: 41,
            ..Common::default()
        },
        users: USERS.to_vec(),
        extranet_users: [77].into(),
        ..State::default()
    }
}

fn leads() -> TypeData {
    let mut data = TypeData::new(1, "Lead");
    data.pipelines = vec![Pipeline { id: 0, name: "Leads", stages: LEAD_STAGES }];
    data.custom = vec![custom("UF_CRM_LEAD_1700000000000", "Campaign code", "string")];
    data.add(21, json!({"title": "Call from the fair", "stageId": "NEW", "name": "Ines", "lastName": "Ferreira", "companyTitle": "Ferreira Cork", "sourceId": "CALL", "opportunity": 3200, "currencyId": "EUR"}));
    data.add(22, json!({"title": "Form on the website", "stageId": "IN_PROCESS", "name": "Jonas", "lastName": "Weber", "sourceId": "WEBFORM", "currencyId": "EUR"}));
    data
}

fn deals() -> TypeData {
    let mut data = TypeData::new(2, "Deal");
    data.pipelines = vec![
        Pipeline { id: 0, name: "Sales", stages: SALES_STAGES },
        Pipeline { id: 9, name: "Service", stages: SERVICE_STAGES },
    ];
    data.parents = vec![1220];
    data.custom = vec![
        custom("UF_CRM_1721244707107", "Delivery cost", "double"),
        custom("UF_CRM_MY_STRING", "Внутренний номер", "string"),
        CustomField {
            is_multiple: true,
            options: CHANNELS,
            ..custom("UF_CRM_1730000000001", "Channels", "enumeration")
        },
        CustomField {
            options: CHANNELS,
            ..custom("UF_CRM_1730000000002", "Main channel", "enumeration")
        },
        custom("UF_CRM_1730000000003", "Contract signed", "boolean"),
        custom("UF_CRM_1730000000004", "Delivery day", "date"),
        custom("UF_CRM_1730000000005", "Deposit", "money"),
        custom("UF_CRM_1730000000006", "Handover", "datetime"),
        CustomField { is_multiple: true, ..custom("UF_CRM_1730000000007", "Related items", "crm") },
        custom("UF_CRM_1730000000008", "Technician", "employee"),
        custom("UF_CRM_1730000000009", "Номер договора", "string"),
        custom("UF_CRM_1617027453943", "Contract", "file"),
        CustomField { is_multiple: true, ..custom("UF_CRM_1617027453944", "Attachments", "file") },
    ];
    data.add(101, json!({"title": "Acme: spring order", "stageId": "PREPARATION", "categoryId": 0, "opportunity": 9800, "currencyId": "EUR", "isManualOpportunity": "Y", "typeId": "SALE", "companyId": 11, "contactId": 5, "contactIds": [5, 7], "sourceId": "CALL", "probability": 40, "begindate": "2026-09-01T02:00:00+02:00", "closedate": "2026-12-15T02:00:00+02:00", "isNew": "N"}));
    data.add(102, json!({"title": "Orbit: annual licence", "stageId": "NEW", "categoryId": 0, "opportunity": 24000, "currencyId": "USD", "isManualOpportunity": "Y", "typeId": "SALE", "companyId": 12, "contactId": 6, "contactIds": [6], "probability": 10, "begindate": "2026-10-05T02:00:00+02:00", "closedate": "2026-11-30T02:00:00+02:00", "isNew": "Y"}));
    data.add(103, json!({"title": "Поставка кабеля", "stageId": "EXECUTING", "categoryId": 0, "opportunity": 150_000, "currencyId": "RUB", "isManualOpportunity": "Y", "typeId": "SALE", "companyId": 11, "contactId": 7, "contactIds": [7], "assignedById": 7, "probability": 70, "ufCrm_1730000000009": "Д-17/2026"}));
    data.add(351, json!({"title": "Service contract", "stageId": "C9:NEW", "categoryId": 9, "opportunity": 500, "currencyId": "EUR", "isManualOpportunity": "Y", "typeId": "SALE", "begindate": "2026-07-23T02:00:00+02:00", "closedate": "2026-07-31T02:00:00+02:00", "isNew": "Y", "comments": "", "sourceId": "", "sourceDescription": ""}));
    data.add(355, json!({"title": "Maintenance with papers", "stageId": "C9:UC_NYL06U", "categoryId": 9, "opportunity": 1800, "currencyId": "EUR", "isManualOpportunity": "Y", "observers": [1, 6], "ufCrm_1730000000001": [44, 45], "ufCrm_1617027453943": 433, "ufCrm_1617027453944": [12, 255, 44]}));
    data.add(360, json!({"title": "Merger, for directors only", "stageId": "C9:NEW", "categoryId": 9, "currencyId": "EUR"}));
    data.closed_items = [360].into();
    data
}

fn contacts() -> TypeData {
    let mut data = TypeData::new(3, "Contact");
    data.pipelines = vec![Pipeline { id: 0, name: "Contacts", stages: &[] }];
    // Fields to portals and their field lists, not to the vendor's page.
    data.custom = vec![custom("CATEGORY_ID", "Category", "crm_category")];
    data.add(5, json!({"photo": 77, "fm": [
        {"id": 31, "valueType": "WORK", "value": "+4670000001", "typeId": "PHONE"},
        {"id": 32, "valueType": "WORK", "value": "anna@acme.example", "typeId": "EMAIL"},
    ], "name": "Anna", "lastName": "Lindqvist", "post": "Buyer", "companyId": 11, "companyIds": [11], "typeId": "CLIENT", "export": "Y", "birthdate": "1984-03-05T02:00:00+02:00"}));
    data.add(6, json!({"name": "Tomás", "lastName": "Oliveira", "post": "Head of IT", "companyId": 12, "companyIds": [12], "typeId": "CLIENT"}));
    data.add(7, json!({"fm": [
        {"id": 35, "valueType": "WORK", "value": "8 (912) 555-01-22", "typeId": "PHONE"},
    ], "name": "Пётр", "lastName": "Соколов", "post": "Бухгалтер", "companyId": 11, "companyIds": [11], "typeId": "CLIENT"}));
    data.add(8, json!({"fm": [
        {"id": 33, "valueType": "MOBILE", "value": "+49 151 555-01-77", "typeId": "PHONE"},
        {"id": 34, "valueType": "WORK", "value": "ingrid.berg@orbit.example", "typeId": "EMAIL"},
    ], "name": "Ingrid", "lastName": "Berg", "post": "Managing director", "companyId": 12, "companyIds": [12], "typeId": "CLIENT"}));
    data
}

fn companies() -> TypeData {
    let mut data = TypeData::new(4, "Company");
    data.add(11, json!({"title": "Acme Tools", "typeId": "CUSTOMER", "industry": "MANUFACTURING", "employees": "EMPLOYEES_2", "currencyId": "EUR", "revenue": 1_200_000, "contactIds": [5, 7]}));
    data.add(12, json!({"title": "Orbit Software", "typeId": "CUSTOMER", "industry": "IT", "employees": "EMPLOYEES_3", "currencyId": "USD", "contactIds": [6]}));
    data.add(13, json!({"title": "Our own company", "isMyCompany": "Y", "currencyId": "EUR"}));
    data
}

fn quotes() -> TypeData {
    let mut data = TypeData::new(7, "Quote");
    data.custom = vec![custom("QUOTE_NUMBER", "Number", "string")];
    data.pipelines = vec![Pipeline { id: 0, name: "Quotes", stages: QUOTE_STAGES }];
    data.add(71, json!({"title": "Quote for Acme", "quoteNumber": "Q-2026/17", "stageId": "DRAFT", "opportunity": 9800, "currencyId": "EUR", "isManualOpportunity": "Y", "dealId": 101, "companyId": 11, "contactIds": [5], "contactId": 5, "mycompanyId": 13, "begindate": "2026-09-02T02:00:00+02:00", "closedate": "2026-10-02T02:00:00+02:00", "actualDate": "2026-12-31T02:00:00+02:00", "content": "[b]Spring order[/b]"}));
    data
}

fn invoices() -> TypeData {
    let mut data = TypeData::new(31, "Invoice");
    data.pipelines = vec![Pipeline { id: 2, name: "Invoices", stages: INVOICE_STAGES }];
    data.custom = vec![
        custom("UF_CRM_SMART_INVOICE_1721", "Cost centre", "string"),
        custom("ACCOUNT_NUMBER", "Number", "string"),
    ];
    data.add(82, json!({"title": "Invoice 2026-082", "stageId": "DT31_2:N", "currencyId": "EUR", "accountNumber": "2026-082"}));
    data.add(83, json!({"title": "Cable for the fair", "stageId": "DT31_2:N", "currencyId": "EUR", "companyId": 12, "accountNumber": "INV-2026-017"}));
    data.add(81, json!({"title": "Invoice 2026-081", "stageId": "DT31_2:S", "opportunity": 4900, "currencyId": "EUR", "isManualOpportunity": "Y", "companyId": 11, "mycompanyId": 13, "begindate": "2026-10-01T02:00:00+02:00", "closedate": "2026-10-31T02:00:00+02:00"}));
    data
}

fn projects() -> TypeData {
    let mut data = TypeData::new(1220, "Projects");
    data.pipelines = vec![Pipeline { id: 11, name: "Projects", stages: PROJECT_STAGES }];
    data.custom = vec![custom("UF_CRM_7_1739432938", "Site address", "string")];
    data.add(1, json!({"title": "Warehouse move", "stageId": "DT1220_11:NEW", "categoryId": 11, "opportunity": 15000, "currencyId": "EUR", "isManualOpportunity": "Y"}));
    data.add(2, json!({"title": "Rollout at Orbit", "stageId": "DT1220_11:CLIENT", "categoryId": 11, "opportunity": 7200, "currencyId": "USD", "isManualOpportunity": "Y", "companyId": 12}));
    data
}

fn assets() -> TypeData {
    let mut data = TypeData::new(132, "Vehicles");
    data.switched_off = &["observers", "begindate", "closedate"];
    data.pipelines = vec![Pipeline { id: 3, name: "Vehicles", stages: ASSET_STAGES }];
    data.add(
        1,
        json!({"title": "Van 3", "stageId": "DT132_3:NEW", "categoryId": 3, "currencyId": "EUR"}),
    );
    data
}

fn restricted() -> TypeData {
    let mut data = TypeData::new(1048, "Old equipment");
    data.pipelines = vec![Pipeline { id: 15, name: "Equipment", stages: RESTRICTED_STAGES }];
    data.is_restricted_by_plan = true;
    data.add(1, json!({"title": "Old equipment", "stageId": "DT1048_15:NEW", "categoryId": 15, "currencyId": "EUR"}));
    data
}
