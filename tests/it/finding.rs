//! Items by text, phone, e-mail, id and filter, a page at a time.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::{
    scripted_portal::Reply,
    support::{FIND, Server, ids, length, on_portal, on_sandbox, received},
};

/// Each query among items of a type finds those with these ids.
async fn assert_found(server: &mut Server, cases: &[(u64, &str, &[u64])]) {
    for (entity_type_id, query, expected) in cases {
        let arguments = json!({"entityTypeId": entity_type_id, "query": query});
        let answer = server.call(FIND, arguments).await.json;
        assert_eq!(ids(&answer), *expected, "{query}: {answer}");
    }
}

#[tokio::test]
async fn a_query_is_a_text_a_phone_an_e_mail_an_id_or_a_link() {
    let (_sandbox, mut server) = on_sandbox().await;
    let cases: [(u64, &str, &[u64]); 23] = [
        (2, "acme", &[101]),
        (2, "spring acme", &[101]),
        (2, "\"Acme's\" spring order,", &[101]),
        (2, "КАБЕЛЯ", &[103]),
        (2, "351", &[351]),
        (2, "#351", &[351]),
        (2, "https://acme.example/crm/deal/details/351/?IFRAME=Y", &[351]),
        (3, "Anna Lindqvist", &[5]),
        (3, "lindqvist anna", &[5]),
        (3, "соколов", &[7]),
        (3, "+46 70 000 001", &[5]),
        (3, "0049 151 5550177", &[8]),
        (3, "+49 (151) 555-01-77", &[8]),
        (3, "+7 912 555-01-22", &[7]),
        (3, "Anna@Acme.example", &[5]),
        (3, "nobody@acme.example", &[]),
        (1, "ferreira cork", &[21]),
        (4, "orbit", &[12]),
        (2, "Orbit Software", &[102]),
        (2, "anna@acme.example", &[101]),
        (31, "2026-081", &[81]),
        (1, "+46 70 000 001", &[]),
        (2, "nothing of the kind", &[]),
    ];
    assert_found(&mut server, &cases).await;
}

/// The sandbox has the invoice 83 `INV-2026-017` and the quote 71 `Q-2026/17`, whose titles say
/// nothing of it.
#[tokio::test]
async fn quotes_and_invoices_are_found_by_the_numbers_that_people_use() {
    let (_sandbox, mut server) = on_sandbox().await;
    server
        .update(json!({"entityTypeId": 31, "id": 81, "fields": {"accountNumber": "4711007"}}))
        .await;
    let cases: [(u64, &str, &[u64]); 18] = [
        (31, "INV-2026-017", &[83]),
        (31, "inv-2026-017", &[83]),
        (31, "cable INV-2026-017", &[83]),
        (31, "invoice INV-2026-017", &[83]),
        (31, "Счёт № INV-2026-017", &[83]),
        (31, "2026-017", &[83]),
        (31, "4711007", &[81]),
        (31, "№ 4711007", &[81]),
        (31, "invoice #4711007", &[81]),
        (31, "81", &[81]),
        (31, "№ 017", &[83]),
        (31, "invoice 17", &[]),
        (31, "INV-2026-018", &[]),
        (7, "2026/17", &[71]),
        (7, "№ 17", &[71]),
        (7, "Acme 2026/17", &[71]),
        (7, "2026/18", &[]),
        (2, "№ 17", &[]),
    ];
    assert_found(&mut server, &cases).await;
}

#[tokio::test]
async fn what_a_number_was_read_as_is_said_and_the_number_is_shown() {
    let (_sandbox, mut server) = on_sandbox().await;
    let mut told = Vec::new();
    for query in ["INV-2026-017", "invoice INV-2026-017", "83", "2026/18", "x INV-9"] {
        let answer = server.call(FIND, json!({"entityTypeId": 31, "query": query})).await.json;
        told.push(json!([answer["items"][0]["accountNumber"], answer["notes"]]));
    }
    assert_json_snapshot!(told, @r#"
    [
      [
        "INV-2026-017",
        []
      ],
      [
        "INV-2026-017",
        [
          "no invoice matches all words of `invoice INV-2026-017`; these match `INV-2026-017` in `accountNumber`"
        ]
      ],
      [
        "INV-2026-017",
        [
          "`83` was read as an id or a whole `accountNumber`; filter by `%accountNumber` for a part of one"
        ]
      ],
      [
        null,
        [
          "no invoice matches `2026/18`"
        ]
      ],
      [
        null,
        [
          "no invoice matches all words of `x INV-9`; try fewer"
        ]
      ]
    ]
    "#);
}

#[tokio::test]
async fn a_number_is_looked_for_before_a_phone_and_in_the_same_request_as_an_id() {
    let found = |items| Reply::Json(200, json!({"result": {"items": items}}));
    let (portal, mut server) = on_portal(&[
        ("crm.item.list", vec![found(json!([])), found(json!([{"id": 5}]))]),
        ("crm.status.list", vec![Reply::Json(200, json!({"result": []}))]),
    ])
    .await;
    let answer = server.call(FIND, json!({"entityTypeId": 31, "query": "№ 2026017"})).await.json;
    assert_eq!(ids(&answer), [5]);
    let requests = portal.requests();
    let filters: Vec<_> = requests.iter().map(|it| it.body["filter"].clone()).collect();
    let id =
        json!({"0": {"logic": "OR", "0": {"=id": 2_026_017}, "1": {"=accountNumber": "2026017"}}});
    let word = json!({"0": {"logic": "OR", "0": {"%title": "2026017"}, "1": {"%accountNumber": "2026017"}}});
    assert_eq!(filters.get(..2).unwrap(), [id, word]);
}

#[tokio::test]
async fn a_portal_that_lacks_numbers_is_searched_without_them() {
    let fields = json!({"fields": {"title": {"type": "string"}}});
    let refused = "Invalid filter: field 'accountNumber' is not allowed in filter";
    let refused = Reply::error(400, "INVALID_ARG_VALUE", refused);
    let nothing = Reply::Json(200, json!({"result": {"items": []}}));
    let list = Reply::IfBody("accountNumber\":", Box::new(refused), Box::new(nothing));
    let (portal, mut server) = on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        ("crm.item.list", vec![list]),
        ("crm.duplicate.findbycomm", vec![Reply::Json(200, json!({"result": []}))]),
    ])
    .await;
    for query in ["17", "2026017", "invoice INV-17"] {
        let answer = server.call(FIND, json!({"entityTypeId": 31, "query": query})).await.json;
        assert_eq!(ids(&answer), [] as [u64; 0], "{answer}");
        assert_eq!(answer["notes"].as_array().unwrap().len(), 1);
    }
    let refusals = portal.requests().into_iter().filter(|it| it.text.contains("accountNumber\":"));
    assert_eq!(refusals.count(), 3, "one for each call");
}

#[tokio::test]
async fn an_answer_shows_names_beside_codes_and_says_whose_items_these_are() {
    let (_sandbox, mut server) = on_sandbox().await;
    let answer =
        server.call(FIND, json!({"entityTypeId": 2, "query": "Orbit Software"})).await.json;
    assert_json_snapshot!(answer, @r#"
    {
      "ok": true,
      "entityTypeId": 2,
      "link": "https://portal.example/crm/deal/details/102/",
      "items": [
        {
          "id": 102,
          "title": "Orbit: annual licence",
          "stageId": "NEW",
          "categoryId": 0,
          "opportunity": 24000,
          "currencyId": "USD",
          "assignedById": 1,
          "companyId": 12,
          "contactId": 6
        }
      ],
      "notes": [
        "no deal matches `Orbit Software` itself; these belong to the matching company 12"
      ],
      "names": {
        "stageId": {
          "NEW": "New"
        },
        "categoryId": {
          "0": "Sales"
        },
        "assignedById": {
          "1": "Sandbox User"
        },
        "companyId": {
          "12": "Orbit Software"
        },
        "contactId": {
          "6": "Tomás Oliveira"
        }
      }
    }
    "#);
}

#[tokio::test]
async fn a_portal_that_lacks_a_name_field_is_searched_without_it() {
    let fields = json!({"fields": {"name": {"type": "string"}, "lastName": {"type": "string"}}});
    let refused = "Invalid filter: field 'secondName' is not allowed in filter";
    let found = json!({"result": {"items": [{"id": 5, "name": "Anna"}]}});
    let (portal, mut server) = on_portal(&[
        ("crm.item.fields", vec![Reply::Json(200, json!({"result": fields}))]),
        (
            "crm.item.list",
            vec![Reply::error(400, "INVALID_ARG_VALUE", refused), Reply::Json(200, found)],
        ),
    ])
    .await;
    let answer = server.call(FIND, json!({"entityTypeId": 3, "query": "anna"})).await.json;
    assert_eq!(ids(&answer), [5]);
    let listed = portal.requests().into_iter().rfind(|it| it.path.contains("item.list")).unwrap();
    let both = json!({"0": {"logic": "OR", "0": {"%name": "anna"}, "1": {"%lastName": "anna"}}});
    assert_eq!(listed.body["filter"], both);
}

#[tokio::test]
async fn an_option_can_be_left_out_in_many_ways() {
    let (_sandbox, mut server) = on_sandbox().await;
    let plain = server.call(FIND, json!({"entityTypeId": 2, "query": "acme"})).await.json;
    assert_eq!(ids(&plain), [101]);
    for nothing in [json!(null), json!(""), json!([])] {
        let call = json!({
            "entityTypeId": 2, "query": "acme", "filter": nothing, "select": nothing,
            "order": nothing, "limit": nothing, "start": -1, "useOriginalUfNames": nothing,
        });
        assert_eq!(server.call(FIND, call).await.json, plain, "{nothing}");
    }
}

#[tokio::test]
async fn custom_fields_keep_their_original_names_beside_standard_ones() {
    let (_sandbox, mut server) = on_sandbox().await;
    let arguments = json!({
        "entityTypeId": 2, "filter": {"id": [103, 351]}, "useOriginalUfNames": "Y",
        "select": ["UF_CRM_1730000000009"],
    });
    let answer = server.call(FIND, arguments).await.json;
    assert_json_snapshot!(answer["items"], @r#"
    [
      {
        "id": 103,
        "title": "Поставка кабеля",
        "stageId": "EXECUTING",
        "categoryId": 0,
        "opportunity": 150000,
        "currencyId": "RUB",
        "assignedById": 7,
        "companyId": 11,
        "contactId": 7,
        "UF_CRM_1730000000009": "Д-17/2026"
      },
      {
        "id": 351,
        "title": "Service contract",
        "stageId": "C9:NEW",
        "categoryId": 9,
        "opportunity": 500,
        "currencyId": "EUR",
        "assignedById": 1,
        "UF_CRM_1730000000009": null
      }
    ]
    "#);
}

#[tokio::test]
async fn ten_thousand_deals_are_paged_and_counted_only_when_asked() {
    let (sandbox, mut server) = on_sandbox().await;
    sandbox.add_deals(10_000);
    let mut start = json!(null);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let arguments = json!({"entityTypeId": 2, "query": "Deal", "limit": 30, "start": start});
        let answer = server.call(FIND, arguments).await.json;
        assert!(length(&answer) <= 8_000, "{}", length(&answer));
        assert_eq!(answer.get("total").is_some(), !start.is_null());
        seen.extend(ids(&answer));
        start = answer["next"].clone();
    }
    let expected: Vec<u64> = (1_001..).take(seen.len()).collect();
    assert_eq!(seen, expected);
    let arguments = json!({"entityTypeId": 2, "query": "Deal", "start": 9_990, "limit": 50});
    let answer = server.call(FIND, arguments).await.json;
    assert_eq!((answer["total"].as_u64(), answer.get("next")), (Some(10_000), None));
    assert_eq!(ids(&answer), (10_991..=11_000).collect::<Vec<u64>>());
    let starts: Vec<i64> = received(&sandbox)
        .iter()
        .filter(|request| request.method == "crm.item.list")
        .map(|request| request.body["start"].as_i64().unwrap())
        .collect();
    assert_eq!(starts, [-1, 0, 50, 50, 9_950]);
}
