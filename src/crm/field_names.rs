//! What people call the standard fields, in Russian and in English, whatever language a portal
//! speaks: as Bitrix24's own interface names them, and a few words that are used as often.
//!
//! Two fields that are alike share a word (`Срок`, `Дата`); the catalogue's sentences tell them
//! apart.

use std::{collections::HashMap, sync::LazyLock};

/// A field's name on the wire, and what people call it.
type Named = (&'static str, &'static [&'static str]);

#[rustfmt::skip] // a table: one field, one line
const NAMES: &[Named] = &[
    ("title", &["Название", "Name", "Title"]),
    ("stageId", &["Стадия", "Статус", "Этап", "Stage", "Status"]),
    ("categoryId", &["Воронка", "Направление", "Pipeline", "Funnel"]),
    ("opportunity", &["Сумма", "Ожидаемая сумма", "Amount", "Total"]),
    ("currencyId", &["Валюта", "Currency"]),
    ("isManualOpportunity", &["Режим расчёта суммы", "Сумма вручную", "Amount calculation mode", "Manual amount"]),
    ("assignedById", &["Ответственный", "Responsible person", "Assigned to", "Owner"]),
    ("observers", &["Наблюдатели", "Observers", "Watchers"]),
    ("opened", &["Доступно для всех", "Publicly available", "Available to everyone"]),
    ("comments", &["Комментарий", "Comment"]),
    ("companyId", &["Компания", "Company"]),
    ("companyIds", &["Компании", "Companies"]),
    ("contactId", &["Контакт", "Contact"]),
    ("contactIds", &["Контакты", "Contacts"]),
    ("typeId", &["Тип", "Type"]),
    ("sourceId", &["Источник", "Source"]),
    ("sourceDescription", &["Дополнительно об источнике", "Additional source info", "Source information"]),
    ("begindate", &["Дата начала", "Дата выставления", "Start date", "Issue date"]),
    ("closedate", &["Дата завершения", "Дата закрытия", "Срок", "Срок оплаты", "End date", "Close date", "Due date", "Deadline"]),
    ("actualDate", &["Срок действия", "Действует до", "Действительно до", "Valid until", "Expiry date"]),
    ("probability", &["Вероятность", "Probability"]),
    ("taxValue", &["Сумма налога", "Налог", "НДС", "Tax amount", "VAT"]),
    ("isRecurring", &["Регулярная сделка", "Повторяемость", "Recurring deal"]),
    ("additionalInfo", &["Дополнительная информация", "Additional information"]),
    ("name", &["Имя", "First name"]),
    ("lastName", &["Фамилия", "Last name", "Surname"]),
    ("secondName", &["Отчество", "Second name", "Middle name", "Patronymic"]),
    ("honorific", &["Обращение", "Salutation"]),
    ("post", &["Должность", "Position", "Job title"]),
    ("birthdate", &["Дата рождения", "День рождения", "Date of birth", "Birthday"]),
    ("companyTitle", &["Название компании", "Company name"]),
    ("statusDescription", &["Дополнительно о статусе", "Дополнительно о стадии", "Additional status info", "Status information"]),
    ("fm", &["Телефон", "E-mail", "Почта", "Сайт", "Мессенджер", "Phone", "Email", "Website", "Messenger"]),
    ("photo", &["Фотография", "Фото", "Photo", "Picture"]),
    ("export", &["Участвует в экспорте", "Included in export"]),
    ("logo", &["Логотип", "Logo"]),
    ("industry", &["Сфера деятельности", "Отрасль", "Industry"]),
    ("employees", &["Количество сотрудников", "Employees", "Number of employees"]),
    ("revenue", &["Годовой оборот", "Annual revenue", "Turnover"]),
    ("bankingDetails", &["Банковские реквизиты", "Banking details", "Bank account"]),
    ("isMyCompany", &["Моя компания", "My company"]),
    ("leadId", &["Лид", "Lead"]),
    ("dealId", &["Сделка", "Deal"]),
    ("quoteId", &["Предложение", "Коммерческое предложение", "Quote", "Estimate"]),
    ("mycompanyId", &["Реквизиты вашей компании", "Your company details", "Own company"]),
    ("content", &["Содержание", "Содержание предложения", "Content"]),
    ("terms", &["Условия", "Terms", "Conditions"]),
    ("storageTypeId", &["Тип хранилища файлов", "File storage type"]),
    ("storageElementIds", &["Файлы", "Files"]),
    ("webformId", &["Создано CRM-формой", "CRM-форма", "Created by CRM form"]),
    ("locationId", &["Местоположение", "Location"]),
    ("originatorId", &["Внешний источник", "Внешняя система", "External source", "External system"]),
    ("originId", &["Идентификатор во внешней системе", "Id in the external system"]),
    ("originVersion", &["Версия во внешней системе", "Version in the external system"]),
    ("xmlId", &["Внешний код", "External code"]),
    ("utmSource", &["Рекламная система", "Advertising system", "UTM source"]),
    ("utmMedium", &["Тип трафика", "Traffic type", "UTM medium"]),
    ("utmCampaign", &["Рекламная кампания", "Обозначение рекламной кампании", "Advertising campaign", "UTM campaign"]),
    ("utmContent", &["Содержание кампании", "Campaign content", "UTM content"]),
    ("utmTerm", &["Условие поиска кампании", "Campaign search term", "UTM term"]),
    // Fields that the portal sets and people ask for.
    ("createdTime", &["Дата создания", "Когда создано", "Created on", "Creation date"]),
    ("createdBy", &["Кем создано", "Кто создал", "Created by", "Creator", "Author"]),
    ("closed", &["Завершено", "Закрыто", "Closed"]),
    ("isReturnCustomer", &["Повторная сделка", "Повторный лид", "Repeat deal", "Returning customer"]),
];

/// What people call the field with that name on the wire.
pub fn spoken(field: &str) -> &'static [&'static str] {
    static BY_FIELD: LazyLock<HashMap<&str, &[&str]>> =
        LazyLock::new(|| NAMES.iter().copied().collect());
    BY_FIELD.get(field).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::catalog;

    #[test]
    fn every_listed_field_has_a_russian_and_an_english_name() {
        let is_cyrillic = |c: char| matches!(c, '\u{400}'..='\u{4ff}');
        for field in catalog::FIELDS.iter().filter(|field| field.is_listed()) {
            let names = spoken(field.name);
            let is_in = |cyrillic| names.iter().any(|it| it.contains(is_cyrillic) == cyrillic);
            assert!(is_in(true) && is_in(false), "{}: {names:?}", field.name);
        }
    }

    #[test]
    fn each_row_is_of_one_field_that_there_is() {
        for (field, _) in NAMES {
            assert!(catalog::named(field).is_some(), "{field}");
            assert_eq!(NAMES.iter().filter(|(other, _)| other == field).count(), 1, "{field}");
        }
    }
}
