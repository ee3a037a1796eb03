//! What `setup` reports: of each client, and what is left to do.

use std::env;

use serde_json::{Map, Value};

use super::{
    Setup,
    change::Refusal,
    clients::Client,
    entry::{self, Start},
    trial,
};
use crate::cli::print;

impl Setup<'_> {
    /// Starts each client's server as the client will, and lists its tools.
    pub(super) fn tried(&self, connected: &[(Client, Map<String, Value>)]) -> bool {
        let language = self.language;
        let mut all_start = true;
        for (client, entry) in connected {
            let Some(tools) = trial::tools(entry) else {
                all_start = false;
                failed(
                    *client,
                    language.text(
                        "its server does not start; look at the entry in the client's file",
                        "сервер не запускается; проверьте запись в файле клиента",
                    ),
                );
                continue;
            };
            let nouns = ["инструмент", "инструмента", "инструментов"];
            let count = language.counted(tools.len(), ["tool", "tools"], nouns);
            let names = tools.join(", ");
            passed(
                *client,
                &language.text(
                    format!("its server starts and has {count}: {names}"),
                    format!("сервер запускается, {count}: {names}"),
                ),
            );
        }
        all_start
    }

    pub(super) fn nothing_written(&self) -> &'static str {
        self.language.text("Nothing was written.", "Ничего не записано.")
    }

    /// What people would otherwise find out later: clients that need something more, and variables of this
    /// terminal that a client passes on beside those of the entry.
    pub(super) fn notes(&self, connected: &[(Client, Map<String, Value>)]) -> Vec<String> {
        let language = self.language;
        let hints = connected.iter().filter_map(|(client, _)| client.hint(language));
        let mut notes: Vec<String> = hints.map(str::to_owned).collect();
        let of_terminal = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for variable in of_terminal.filter(|name| entry::chooses_portal(name)) {
            notes.push(language.text(
                format!(
                    "`{variable}` is set in this terminal: a client that is started here may pass it on beside \
                     the entry, and every call would be refused. Unset it."
                ),
                format!(
                    "В этом терминале задана переменная `{variable}`: клиент, запущенный отсюда, может передать \
                     её вместе с записью, и все вызовы будут отклонены. Уберите её."
                ),
            ));
        }
        notes
    }

    /// The entry for clients that are not known here.
    pub(super) fn explain_other_clients(&self, start: &Start) {
        let names: Vec<String> = Client::ALL.into_iter().map(Client::name).collect();
        let names = names.join(", ");
        print(&self.language.text(
            format!(
                "No clients were found. `--client NAME` sets one up all the same: {names}.\n\
                 For another client, add this to its file:"
            ),
            format!(
                "Клиенты не найдены. `--client NAME` всё равно подключит любой из них: {names}.\n\
                 Для другого клиента добавьте в его файл:"
            ),
        ));
        if let Ok(entry) = entry::connected(Client::ClaudeDesktop, None, start) {
            let mut servers = Map::new();
            servers.insert(self.arguments.name.clone(), Value::Object(entry));
            print(&format!("{:#}", serde_json::json!({"mcpServers": servers})));
        }
    }

    pub(super) fn refused(&self, client: Client, refusal: &Refusal) {
        let file = client.file(&self.places);
        let why = refusal.told(self.language, &self.arguments.name);
        failed(client, &format!("`{}` {why}", file.display()));
    }
}

pub(super) fn passed(client: Client, what: &str) {
    print(&format!("✓ {}: {what}", client.title()));
}

pub(super) fn failed(client: Client, what: &str) {
    print(&format!("✗ {}: {what}", client.title()));
}
