//! What `check` and `setup` say in Russian of an address and of a request that failed. Assistants get
//! the English sentences of the modules that find the fault.

use crate::{
    config::variables::{CA_FILE, OAUTH_URL, PORTAL_URL, TOKEN_FILE, WEBHOOK_URL},
    portal::{AddressError, ErrorKind, PortalError},
};

/// What is wrong with an address, to be read after what it is the address of.
pub(in crate::cli) fn of_address(error: &AddressError) -> &'static str {
    match error {
        AddressError::NotAUrl => "не похож на веб-адрес",
        AddressError::Placeholder => {
            "содержит подстановку вида `${…}`, которую MCP-клиент не заменил"
        }
        AddressError::OddCharacter => {
            "не должен содержать обратную косую черту, пробелы и управляющие символы"
        }
        AddressError::NotHttps => {
            "должен начинаться с `https://`; `http://` допускается только для этого компьютера"
        }
        AddressError::Extra => "не должен содержать имя пользователя, параметры и якорь",
        AddressError::NotAWebhook => {
            "должен заканчиваться на `/rest/{user}/{secret}/`: номер пользователя и секрет вебхука"
        }
        AddressError::NotAPortal => {
            "должен быть адресом самого портала, например `https://example.bitrix24.ru`"
        }
    }
}

/// How sentences about settings begin and end, in English and in Russian.
#[rustfmt::skip] // a table: one sentence, one line
const SENTENCES: [(&str, &str, &str, &str); 12] = [
    ("is set together with ", "; unset one of them", "задана вместе с ", "; уберите одну из них"),
    ("holds the placeholder ", ": its option is not set in the MCP client", "содержит подстановку ", ": этот параметр не задан в MCP-клиенте"),
    ("must be an absolute path", "", "нужен абсолютный путь", ""),
    ("names an empty file", "", "файл пуст", ""),
    ("names a file that cannot be read: ", "", "файл не читается: ", ""),
    ("names a link; name the file itself", "", "это ссылка; укажите сам файл", ""),
    ("must name a file in a folder that exists", "", "нужен файл в существующей папке", ""),
    ("must name folders made for uploads; ", " is too broad", "нужны папки, созданные для отправки файлов; слишком широко: ", ""),
    ("must name existing folders by absolute paths; ", " is not one", "нужны существующие папки с абсолютными путями; не подходит ", ""),
    ("must be a number of seconds above 0, such as ", "", "нужно число секунд больше 0, например ", ""),
    ("must be a whole number above 0, such as ", "", "нужно целое число больше 0, например ", ""),
    ("is missing but required with ", "", "не задана, но нужна вместе с ", ""),
];

/// What is wrong with a setting. A sentence that is not known here stays as it is.
pub(super) fn of_setting(message: &str) -> String {
    if let Some(error) = AddressError::ALL.into_iter().find(|error| error.to_string() == message) {
        return of_address(&error).to_owned();
    }
    let said = SENTENCES.iter().find_map(|(begin, end, russian, ending)| {
        let middle = message.strip_prefix(begin)?.strip_suffix(end)?;
        Some(format!("{russian}{middle}{ending}"))
    });
    said.unwrap_or_else(|| message.to_owned())
}

/// What happened, and the remedy.
pub(super) fn of_failure(error: &PortalError) -> (String, String) {
    let address =
        || format!("исправьте адрес портала в настройках: `{WEBHOOK_URL}` или `{PORTAL_URL}`");
    let later = || "повторите позже".to_owned();
    match error {
        PortalError::Refused(refusal) => {
            let (message, remedy) = of_refusal(refusal.kind());
            (message.to_owned(), remedy.to_owned())
        }
        PortalError::Moved { to, .. } => {
            let message = match to {
                Some(to) => format!("портал переехал на `{to}`"),
                None => "портал отвечает перенаправлением".to_owned(),
            };
            let why = "по перенаправлениям программа не идёт, чтобы не отправить секрет на чужой адрес";
            (message, format!("укажите в настройках новый адрес портала; {why}"))
        }
        PortalError::NoSuchPage { .. } => {
            ("по адресу портала нет REST-интерфейса".to_owned(), address())
        }
        PortalError::Unreachable { reason } => (
            format!("не удалось соединиться с порталом: {reason}"),
            "проверьте сеть и адрес портала и повторите".to_owned(),
        ),
        PortalError::Untrusted { reason } => (
            format!("сертификату портала нет доверия: {reason}"),
            format!("проверьте адрес; сертификат своей коробочной версии укажите в `{CA_FILE}`"),
        ),
        PortalError::NoUsableAnswer { http_status: Some(status), .. } => (
            format!("портал не дал пригодного ответа: код HTTP {status}, а содержимое не разбирается"),
            "по этому адресу отвечает не портал Битрикс24 или прокси-сервер вместо него; проверьте адрес"
                .to_owned(),
        ),
        PortalError::NoUsableAnswer { reason, .. } | PortalError::Cut { reason, .. } => {
            (format!("портал не дал пригодного ответа: {reason}"), later())
        }
        PortalError::NotRenewed { reason, .. } => (
            format!("не удалось обновить токен: {reason}"),
            format!("войдите заново и укажите новые токены; проверьте `{OAUTH_URL}` и `{TOKEN_FILE}`"),
        ),
        PortalError::Cancelled => ("запрос отменён до отправки".to_owned(), later()),
        PortalError::TimedOut => ("портал не ответил вовремя".to_owned(), later()),
        PortalError::DeadlineExceeded { .. } => {
            ("ограничение портала на число запросов исчерпано".to_owned(), later())
        }
    }
}

#[rustfmt::skip] // a table: one meaning, one line
fn of_refusal(meaning: ErrorKind) -> (&'static str, &'static str) {
    const LATER: &str = "повторите позже";
    const PERSON: &str = "разберитесь с этим в самом портале";
    match meaning {
        ErrorKind::AccessDenied => ("портал отказал в доступе", "администратор может выдать пользователю вебхука право в разделе CRM «Права доступа»"),
        ErrorKind::PlanRestricted => ("тариф портала этого не включает", "смените тариф портала"),
        ErrorKind::Busy => ("портал ещё выполняет другую операцию", LATER),
        ErrorKind::RateLimited => ("ограничение портала на число запросов исчерпано", "повторите через несколько секунд"),
        ErrorKind::OperationTimeLimit => ("портал временно заблокировал метод: он занял слишком много времени", LATER),
        ErrorKind::Blocked => ("REST-интерфейс портала заблокирован", "обратитесь в поддержку Битрикс24"),
        ErrorKind::TokenExpired => ("срок действия токена истёк", "укажите новый токен или данные для его обновления"),
        ErrorKind::SignInFailed => ("портал не принял вход", "создайте в портале новый вебхук и укажите его адрес в настройках"),
        ErrorKind::SignInServerDown => ("портал не смог связаться со своим сервером авторизации", LATER),
        ErrorKind::ScopeMissing => ("у вебхука или токена нет нужного права", "добавьте в вебхук право «CRM (crm)»"),
        ErrorKind::WrongAddress => ("адрес портала неверен или недоступен", "исправьте адрес портала в настройках"),
        ErrorKind::Failed => ("в портале произошла ошибка при обработке запроса", LATER),
        ErrorKind::InvalidValue | ErrorKind::RequiredField | ErrorKind::NotFound | ErrorKind::TypeNotSupported
        | ErrorKind::Refused | ErrorKind::RefusedWithoutCode => ("портал отклонил запрос", PERSON),
    }
}
