//! Answers that are none: pages, cut lines, redirects, silence, and what each becomes.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::{
    errors::write_answered,
    scripted_portal::{Reply, ScriptedPortal},
    support::{Server, on_portal},
};

#[tokio::test]
async fn answers_that_are_no_answers_leave_it_open_whether_something_was_written() {
    let html = |status| Reply::Body(status, "text/html", b"<html>Bad gateway</html>".to_vec());
    let cases = [
        ("502 HTML", html(502)),
        ("200 HTML", html(200)),
        ("403 HTML", html(403)),
        ("empty 500", Reply::Body(500, "text/plain", Vec::new())),
        ("cut JSON", Reply::Body(200, "application/json", b"{\"result\":{\"it".to_vec())),
        ("invalid UTF-8", Reply::Body(200, "application/json", b"{\"result\":\"\xff\"}".to_vec())),
        ("no result", Reply::Json(200, json!({"time": {}}))),
        ("no item", Reply::Json(200, json!({"result": []}))),
        ("deep JSON", Reply::Body(200, "application/json", "[".repeat(100_000).into_bytes())),
        ("cut line", Reply::Cut),
        ("cut inside the answer", Reply::CutInside),
        ("no answer", Reply::Stall),
    ];
    let mut verdicts = serde_json::Map::new();
    let running = cases.map(|(name, reply)| (name, tokio::spawn(write_answered(reply))));
    for (name, answered) in running {
        let (error, _) = answered.await.unwrap();
        assert_eq!(error["code"], "PORTAL_FAILED", "{name}");
        assert_eq!(error["written"], "unknown", "{name}");
        assert_eq!(error["retry"], "later", "{name}");
        verdicts.insert(name.to_owned(), json!([error["message"], error["portal"]]));
    }
    assert_json_snapshot!(verdicts, @r#"
    {
      "502 HTML": [
        "the portal gave no usable answer: an answer with HTTP status 502 that is not JSON",
        {
          "httpStatus": 502,
          "description": ""
        }
      ],
      "200 HTML": [
        "the portal gave no usable answer: an answer with HTTP status 200 that is not JSON",
        {
          "httpStatus": 200,
          "description": ""
        }
      ],
      "403 HTML": [
        "the portal gave no usable answer: an answer with HTTP status 403 that is not JSON",
        {
          "httpStatus": 403,
          "description": ""
        }
      ],
      "empty 500": [
        "the portal gave no usable answer: an empty answer with HTTP status 500",
        {
          "httpStatus": 500,
          "description": ""
        }
      ],
      "cut JSON": [
        "the portal gave no usable answer: an answer with HTTP status 200 that is not JSON",
        {
          "httpStatus": 200,
          "description": ""
        }
      ],
      "invalid UTF-8": [
        "the portal gave no usable answer: an answer with HTTP status 200 that is not JSON",
        {
          "httpStatus": 200,
          "description": ""
        }
      ],
      "no result": [
        "the portal gave no usable answer: an answer with HTTP status 200 that holds no result",
        {
          "httpStatus": 200,
          "description": ""
        }
      ],
      "no item": [
        "the portal gave no usable answer: an answer without an item",
        null
      ],
      "deep JSON": [
        "the portal gave no usable answer: an answer with HTTP status 200 that is not JSON",
        {
          "httpStatus": 200,
          "description": ""
        }
      ],
      "cut line": [
        "the portal gave no usable answer: the connection was cut: connection closed before message completed",
        null
      ],
      "cut inside the answer": [
        "the portal gave no usable answer: the answer was cut off: end of file before message length reached",
        {
          "httpStatus": 200,
          "description": ""
        }
      ],
      "no answer": [
        "the portal gave no usable answer: no answer within 2 s",
        null
      ]
    }
    "#);
}

#[tokio::test]
async fn an_answer_larger_than_the_limit_is_not_read() {
    let body = format!("{{\"result\":\"{}\"}}", "x".repeat(17 * 1024 * 1024));
    let (error, _) = write_answered(Reply::Body(200, "application/json", body.into_bytes())).await;
    assert_eq!(error["message"], "the portal gave no usable answer: an answer of more than 16 MB");
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_names_the_new_address() {
    let elsewhere = ScriptedPortal::start(&[]).await;
    let to = format!("{}/b24/rest/1/s3cretOfTheTests/crm.item.update", elsewhere.origin());
    let (error, _) = write_answered(Reply::Redirect(to)).await;
    assert_eq!(error["code"], "PORTAL_ADDRESS");
    assert_eq!(error["written"], "no");
    let message = format!("the portal has moved to `{}/b24`", elsewhere.origin());
    assert_eq!(error["message"], message.as_str());
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test]
async fn no_connection_is_a_failure_before_anything_was_sent() {
    let closed = {
        let portal = ScriptedPortal::start(&[]).await;
        portal.webhook()
    };
    let mut server = Server::connected_to(&closed).await;
    let answer =
        server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})).await;
    let error = &answer.json["error"];
    assert_eq!(error["code"], "PORTAL_UNREACHABLE");
    assert_eq!(error["written"], "no");
    assert_eq!(error["retry"], "later");
}

#[tokio::test]
async fn a_page_in_the_place_of_a_portal_is_an_address_problem() {
    let page = Reply::Body(404, "text/html", b"<h1>Not found</h1>".to_vec());
    let (_portal, mut server) = on_portal(&[("crm.item.get", vec![page])]).await;
    let answer =
        server.update(json!({"entityTypeId": 2, "id": 351, "fields": {"title": "b"}})).await;
    assert_json_snapshot!(answer.json, @r#"
    {
      "ok": false,
      "error": {
        "code": "PORTAL_ADDRESS",
        "message": "there is no REST interface at the portal's address",
        "written": "no",
        "retry": "no",
        "hint": "a person has to correct the portal's address in the settings (`BITRIX24_WEBHOOK_URL` or `BITRIX24_PORTAL_URL`)",
        "portal": {
          "httpStatus": 404,
          "description": ""
        }
      }
    }
    "#);
}
