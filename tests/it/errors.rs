//! What each error of a portal becomes: the code, whether something was written, and whether
//! another call can help.

use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, on_portal},
    vendor_sandbox::ask,
};

/// An update whose read succeeds and whose write is answered with `reply`. What the portal answers
/// ends the call; what it does not answer, or asks to send again, is waited for until the call's
/// time is over. Few run at a time: beside fifty others an update may outlive its time.
pub(crate) async fn write_answered(reply: Reply) -> (Value, ScriptedPortal) {
    static TURNS: Semaphore = Semaphore::const_new(4);
    let _turn = TURNS.acquire().await.unwrap();
    let item = Reply::item(json!({"id": 351, "title": "a"}));
    let (request, whole) = if reply.is_final() { ("15", "30") } else { ("2", "5") };
    let replies = [("crm.item.get", vec![item]), ("crm.item.update", vec![reply])];
    let portal = ScriptedPortal::start(&replies).await;
    let mut server = Server::with_settings(
        &portal.webhook(),
        &[("BITRIX24_REQUEST_TIMEOUT", request), ("BITRIX24_CALL_TIMEOUT", whole)],
    )
    .await;
    let answer =
        server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})).await;
    assert!(answer.is_error, "{}", answer.json);
    (answer.json["error"].clone(), portal)
}

#[tokio::test]
async fn every_row_of_the_error_table() {
    let cases = [
        (400, "100", "Expected iterable value for multiple field"),
        (400, "ERROR_ARGUMENT", "argument"),
        (400, "MAIN_CONTROLLER_22001", "null"),
        (400, "BX_INVALID_VALUE", "value"),
        (400, "BX_EMPTY_REQUIRED", "value"),
        (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "Invalid value for field \"Currency\""),
        (400, "CRM_FIELD_ERROR_VALUE_NOT_UNIQUE", "taken"),
        (400, "ERROR_CORE", "Invalid e-mail"),
        (400, "CRM_FIELD_ERROR_REQUIRED", "Required field \"Budget\" is empty"),
        (400, "NOT_FOUND", "Item not found"),
        (400, "ENTITY_TYPE_NOT_SUPPORTED", "not supported"),
        (400, "ACCESS_DENIED", "Access denied"),
        (400, "CRM_ITEM_UPDATE_ACCESS_DENIED", "Access denied"),
        (403, "allowed_only_intranet_user", "intranet"),
        (403, "ACCESS_DENIED", "REST API is available only on commercial plans"),
        (400, "UPDATE_DYNAMIC_ITEM_RESTRICTED", "plan"),
        (400, "CRM_FIELD_ERROR_CATEGORY_NOT_AVAILABLE", "pipeline"),
        (403, "WRONG_LICENSE", "licence"),
        (401, "PAYMENT_REQUIRED", "pay"),
        (400, "", "You cannot do this because of your plan's restrictions"),
        (400, "", "not found"),
        (400, "0", "Insufficient permissions to change stage"),
        (400, "TERMINATED_BY_EVENT_COMPATIBLE", "vetoed"),
        (400, "CRM_ITEM_HAS_RUNNING_WORKFLOWS", "workflows"),
        (401, "METHOD_CONFIRM_WAITING", "waiting"),
        (503, "QUERY_LIMIT_EXCEEDED", "Too many requests"),
        (429, "OPERATION_TIME_LIMIT", "blocked"),
        (503, "OVERLOAD_LIMIT", "blocked by hand"),
        (401, "NO_AUTH_FOUND", "Wrong authorization data"),
        (403, "INVALID_CREDENTIALS", "Invalid request credentials"),
        (401, "invalid_token", "token"),
        (401, "expired_token", "The access token provided has expired"),
        (401, "authorization_error", "user"),
        (401, "APPLICATION_NOT_FOUND", "application"),
        (401, "ERROR_OAUTH", "oauth"),
        (401, "NOT_INSTALLED", "application"),
        (403, "WRONG_AUTH_TYPE", "type"),
        (403, "METHOD_CONFIRM_DENIED", "denied"),
        (401, "CONNECTION_ERROR", "no way to the authorization server"),
        (403, "insufficient_scope", "higher privileges"),
        (403, "user_access_error", "no access to the application"),
        (400, "INVALID_REQUEST", "Https required"),
        (404, "ERROR_METHOD_NOT_FOUND", "Method not found!"),
        (500, "PORTAL_DELETED", "Portal was deleted"),
        (500, "INTERNAL_SERVER_ERROR", "Internal server error"),
        (500, "ERROR_UNEXPECTED_ANSWER", "unexpected"),
        (500, "ERROR_CORE", "SQL query error!"),
        (405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "batch"),
        (418, "SOMETHING_NEW", "new"),
        (500, "SOMETHING_NEW", "new"),
    ];
    let mut table = String::new();
    let running = cases.map(|(status, code, text)| {
        let answered = tokio::spawn(write_answered(Reply::error(status, code, text)));
        (status, code, text, answered)
    });
    for (status, code, text, answered) in running {
        let (error, portal) = answered.await.unwrap();
        let quoted = json!({"httpStatus": status, "code": code, "description": text});
        assert_eq!(error["portal"], quoted, "{status} {code}");
        assert!(portal.methods().contains(&"crm.item.update".to_owned()));
        table.push_str(&format!(
            "{status} {code:<39} {:<21} {:<8} {}\n",
            error["code"].as_str().unwrap(),
            error["written"].as_str().unwrap(),
            error["retry"].as_str().unwrap(),
        ));
    }
    assert_snapshot!(table, @"
    400 100                                     INVALID_VALUE         no       after_fix
    400 ERROR_ARGUMENT                          INVALID_VALUE         no       after_fix
    400 MAIN_CONTROLLER_22001                   INVALID_VALUE         no       after_fix
    400 BX_INVALID_VALUE                        INVALID_VALUE         no       after_fix
    400 BX_EMPTY_REQUIRED                       INVALID_VALUE         no       after_fix
    400 CRM_FIELD_ERROR_VALUE_NOT_VALID         INVALID_VALUE         no       after_fix
    400 CRM_FIELD_ERROR_VALUE_NOT_UNIQUE        INVALID_VALUE         no       after_fix
    400 ERROR_CORE                              INVALID_VALUE         no       after_fix
    400 CRM_FIELD_ERROR_REQUIRED                REQUIRED_FIELD        no       after_fix
    400 NOT_FOUND                               ITEM_NOT_FOUND        no       after_fix
    400 ENTITY_TYPE_NOT_SUPPORTED               TYPE_NOT_SUPPORTED    no       after_fix
    400 ACCESS_DENIED                           ACCESS_DENIED         no       no
    400 CRM_ITEM_UPDATE_ACCESS_DENIED           ACCESS_DENIED         no       no
    403 allowed_only_intranet_user              ACCESS_DENIED         no       no
    403 ACCESS_DENIED                           PLAN_RESTRICTED       no       no
    400 UPDATE_DYNAMIC_ITEM_RESTRICTED          PLAN_RESTRICTED       no       no
    400 CRM_FIELD_ERROR_CATEGORY_NOT_AVAILABLE  PLAN_RESTRICTED       no       no
    403 WRONG_LICENSE                           PLAN_RESTRICTED       no       no
    401 PAYMENT_REQUIRED                        PLAN_RESTRICTED       no       no
    400                                         PLAN_RESTRICTED       no       no
    400                                         REFUSED               no       no
    400 0                                       REFUSED               no       after_fix
    400 TERMINATED_BY_EVENT_COMPATIBLE          REFUSED               no       after_fix
    400 CRM_ITEM_HAS_RUNNING_WORKFLOWS          BUSY                  no       later
    401 METHOD_CONFIRM_WAITING                  BUSY                  no       later
    503 QUERY_LIMIT_EXCEEDED                    RATE_LIMITED          no       later
    429 OPERATION_TIME_LIMIT                    OPERATION_TIME_LIMIT  no       later
    503 OVERLOAD_LIMIT                          PORTAL_BLOCKED        no       no
    401 NO_AUTH_FOUND                           SIGN_IN_FAILED        no       no
    403 INVALID_CREDENTIALS                     SIGN_IN_FAILED        no       no
    401 invalid_token                           SIGN_IN_FAILED        no       no
    401 expired_token                           SIGN_IN_FAILED        no       no
    401 authorization_error                     SIGN_IN_FAILED        no       no
    401 APPLICATION_NOT_FOUND                   SIGN_IN_FAILED        no       no
    401 ERROR_OAUTH                             SIGN_IN_FAILED        no       no
    401 NOT_INSTALLED                           SIGN_IN_FAILED        no       no
    403 WRONG_AUTH_TYPE                         SIGN_IN_FAILED        no       no
    403 METHOD_CONFIRM_DENIED                   SIGN_IN_FAILED        no       no
    401 CONNECTION_ERROR                        SIGN_IN_FAILED        no       later
    403 insufficient_scope                      SCOPE_MISSING         no       no
    403 user_access_error                       ACCESS_DENIED         no       no
    400 INVALID_REQUEST                         PORTAL_ADDRESS        no       no
    404 ERROR_METHOD_NOT_FOUND                  PORTAL_ADDRESS        no       no
    500 PORTAL_DELETED                          PORTAL_ADDRESS        no       no
    500 INTERNAL_SERVER_ERROR                   PORTAL_FAILED         no       later
    500 ERROR_UNEXPECTED_ANSWER                 PORTAL_FAILED         no       later
    500 ERROR_CORE                              PORTAL_FAILED         no       later
    405 ERROR_BATCH_METHOD_NOT_ALLOWED          REFUSED               no       after_fix
    418 SOMETHING_NEW                           REFUSED               no       after_fix
    500 SOMETHING_NEW                           PORTAL_FAILED         no       later
    ");
}

/// A person who is asked for it has to know whose right is missing, and who can grant it.
#[tokio::test]
async fn a_missing_right_is_told_in_words_for_a_person() {
    let denied = || Reply::error(400, "ACCESS_DENIED", "Access denied");
    let item = || Reply::item(json!({"title": "a"}));
    let cases = [
        ("reading", vec![("crm.item.get", vec![denied()])]),
        ("changing", vec![("crm.item.get", vec![item()]), ("crm.item.update", vec![denied()])]),
    ];
    for (doing, replies) in cases {
        let (_portal, mut server) = on_portal(&replies).await;
        let call = json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}});
        let hint = format!(
            "tell the user: the assistant works with the rights of the portal's user 1, which do not \
             allow {doing} deal 351; an administrator of the portal can grant that in the CRM's \
             access permissions"
        );
        assert_eq!(server.update(call).await.json["error"]["hint"], hint);
    }
}

#[tokio::test]
async fn codes_may_be_numbers_or_objects_or_come_with_status_200() {
    let cases = [
        Reply::Json(400, json!({"error": 100, "error_description": "x"})),
        Reply::Json(400, json!({"error": {"code": "100", "message": "x"}})),
        Reply::Json(200, json!({"error": "100", "error_description": "x"})),
    ];
    for reply in cases {
        let (error, _) = write_answered(reply).await;
        assert_eq!(error["code"], "INVALID_VALUE");
        assert_eq!(error["portal"]["code"], "100");
        assert_eq!(error["written"], "no");
    }
}

#[tokio::test]
async fn an_error_of_the_read_that_rules_out_the_write_ends_the_call() {
    let cases = [
        (400, "NOT_FOUND", "Item not found", "ITEM_NOT_FOUND"),
        (400, "ENTITY_TYPE_NOT_SUPPORTED", "", "TYPE_NOT_SUPPORTED"),
        (400, "ACCESS_DENIED", "", "ACCESS_DENIED"),
        (403, "ACCESS_DENIED", "only on commercial plans", "PLAN_RESTRICTED"),
        (401, "NO_AUTH_FOUND", "", "SIGN_IN_FAILED"),
        (403, "insufficient_scope", "", "SCOPE_MISSING"),
        (503, "OVERLOAD_LIMIT", "", "PORTAL_BLOCKED"),
    ];
    for (status, code, text, ours) in cases {
        let replies = [("crm.item.get", vec![Reply::error(status, code, text)])];
        let (portal, mut server) = on_portal(&replies).await;
        let fields = json!({"title": "b"});
        let answer = server.update(json!({"entityTypeId": 2, "id": 351, "fields": fields})).await;
        assert_eq!(answer.json["error"]["code"], ours);
        assert_eq!(answer.json["error"]["written"], "no");
        assert_eq!(portal.methods(), ["crm.item.get"]);
    }
}

#[tokio::test]
async fn a_missing_smart_process_is_told_from_a_missing_item() {
    let not_found = |text: &str| Reply::error(400, "NOT_FOUND", text);
    let fields = || Reply::Json(200, json!({"result": {"fields": {}}}));
    let cases = [
        ("Smart process not found", fields(), "TYPE_NOT_FOUND"),
        ("Item not found", not_found(""), "ITEM_NOT_FOUND"),
        ("Nicht gefunden", not_found(""), "TYPE_NOT_FOUND"),
        ("Nicht gefunden", fields(), "ITEM_NOT_FOUND"),
    ];
    for (text, list, ours) in cases {
        let replies = [("crm.item.get", vec![not_found(text)]), ("crm.item.fields", vec![list])];
        let (_portal, mut server) = on_portal(&replies).await;
        let fields = json!({"title": "b"});
        let answer = server.update(json!({"entityTypeId": 1038, "id": 1, "fields": fields})).await;
        assert_eq!(answer.json["error"]["code"], ours, "{text}");
    }
}

/// Texts name the plan only where the codes do not: with `""`, and with an `ACCESS_DENIED` that is
/// not about the item.
#[tokio::test]
async fn a_permission_is_told_from_a_plan() {
    let plan = "REST API is available only on commercial plans";
    let cases = [
        (403, "ACCESS_DENIED", plan, "PLAN_RESTRICTED"),
        (403, "ACCESS_DENIED", "REST доступен только по подписке", "PLAN_RESTRICTED"),
        (400, "ACCESS_DENIED", plan, "ACCESS_DENIED"),
        (403, "ACCESS_DENIED", "Access is restricted by your role", "ACCESS_DENIED"),
        (403, "ACCESS_DENIED", "Доступ ограничен", "ACCESS_DENIED"),
        (400, "", "Лиды недоступны на вашем тарифе", "PLAN_RESTRICTED"),
        (400, "", "Disk quota exceeded", "PLAN_RESTRICTED"),
        (400, "", "Floor plan is restricted by your role", "REFUSED"),
        (400, "", "Доступ к сделке «Тариф Бизнес» ограничен", "REFUSED"),
    ];
    for (status, code, text, ours) in cases {
        let (error, _) = write_answered(Reply::error(status, code, text)).await;
        assert_eq!(error["code"], ours, "{status} {code} {text}");
        assert_eq!(error["written"], "no");
    }
}

/// Errors that the vendor's page lists for this method, each reached by a call to the sandbox.
#[tokio::test]
async fn the_sandbox_refuses_as_the_vendors_page_says() {
    let sandbox = bitrix24_crm_mcp::sandbox::Sandbox::start().await.unwrap();
    let cases = [
        (1, json!({"entityTypeId": 1038, "id": 1, "fields": {"title": "b"}}), "NOT_FOUND"),
        (1, json!({"entityTypeId": 2, "id": 999, "fields": {"title": "b"}}), "NOT_FOUND"),
        (
            1,
            json!({"entityTypeId": 5, "id": 1, "fields": {"title": "b"}}),
            "ENTITY_TYPE_NOT_SUPPORTED",
        ),
        (1, json!({"entityTypeId": 2, "id": 360, "fields": {"title": "b"}}), "ACCESS_DENIED"),
        (
            1,
            json!({"entityTypeId": 2, "id": 351, "fields": {"currencyId": "XXX"}}),
            "CRM_FIELD_ERROR_VALUE_NOT_VALID",
        ),
        (1, json!({"entityTypeId": 2, "id": 351, "fields": {"stageId": "C9:UC_LEGAL"}}), "0"),
        (
            1,
            json!({"entityTypeId": 1048, "id": 1, "fields": {"title": "b"}}),
            "UPDATE_DYNAMIC_ITEM_RESTRICTED",
        ),
        (
            77,
            json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}}),
            "allowed_only_intranet_user",
        ),
    ];
    for (user, arguments, code) in cases {
        let mut server = Server::connected_to(&sandbox.webhook_url_of(user)).await;
        let answer = server.update(arguments).await;
        assert_eq!(answer.json["error"]["portal"]["code"], code);
    }
    // Our own calls cannot provoke code 100, so it is asked for directly.
    let body = json!({"entityTypeId": 2, "id": 351, "fields": {"ufCrm_1730000000001": 44}});
    let (_, answer) = ask(&sandbox.webhook_url(), "crm.item.update", &body).await;
    assert_json_snapshot!(answer, @r#"
    {
      "error": "100",
      "error_description": "Expected iterable value for multiple field, but got integer instead"
    }
    "#);
}
