//! The command `check`: what it says of each mistake in the settings and rights.

use bitrix24_crm_mcp::sandbox::Sandbox;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    scripted_portal::{Reply, ScriptedPortal},
    support::{program, run},
};

#[tokio::test]
async fn check_names_each_mistake() {
    assert_snapshot!(told_of_each_mistake("en").await, @"
    # wrong secret
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached
    ✗ the portal did not accept the sign-in (`INVALID_CREDENTIALS`)
      → make a new webhook in the portal and put its address into the settings

    # plan
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached
    ✗ the portal's plan does not include this (`ACCESS_DENIED`)
      → no other call helps; a person has to change the portal's plan

    # no portal
    ✓ the settings are well formed: http://127.0.0.1
    ✗ the portal gave no usable answer: an answer with HTTP status 200 that is not JSON
      → the server at this address is not a Bitrix24 portal, or a proxy answers instead; check the address

    # moved
    ✓ the settings are well formed: http://127.0.0.1
    ✗ the portal has moved to `https://new.example`
      → a person has to put the portal's new address into the settings (`BITRIX24_WEBHOOK_URL` or `BITRIX24_PORTAL_URL`); redirects are not followed, because they would send the secret to another address

    # scope
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 7 (Ann)
    ✗ the scope `crm` is missing
      → edit the webhook or application in the portal and add the permission CRM

    # old portal
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 7 (Ann)
    ✓ the scope `crm` is granted; to find people by name, add `user_basic`
    ✗ the method `crm.item.update` is not available
      → this portal's CRM is too old; update it

    # nothing set
    ✗ no portal is set
      → set `BITRIX24_WEBHOOK_URL` to the address of an inbound webhook with the permission CRM (crm), such as `https://example.bitrix24.com/rest/1/abcdefgh12345678/`, or try the embedded portal: `--sandbox`

    # malformed
    ✗ `BITRIX24_WEBHOOK_URL` must end in `/rest/{user}/{secret}/`, with the number of a user and the secret of the webhook
      → correct the setting

    # closed port
    ✓ the settings are well formed: http://127.0.0.1
    ✗ the portal cannot be reached: Connection refused (os error 111)
      → check the network and the portal's address, then repeat the call

    # all is well
    ✓ the settings are well formed: http://127.0.0.1
    ✓ the portal was reached and has accepted the sign-in
    ✓ calls have the rights of user 1 (Sandbox User, an administrator)
    ✓ the scope `crm` is granted, and people can be found by name
    ✓ the method `crm.item.update` is available
    ✓ leads can be read
    ✓ deals can be read
    ✓ contacts can be read
    ✓ companies can be read
    ✓ quotes can be read
    ✓ invoices can be read
    ✓ items of the smart process 132 (Vehicles) can be read
    ✓ items of the smart process 1048 (Old equipment) can be read
    ✓ items of the smart process 1220 (Projects) can be read

    Everything is right. Next: add the server to your MCP client with the same settings, start a new
    session there, and ask it to find a deal.
    ");
}

#[tokio::test]
async fn check_names_each_mistake_in_russian() {
    assert_snapshot!(told_of_each_mistake("ru").await, @r#"
    # wrong secret
    ✓ настройки заданы верно: http://127.0.0.1
    ✓ портал отвечает
    ✗ портал не принял вход (`INVALID_CREDENTIALS`)
      → создайте в портале новый вебхук и укажите его адрес в настройках

    # plan
    ✓ настройки заданы верно: http://127.0.0.1
    ✓ портал отвечает
    ✗ тариф портала этого не включает (`ACCESS_DENIED`)
      → смените тариф портала

    # no portal
    ✓ настройки заданы верно: http://127.0.0.1
    ✗ портал не дал пригодного ответа: код HTTP 200, а содержимое не разбирается
      → по этому адресу отвечает не портал Битрикс24 или прокси-сервер вместо него; проверьте адрес

    # moved
    ✓ настройки заданы верно: http://127.0.0.1
    ✗ портал переехал на `https://new.example`
      → укажите в настройках новый адрес портала; по перенаправлениям программа не идёт, чтобы не отправить секрет на чужой адрес

    # scope
    ✓ настройки заданы верно: http://127.0.0.1
    ✓ портал отвечает, вход принят
    ✓ запросы выполняются с правами пользователя 7 (Ann)
    ✗ нет права `crm`
      → измените вебхук или приложение в портале и добавьте право «CRM (crm)»

    # old portal
    ✓ настройки заданы верно: http://127.0.0.1
    ✓ портал отвечает, вход принят
    ✓ запросы выполняются с правами пользователя 7 (Ann)
    ✓ право `crm` есть; чтобы находить сотрудников по имени, добавьте `user_basic`
    ✗ метод `crm.item.update` недоступен
      → CRM этого портала слишком старая; обновите её

    # nothing set
    ✗ портал не задан
      → укажите в `BITRIX24_WEBHOOK_URL` адрес входящего вебхука с правом «CRM (crm)», например `https://example.bitrix24.ru/rest/1/abcdefgh12345678/`, или попробуйте встроенный портал: `--sandbox`

    # malformed
    ✗ `BITRIX24_WEBHOOK_URL`: должен заканчиваться на `/rest/{user}/{secret}/`: номер пользователя и секрет вебхука
      → исправьте настройку

    # closed port
    ✓ настройки заданы верно: http://127.0.0.1
    ✗ не удалось соединиться с порталом: Connection refused (os error 111)
      → проверьте сеть и адрес портала и повторите

    # all is well
    ✓ настройки заданы верно: http://127.0.0.1
    ✓ портал отвечает, вход принят
    ✓ запросы выполняются с правами пользователя 1 (Sandbox User, администратор)
    ✓ право `crm` есть, и сотрудников можно находить по имени
    ✓ метод `crm.item.update` доступен
    ✓ лиды: чтение разрешено
    ✓ сделки: чтение разрешено
    ✓ контакты: чтение разрешено
    ✓ компании: чтение разрешено
    ✓ предложения: чтение разрешено
    ✓ счета: чтение разрешено
    ✓ элементы смарт-процесса 132 (Vehicles): чтение разрешено
    ✓ элементы смарт-процесса 1048 (Old equipment): чтение разрешено
    ✓ элементы смарт-процесса 1220 (Projects): чтение разрешено

    Всё в порядке. Дальше: добавьте сервер в MCP-клиент с теми же настройками, начните там новый сеанс
    и попросите найти какую-нибудь сделку.
    "#);
}

/// What `check` says of portals and settings with a mistake each, and of those without one.
async fn told_of_each_mistake(language: &str) -> String {
    let sandbox = Sandbox::start().await.unwrap();
    let refusing = |status: u16, code: &str| {
        let reply = Reply::error(status, code, "x");
        vec![("profile", vec![reply])]
    };
    let profile =
        || ("profile", vec![Reply::Json(200, json!({"result": {"ID": "7", "NAME": "Ann"}}))]);
    let scope = |scopes: Value| ("scope", vec![Reply::Json(200, json!({"result": scopes}))]);
    let no_method =
        Reply::Json(200, json!({"result": {"isExisting": false, "isAvailable": false}}));
    let page = Reply::Body(200, "text/html", b"<h1>It works</h1>".to_vec());
    let portals = [
        ("wrong secret", refusing(401, "INVALID_CREDENTIALS")),
        (
            "plan",
            vec![("profile", vec![Reply::error(403, "ACCESS_DENIED", "only on commercial plans")])],
        ),
        ("no portal", vec![("profile", vec![page])]),
        (
            "moved",
            vec![(
                "profile",
                vec![Reply::Redirect("https://new.example/rest/1/x/profile".to_owned())],
            )],
        ),
        ("scope", vec![profile(), scope(json!(["task"]))]),
        ("old portal", vec![profile(), scope(json!(["crm"])), ("method.get", vec![no_method])]),
    ];
    let mut told = String::new();
    let mut tell = |name: &str, finished: crate::support::Finished| {
        assert_eq!(finished.code, Some(i32::from(finished.stdout.contains('✗'))), "{name}");
        let address = without_ports(&finished.stdout);
        told.push_str(&format!("# {name}\n{address}\n"));
    };
    for (name, replies) in portals {
        let portal = ScriptedPortal::start(&replies).await;
        let finished = run(program()
            .args(["check", "--lang", language])
            .env("BITRIX24_WEBHOOK_URL", portal.webhook()))
        .await;
        tell(name, finished);
    }
    let closed = ScriptedPortal::start(&[]).await.webhook();
    let webhooks = [
        ("nothing set", String::new()),
        ("malformed", "https://acme.example/rest/s3cret".to_owned()),
        ("closed port", closed),
        ("all is well", sandbox.webhook_url()),
    ];
    for (name, webhook) in webhooks {
        tell(
            name,
            run(program().args(["check", "--lang", language]).env("BITRIX24_WEBHOOK_URL", webhook))
                .await,
        );
    }
    told
}

/// The text with the ports of test portals taken out.
fn without_ports(text: &str) -> String {
    let mut parts = text.split("http://127.0.0.1:");
    let mut plain = parts.next().unwrap().to_owned();
    for part in parts {
        plain.push_str("http://127.0.0.1");
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}

#[tokio::test]
async fn check_tells_whether_changes_can_be_recorded() {
    let sandbox = Sandbox::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.jsonl");
    let check = |file: &std::path::Path, values: &str| {
        let mut command = program();
        command
            .arg("check")
            .env("BITRIX24_WEBHOOK_URL", sandbox.webhook_url())
            .env("BITRIX24_JOURNAL", file)
            .env("BITRIX24_JOURNAL_VALUES", values);
        command
    };
    let second_line = |stdout: &str| {
        let shown = stdout.replace(folder.path().to_str().unwrap(), "/folder");
        shown.lines().nth(1).unwrap().to_owned()
    };
    let new = run(&mut check(&file, "all")).await;
    assert_eq!(new.code, Some(0));
    assert_eq!(second_line(&new.stdout), "✓ changes are recorded in `/folder/journal.jsonl`");
    // Nothing is left behind.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    std::fs::write(&file, "").unwrap();
    let there = run(&mut check(&file, "names")).await;
    assert_eq!(
        second_line(&there.stdout),
        "✓ changes are recorded, without values, in `/folder/journal.jsonl`"
    );

    #[cfg(target_os = "linux")]
    {
        // Nobody can make files there, whoever runs this.
        let forbidden = run(&mut check(std::path::Path::new("/proc/journal.jsonl"), "all")).await;
        assert_eq!(forbidden.code, Some(1));
        let line = second_line(&forbidden.stdout);
        assert!(
            line.starts_with("✗ the journal's file `/proc/journal.jsonl` cannot be opened: "),
            "{line}"
        );
    }
}
