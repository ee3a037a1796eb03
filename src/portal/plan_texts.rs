//! Whether a portal's text is about its plan, subscription or disk quota: some refusals say so in
//! their text alone, in the portal's language (docs/bitrix24.md, "Error codes").
//!
//! Whole phrases count, because single words occur in names of items and in texts about rights.

/// Words in a row; a star ends a word of which only the beginning is given.
const PHRASES: [&str; 44] = [
    "commercial plan*",
    "paid plan*",
    "free plan",
    "your plan*",
    "current plan*",
    "pricing plan*",
    "subscription plan*",
    "bitrix24 plan*",
    "plan restriction*",
    "plan limit*",
    "by subscription",
    "your subscription",
    "current subscription",
    "active subscription",
    "valid subscription",
    "market subscription",
    "marketplace subscription",
    "bitrix24 subscription",
    "subscription only",
    "subscription required",
    "subscription is required",
    "subscription has expired",
    "subscription has ended",
    "requires subscription",
    "requires a subscription",
    "without a subscription",
    "your license",
    "your licence",
    "current license",
    "tarif*",
    "disk quota*",
    "disk space quota*",
    "form results limit*",
    "limit of form results",
    "тариф*",
    "по подписк*",
    "подписк* на",
    "нужна подписк*",
    "ваш* подписк*",
    "ваш* лиценз*",
    "дисков* квот*",
    "квот* на диск*",
    "квот* на дисков*",
    "лимит* результат* crm форм*",
];

/// Whether the text is about the plan. Names in quotation marks do not count.
pub(super) fn speaks_of_the_plan(text: &str) -> bool {
    let text = without_quotations(text).to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    PHRASES.iter().any(|phrase| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).any(|there| {
            there.iter().zip(&phrase).all(|(word, asked)| match asked.strip_suffix('*') {
                Some(beginning) => word.starts_with(beginning),
                None => word == asked,
            })
        })
    })
}

fn without_quotations(text: &str) -> String {
    const MARKS: [(char, char); 4] = [('"', '"'), ('«', '»'), ('“', '”'), ('„', '“')];
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some(mark) = rest.chars().next() {
        let behind = rest.get(mark.len_utf8()..).unwrap_or_default();
        let closing =
            MARKS.iter().find(|(opening, _)| *opening == mark).map(|(_, closing)| closing);
        if let Some((_, after)) = closing.and_then(|closing| behind.split_once(*closing)) {
            rest = after;
        } else {
            plain.push(mark);
            rest = behind;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_about_the_plan() {
        for text in [
            "REST API is available only on commercial plans",
            "REST is available by subscription only.",
            "You cannot do this because of your plan's restrictions",
            "Quotes are not available on your <b>current plan</b>.",
            "This feature is not part of your tariff.",
            "Active subscription required",
            "Your subscription has expired",
            "Disk quota exceeded",
            "The CRM form results limit is reached",
            "REST API доступен только на коммерческих тарифах",
            "REST доступен только по подписке",
            "Недоступно на вашем тарифе",
            "Требуется подписка на Битрикс24.Маркет",
            "Превышена дисковая квота",
            "Превышена квота на дисковое пространство",
            "Достигнут лимит результатов CRM-форм",
        ] {
            assert!(speaks_of_the_plan(text), "{text}");
        }
    }

    #[test]
    fn texts_about_rights_and_items() {
        for text in [
            "",
            "Access denied",
            "Access is restricted by your role",
            "You have no right to change Floor plan",
            "The stage Planning is restricted",
            "Access to the item \"Upgrade of your plan\" is denied",
            "Нет доступа к сделке «Тариф Бизнес»",
            "Доступ ограничен",
            "Доступ ограничен вашей ролью",
            "Недостаточно прав: план помещения",
            "No license plate is given",
            "The commercial offer is locked",
            "Your sales quota is not met",
            "Explanation is required",
        ] {
            assert!(!speaks_of_the_plan(text), "{text}");
        }
    }
}
