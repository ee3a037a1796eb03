//! Random calls against the sandbox: valid updates raise no false alarm, wild calls no harm.

use std::sync::Arc;

use bitrix24_crm_mcp::{
    account::{Account, Client},
    config::Settings,
    crm::{EntityType, Family, Kind, catalog},
    portal::{Connection, Endpoint, Rate, SignIn},
    sandbox::Sandbox,
    tools::{Answer, Registry, ToolSelection},
    uploads::Policy,
};
use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
    test_runner::{Config, RngSeed, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::support::received;

/// An item of each sort, with the stages that it can move to without an end of its own.
pub(crate) const ITEMS: [(u32, u64, &[&str]); 7] = [
    (1, 21, &["NEW", "IN_PROCESS"]),
    (2, 351, &["C9:NEW", "C9:UC_NYL06U"]),
    (3, 5, &[]),
    (4, 11, &[]),
    (7, 71, &["DRAFT", "SENT"]),
    (31, 81, &["DT31_2:N", "DT31_2:S"]),
    (1220, 1, &["DT1220_11:NEW", "DT1220_11:CLIENT"]),
];

const CUSTOM: [(&str, Kind); 6] = [
    ("ufCrm_1721244707107", Kind::Number),
    ("ufCrmMyString", Kind::Text),
    ("ufCrm_1730000000001", Kind::Choice),
    ("ufCrm_1730000000003", Kind::YesNo),
    ("ufCrm_1730000000004", Kind::Date),
    ("ufCrm_1730000000005", Kind::Money),
];

/// The tools, and an account on a sandbox.
pub(crate) struct Portal {
    registry: Registry,
    account: Account,
}

pub(crate) async fn portal() -> (Sandbox, Portal) {
    let sandbox = Sandbox::start().await.unwrap();
    let sign_in = SignIn::webhook(&sandbox.webhook_url()).unwrap();
    let rate = Rate { burst: 1e9, per_second: 1e9 };
    let connection = Connection { rate, ..Connection::STANDARD };
    let files = Policy { max_bytes: 1024, ..Policy::STANDARD };
    let account = Account::new(Arc::new(Endpoint::new(connection)), sign_in, files);
    (sandbox, Portal { registry: Registry::new(ToolSelection::default()), account })
}

pub(crate) async fn update(portal: &Portal, arguments: Value) -> Value {
    call(portal, "update_crm_item", arguments).await
}

pub(crate) async fn call(portal: &Portal, tool: &str, arguments: Value) -> Value {
    let Portal { registry, account } = portal;
    let answer = registry.call(Ok(account), tool, arguments, Client::default()).await;
    match answer.unwrap() {
        Answer::Success(json) | Answer::Error { json, .. } => json,
    }
}

/// A value that an assistant may well write for the kind; none for what is not tried here.
fn valid(name: &str, kind: Kind, stages: &'static [&'static str]) -> Option<BoxedStrategy<Value>> {
    let ids = || vec(1..9_i64, 0..4);
    Some(match kind {
        // What the portal rewrites to the earlier value counts as ignored, so nothing that it
        // rewrites is tried here.
        Kind::Text => {
            "[A-Za-zА-я0-9.-]{1,20}( [A-Za-zА-я0-9.-]{1,9})?".prop_map(Value::from).boxed()
        }
        Kind::Markup => {
            "(\\[b\\])?[A-Za-z]{1,20}(\\[/b\\])?( [a-z]{1,9})?".prop_map(Value::from).boxed()
        }
        Kind::YesNo => select(vec![json!("Y"), json!("N"), json!(true), json!(false)]).boxed(),
        Kind::Integer => (0..1000_i64).prop_map(Value::from).boxed(),
        Kind::Percent => (0..101_i64).prop_map(Value::from).boxed(),
        Kind::Number | Kind::Amount => (0..100_000_000_i64)
            .prop_map(|cents| json!(f64::from(i32::try_from(cents).unwrap()) / 100.0))
            .boxed(),
        Kind::Status => select(vec![code_of(name)]).prop_map(Value::from).boxed(),
        Kind::Stage if stages.is_empty() => return None,
        Kind::Stage => select(stages).prop_map(Value::from).boxed(),
        Kind::Currency => select(vec!["EUR", "USD", "RUB", "eur"]).prop_map(Value::from).boxed(),
        Kind::User => (1..9_i64).prop_map(Value::from).boxed(),
        Kind::Users | Kind::Links | Kind::Integers => ids().prop_map(Value::from).boxed(),
        Kind::Link => (0..9_i64).prop_map(Value::from).boxed(),
        Kind::Date => (1990..2050_i32, 1..13_i32, 1..29_i32)
            .prop_map(|(year, month, day)| json!(format!("{year}-{month:02}-{day:02}")))
            .boxed(),
        Kind::Multifield => "[0-9]{6,9}"
            .prop_map(|value| json!([{"typeId": "PHONE", "valueType": "WORK", "value": value}]))
            .boxed(),
        Kind::Choice => vec(select(vec![json!(44), json!("45"), json!("Сайт")]), 0..3)
            .prop_map(Value::from)
            .boxed(),
        Kind::Money => (0..9999_i64).prop_map(|amount| json!(format!("{amount}|EUR"))).boxed(),
        Kind::DateTime
        | Kind::Category
        | Kind::Picture
        | Kind::CrmLink
        | Kind::File
        | Kind::Any => {
            return None;
        }
    })
}

/// A code that the sandbox has for the field; the type's is one that several directories have.
fn code_of(name: &str) -> &'static str {
    match name {
        "sourceId" => "TRADE_SHOW",
        "honorific" => "HNR_US_2",
        "industry" => "TRADE",
        "employees" => "EMPLOYEES_2",
        _ => "",
    }
}

/// Fields of an item and valid values for them.
fn valid_fields(
    entity: EntityType,
    stages: &'static [&'static str],
) -> BoxedStrategy<Map<String, Value>> {
    let family = entity.family().unwrap();
    let is_plain = |field: &&'static catalog::Field| {
        // A single link beside its list is refused, and an empty value of these fields too.
        field.access == catalog::Access::Writable
            && !["contactId", "companyId"].contains(&field.name)
    };
    let standard = catalog::listed(family).filter(is_plain).map(|field| (field.name, field.kind));
    let custom = CUSTOM.into_iter().filter(|_| entity.id() == 2);
    let fields: Vec<BoxedStrategy<(String, Value)>> = standard
        .chain(custom)
        .filter_map(|(name, kind)| {
            Some(valid(name, kind, stages)?.prop_map(move |value| (name.to_owned(), value)).boxed())
        })
        .collect();
    vec(proptest::strategy::Union::new(fields), 1..8)
        .prop_map(|fields| fields.into_iter().collect::<std::collections::BTreeMap<_, _>>())
        .prop_map(|fields| fields.into_iter().collect())
        .boxed()
}

/// The inputs are the same on every run; `PROPTEST_RNG_SEED` asks for others.
pub(crate) fn run<S: Strategy>(cases: u32, strategy: &S, check: impl Fn(S::Value)) {
    let given = Config::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(24),
        fixed @ RngSeed::Fixed(_) => fixed,
    };
    let config = Config { cases, rng_seed, failure_persistence: None, ..given };
    TestRunner::new(config)
        .run(strategy, |value| {
            check(value);
            Ok(())
        })
        .unwrap();
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn valid_updates_raise_no_false_alarm() {
    let updates = select(ITEMS.to_vec()).prop_flat_map(|(entity_type_id, id, stages)| {
        let fields = valid_fields(EntityType::new(entity_type_id), stages);
        vec(fields, 1..4).prop_map(move |updates| (entity_type_id, id, updates))
    });
    let runtime = runtime();
    let (_sandbox, registry) = runtime.block_on(portal());
    run(150, &updates, |(entity_type_id, id, updates)| {
        runtime.block_on(async {
            for fields in updates {
                let call = |dry_run: bool| json!({"entityTypeId": entity_type_id, "id": id, "fields": fields, "dryRun": dry_run});
                let planned = update(&registry, call(true)).await;
                let answer = update(&registry, call(false)).await;
                assert_eq!(answer["ok"], true, "{fields:?}\n{answer}");
                let changed = |answer: &Value| -> Vec<String> {
                    let changes = answer["changes"].as_array().unwrap().iter();
                    let asked_for = changes.filter(|change| change.get("askedFor").is_none());
                    let name = |change: &Value| change["field"].as_str().unwrap().split('.').next().unwrap().to_owned();
                    let mut names: Vec<String> = asked_for.map(name).collect();
                    names.dedup();
                    names
                };
                // What was announced is what changed.
                for name in changed(&answer) {
                    assert!(changed(&planned).contains(&name), "{name}: {planned}\n{answer}");
                }
                let again = update(&registry, call(false)).await;
                assert_eq!(again["ok"], true, "{fields:?}\n{again}");
                assert_eq!(again["changes"], json!([]), "{fields:?}\n{again}");
            }
        });
    });
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        select(vec!["Y", "0", "-1", "2026-13-01", "05/03/2026", "C9:WON", "300|USD", "D_1", "n0"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("(id|path|n0|[a-z]{1,6})", inner, 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Whether a value on the wire is of the form that the portal documents for the kind.
fn is_documented(kind: Kind, wire: &Value) -> bool {
    let ids = |value: &Value| value.as_array().is_some_and(|ids| ids.iter().all(Value::is_i64));
    let empty = wire == "";
    match kind {
        Kind::YesNo => wire == "Y" || wire == "N",
        Kind::Integer | Kind::Percent | Kind::Category | Kind::User | Kind::Choice => {
            wire.is_i64() || empty
        }
        Kind::Link => wire.as_i64().is_some_and(|id| id >= 0),
        Kind::Number | Kind::Amount => wire.is_number() || empty,
        Kind::Users | Kind::Links | Kind::Integers => ids(wire) || empty,
        Kind::Date => empty || wire.as_str().is_some_and(|day| day.len() == 10),
        Kind::Text
        | Kind::Markup
        | Kind::Status
        | Kind::Stage
        | Kind::Currency
        | Kind::DateTime
        | Kind::Money
        | Kind::CrmLink => wire.is_string() || (kind == Kind::CrmLink && wire.is_i64()),
        Kind::Multifield => wire.is_object(),
        Kind::Picture => empty,
        Kind::File | Kind::Any => true,
    }
}

#[test]
fn wild_values_do_no_harm_and_are_named() {
    let names: Vec<(u32, u64, String)> = ITEMS
        .iter()
        .flat_map(|(entity_type_id, id, _)| {
            let family = EntityType::new(*entity_type_id).family().unwrap();
            let standard = catalog::listed(family).map(|field| field.name.to_owned());
            let custom =
                CUSTOM.iter().map(|(name, _)| (*name).to_owned()).filter(|_| *entity_type_id == 2);
            standard.chain(custom).map(|name| (*entity_type_id, *id, name)).collect::<Vec<_>>()
        })
        .collect();
    let runtime = runtime();
    let (sandbox, registry) = runtime.block_on(portal());
    run(1000, &(select(names), any_json()), |((entity_type_id, id, name), value)| {
        runtime.block_on(async {
            let seen = received(&sandbox).len();
            let call = json!({"entityTypeId": entity_type_id, "id": id, "fields": {&name: value}});
            let answer = update(&registry, call).await;
            if let Some(sent) =
                received(&sandbox).iter().skip(seen).find(|it| it.method == "crm.item.update")
            {
                let entity = EntityType::new(entity_type_id);
                if let Some(field) = catalog::field(entity, &name) {
                    let wire = &sent.body["fields"][&name];
                    assert!(is_documented(field.kind, wire), "{name} {value}: {wire}");
                }
            }
            let is_named = answer["ok"] == true || answer["error"].to_string().contains(&name);
            assert!(is_named, "{name} {value}: {answer}");
            assert_ne!(answer["error"]["portal"]["code"], "100", "{name} {value}");
        });
    });
}

#[test]
fn wild_arguments_always_get_an_answer() {
    let runtime = runtime();
    let (_sandbox, registry) = runtime.block_on(portal());
    let keys = select(vec![
        "entityTypeId",
        "id",
        "fields",
        "clear",
        "expect",
        "dryRun",
        "useOriginalUfNames",
        "title",
    ]);
    let arguments = prop_oneof![
        any_json(),
        btree_map(keys.prop_map(str::to_owned), any_json(), 0..7)
            .prop_map(|arguments| Value::Object(arguments.into_iter().collect())),
    ];
    run(400, &arguments, |arguments| {
        runtime.block_on(async {
            let answer = update(&registry, arguments.clone()).await;
            assert!(answer["ok"].is_boolean(), "{arguments}: {answer}");
            assert_ne!(answer["error"]["code"], "INTERNAL", "{arguments}: {answer}");
        });
    });
}

/// Filters of real fields with any operators and values, some of them in groups.
fn any_filter() -> impl Strategy<Value = Value> {
    let operators =
        ["", "=", "!", "!=", ">", ">=", "<", "<=", "@", "!@", "%", "!%", "=%", "><", "!><"];
    let names = catalog::FIELDS.iter().filter(|field| field.belongs_to(Family::Deal));
    let names = names.filter(|field| field.access != catalog::Access::Hidden);
    let names: Vec<&str> =
        names.map(|field| field.name).chain(CUSTOM.iter().map(|(name, _)| *name)).collect();
    // Those with rules of their own come as often as all others together.
    let special = vec!["stageId", "categoryId", "observers", "contactIds", "createdTime"];
    let names = prop_oneof![select(names), select(special)];
    let key = (select(operators.to_vec()), names).prop_map(|(one, other)| one.to_owned() + other);
    let value = prop_oneof![
        1 => any_json(),
        3 => select(vec![
            json!("NEW"),
            json!("Won"),
            json!(["C9:NEW"]),
            json!("Sales"),
            json!("2026-07-01")
        ]),
        5 => select(vec![json!(1),
            json!("N"),
            json!([1, 2]),
            json!("Сайт"),
            json!("CALL"),
            json!(null)
        ]),
    ];
    let conditions = btree_map(key, value, 0..2);
    let object = |entries: std::collections::BTreeMap<String, Value>| {
        Value::Object(entries.into_iter().collect())
    };
    (conditions.clone(), conditions).prop_map(move |(top, inner)| {
        let mut top = object(top);
        if !inner.is_empty() {
            top["0"] = object(inner);
            top["0"]["logic"] = json!("or");
        }
        top
    })
}

#[test]
fn wild_lookups_change_nothing_and_stay_bounded() {
    let keys =
        ["entityTypeId", "id", "query", "field", "filter", "select", "order", "limit", "start"];
    let arguments = btree_map(select(keys.to_vec()).prop_map(str::to_owned), any_json(), 0..6);
    let tools = select(vec!["find_crm_items", "get_crm_item", "describe_crm_fields"]);
    let wild = (tools, arguments).prop_map(|(tool, arguments)| (tool, json!(arguments)));
    let filtered = any_filter()
        .prop_map(|filter| ("find_crm_items", json!({"entityTypeId": 2, "filter": filter})));
    let texts = (select(vec!["find_crm_items", "describe_crm_fields"]), ".{0,20}")
        .prop_map(|(tool, query)| (tool, json!({"entityTypeId": 2, "query": query})));
    let runtime = runtime();
    let (sandbox, registry) = runtime.block_on(portal());
    run(1500, &prop_oneof![1 => wild, 3 => filtered, 1 => texts], |(tool, arguments)| {
        runtime.block_on(async {
            let answer = call(&registry, tool, arguments.clone()).await;
            assert!(answer["ok"].is_boolean(), "{tool} {arguments}: {answer}");
            assert!(answer.to_string().chars().count() <= 8_000, "{tool} {arguments}");
            // What passes our checks, the portal takes.
            assert_ne!(answer["error"]["portal"]["code"], "INVALID_ARG_VALUE", "{arguments}");
            assert_ne!(answer["error"]["portal"]["code"], "100", "{arguments}");
        });
    });
    let listed = received(&sandbox).iter().filter(|it| it.method == "crm.item.list").count();
    assert!(listed > 100, "{listed}");
    let writes = |method: &str| method.contains("update") || method == "batch";
    assert!(!received(&sandbox).iter().any(|request| writes(&request.method)));
}

#[test]
fn wild_settings_are_read_or_refused() {
    let settings = select(vec![
        "BITRIX24_WEBHOOK_URL",
        "BITRIX24_PORTAL_URL",
        "BITRIX24_RATE",
        "BITRIX24_CALL_TIMEOUT",
        "BITRIX24_LOG",
        "BITRIX24_FILES_DIR",
        "BITRIX24_READ_ONLY",
        "BITRIX24_TOOLS",
        "BITRIX24_ENTITY_TYPES",
        "BITRIX24_JOURNAL",
        "BITRIX24_JOURNAL_VALUES",
    ]);
    run(500, &(settings, "\\PC{0,40}"), |(name, text)| {
        let _ = Settings::read(|asked| (asked == name).then(|| text.clone()));
    });
}
