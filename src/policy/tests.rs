//! What a policy allows, and what is wrong with its file.

use serde_json::json;

use super::*;

fn item(stage: &str) -> Item {
    json!({"id": 351, "stageId": stage}).as_object().cloned().map(Item::from).unwrap()
}

const POLICY: &str = r#"
max_items = 100
confirm_above = 10

[deal]
deny_fields = ["assignedById", "UF_CRM_SECRET", "contactId"]
deny_stages = ["C9:WON", "*:LOSE"]
pipelines = [0, 9]
max = { opportunity = 100_000, ufCrm_money = 1.5e3 }

[1268]
mode = "dry_run"
"#;

#[test]
fn each_rule_denies_what_it_says() {
    let policy = WritePolicy::read(POLICY).unwrap();
    let deal = EntityType::new(2);
    let cases = [
        ("title", json!("x"), "C9:NEW", None),
        ("assignedById", json!(7), "C9:NEW", Some("deal.deny_fields")),
        ("ASSIGNED_BY_ID", json!(7), "C9:NEW", Some("deal.deny_fields")),
        ("ufCrmSecret", json!(7), "C9:NEW", Some("deal.deny_fields")),
        ("UF_CRM_SECRET", json!(7), "C9:NEW", Some("deal.deny_fields")),
        ("contactIds", json!([7]), "C9:NEW", Some("deal.deny_fields")),
        ("stageId", json!("C9:WON"), "C9:NEW", Some("deal.deny_stages")),
        // It is there already.
        ("stageId", json!("C9:WON"), "C9:WON", None),
        ("stageId", json!("WON"), "NEW", None),
        ("stageId", json!("C0:LOSE"), "NEW", Some("deal.deny_stages")),
        ("ufCrm_money", json!([1, 2000]), "NEW", Some("deal.max")),
        ("stageId", json!("LOSE"), "NEW", Some("deal.deny_stages")),
        ("stageId", json!("C9:LOSE"), "C9:NEW", Some("deal.deny_stages")),
        ("stageId", json!("C3:NEW"), "C9:NEW", Some("deal.pipelines")),
        ("categoryId", json!(3), "C9:NEW", Some("deal.pipelines")),
        ("categoryId", json!(9), "C9:NEW", None),
        // The portal would choose the stage.
        ("categoryId", json!("0"), "C9:NEW", Some("deal.deny_stages")),
        ("title", json!("x"), "C3:NEW", Some("deal.pipelines")),
        ("opportunity", json!(100_000), "NEW", None),
        ("opportunity", json!(100_000.01), "NEW", Some("deal.max")),
        ("opportunity", json!("250000"), "NEW", Some("deal.max")),
        ("ufCrm_money", json!("1500|USD"), "NEW", None),
        ("ufCrm_money", json!("1501|USD"), "NEW", Some("deal.max")),
    ];
    for (name, value, stage, key) in cases {
        let field = ToWrite { path: "fields.x", name, value: Some(&value) };
        let problems = policy.problems(deal, Some(&item(stage)), std::iter::once(field));
        let told = problems.first().map(|problem| problem.message.as_str());
        assert_eq!(told.is_some(), key.is_some(), "{name} {value} {stage}: {told:?}");
        assert!(told.is_none_or(|told| told.contains(key.unwrap())), "{told:?}");
        assert!(problems.iter().all(|problem| problem.code == Code::PolicyDenied));
    }
    assert!(policy.only_shows(EntityType::new(1268)) && !policy.only_shows(deal));
    assert!(policy.allows_count(100).is_ok());
    assert_eq!(policy.allows_count(101).unwrap_err().code, Code::PolicyDenied);
    assert_eq!(policy.confirm_above, Some(10));
}

#[test]
fn settings_limit_what_is_written_too() {
    let (deal, contact) = (EntityType::new(2), EntityType::new(3));
    let code = |policy: &WritePolicy, entity| policy.allows_writing(entity).err().map(|it| it.code);
    let policy = WritePolicy::default();
    assert_eq!(code(&policy, deal), None);
    let only_deals = policy.clone().limited_to(EntityTypes::only(vec![deal]), false);
    assert_eq!(code(&only_deals, deal), None);
    assert_eq!(code(&only_deals, contact), Some(Code::PolicyDenied));
    let read_only = policy.limited_to(EntityTypes::default(), true);
    assert_eq!(code(&read_only, deal), Some(Code::ReadOnly));
    assert_eq!(code(&WritePolicy::unusable(), deal), Some(Code::Configuration));
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let cases: [(&str, &[usize]); 17] = [
        ("[deal]\ndeny_stages = [\"C9;WON\"]", &[2]),
        ("[deal]\nmax = { title = 3 }", &[2]),
        ("[lead]\npipelines = [0]", &[2]),
        ("", &[]),
        ("max_items = 5", &[]),
        ("max_items = \"5\"", &[1]),
        ("max_items = -1", &[1]),
        ("\nmax_item = 5", &[2]),
        ("[deals]\n[lead]", &[]),
        ("[order]", &[1]),
        ("deal = 5", &[1]),
        ("[deal]\n\ndeny = []", &[3]),
        ("[deal]\ndeny_fields = \"title\"", &[2]),
        ("[deal]\ndeny_fields = [\"titel\"]", &[2]),
        ("[deal]\npipelines = [\"0\"]\nmode = \"off\"\nmax = { opportunity = true }", &[2, 3, 4]),
        ("[deal]\nmax = 5", &[2]),
        ("[deal\n", &[1]),
    ];
    for (text, lines) in cases {
        let mistakes = WritePolicy::read(text).err().unwrap_or_default();
        let told: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(told, lines, "{text}: {mistakes:?}");
    }
}
