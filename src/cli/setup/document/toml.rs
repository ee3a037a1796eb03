//! TOML, as Codex reads it.

use serde_json::{Map, Value};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

use super::{MARK, Unusable};

pub(in crate::cli::setup) struct Toml {
    document: DocumentMut,
    mark: &'static str,
    has_windows_lines: bool,
}

impl Toml {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |text| (MARK, text));
        let document = text.parse().map_err(|_| Unusable::DoesNotParse)?;
        let (windows_lines, lines) = (text.matches("\r\n").count(), text.matches('\n').count());
        // They would not come back as they are.
        if windows_lines > 0 && windows_lines < lines {
            return Err(Unusable::MixedLines);
        }
        Ok(Self { document, mark, has_windows_lines: windows_lines > 0 })
    }

    pub(super) fn entry(&self, key: &str, name: &str) -> Result<Option<Value>, Unusable> {
        let Some(servers) = self.document.get(key) else {
            return Ok(None);
        };
        let servers = servers.as_table_like().ok_or(Unusable::NoServers)?;
        Ok(servers.get(name).map(value_of))
    }

    /// Everything that it holds.
    pub(super) fn value(&self) -> Value {
        of_table(self.document.as_table())
    }

    pub(super) fn with(
        mut self,
        key: &str,
        name: &str,
        entry: &Map<String, Value>,
    ) -> Result<String, Unusable> {
        let servers = self.document.entry(key).or_insert_with(|| {
            let mut servers = Table::new();
            // Only the tables in it are written.
            servers.set_implicit(true);
            Item::Table(servers)
        });
        let is_inline = servers.is_inline_table();
        let servers = servers.as_table_like_mut().ok_or(Unusable::NoServers)?;
        if servers.get(name).is_none_or(|existing| !existing.is_table_like()) {
            servers.insert(name, empty_table(is_inline));
        }
        if let Some(existing) = servers.get_mut(name) {
            assign(existing, entry);
        }
        Ok(self.text())
    }

    pub(super) fn without(mut self, key: &str, name: &str) -> Result<String, Unusable> {
        if let Some(servers) = self.document.get_mut(key) {
            servers.as_table_like_mut().ok_or(Unusable::NoServers)?.remove(name);
        }
        Ok(self.text())
    }

    fn text(&self) -> String {
        let text = format!("{}{}", self.mark, self.document);
        if self.has_windows_lines { text.replace("\r\n", "\n").replace('\n', "\r\n") } else { text }
    }
}

fn empty_table(is_inline: bool) -> Item {
    if is_inline { Item::Value(InlineTable::new().into()) } else { Item::Table(Table::new()) }
}

/// Makes a table hold these members, in place.
fn assign(item: &mut Item, members: &Map<String, Value>) {
    let is_inline = item.is_inline_table();
    let Some(table) = item.as_table_like_mut() else {
        return;
    };
    for name in names(table) {
        if !members.contains_key(&name) {
            table.remove(&name);
        }
    }
    for (name, value) in members {
        let is_so = table.get(name).is_some_and(|existing| value_of(existing) == *value);
        match value {
            _ if is_so => {}
            Value::Object(members) => {
                if table.get(name).is_none_or(|existing| !existing.is_table_like()) {
                    table.insert(name, empty_table(is_inline));
                }
                if let Some(inner) = table.get_mut(name) {
                    assign(inner, members);
                }
            }
            value => match table.get_mut(name) {
                Some(existing) => set(existing, value),
                None => {
                    table.insert(name, plain(value));
                }
            },
        }
    }
}

fn names(table: &dyn TableLike) -> Vec<String> {
    table.iter().map(|(name, _)| name.to_owned()).collect()
}

/// Another value with the comment and the spaces of the one before.
fn set(existing: &mut Item, value: &Value) {
    if let (Some(array), Value::Array(wanted)) = (existing.as_array_mut(), value) {
        array.retain(|it| wanted.contains(&plain_value(it)));
        if array.iter().map(plain_value).eq(wanted.iter().cloned()) {
            return;
        }
    }
    let decor = existing.as_value().map(|value| value.decor().clone());
    *existing = plain(value);
    if let (Some(decor), Some(value)) = (decor, existing.as_value_mut()) {
        *value.decor_mut() = decor;
    }
}

/// An item that is no table. An entry that this program writes holds texts and lists of texts; what else
/// a person added is equal to what is there, and not written.
fn plain(value: &Value) -> Item {
    match value {
        Value::Array(values) => {
            let texts = values.iter().filter_map(Value::as_str);
            toml_edit::value(texts.collect::<Array>())
        }
        Value::Bool(value) => toml_edit::value(*value),
        Value::String(text) => toml_edit::value(text.as_str()),
        other => toml_edit::value(other.to_string()),
    }
}

/// An item as JSON, so that it can be compared.
fn value_of(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => plain_value(value),
        Item::Table(table) => of_table(table),
        Item::ArrayOfTables(tables) => tables.iter().map(|table| of_table(table)).collect(),
    }
}

fn of_table(table: &dyn TableLike) -> Value {
    table.iter().map(|(name, item)| (name.to_owned(), value_of(item))).collect()
}

fn plain_value(value: &toml_edit::Value) -> Value {
    use toml_edit::Value as Toml;
    match value {
        Toml::String(text) => Value::from(text.value().as_str()),
        Toml::Integer(number) => Value::from(*number.value()),
        Toml::Float(number) => Value::from(*number.value()),
        Toml::Boolean(yes) => Value::from(*yes.value()),
        Toml::Datetime(time) => Value::from(time.value().to_string()),
        Toml::Array(values) => values.iter().map(plain_value).collect(),
        Toml::InlineTable(table) => of_table(table),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(text: &str) -> Result<String, Unusable> {
        let entry = json!({"command": "/b", "args": [], "env": {"A": "1"}});
        Toml::parse(text)?.with("mcp_servers", "bitrix24", entry.as_object().unwrap())
    }

    const ENTRY: &str = "[mcp_servers.bitrix24]\ncommand = \"/b\"\nargs = []\n\n[mcp_servers.bitrix24.env]\nA = \"1\"\n";

    #[test]
    fn an_entry_is_added_and_the_rest_stays() {
        let others = "# mine\nmodel = \"o\" # why not\n\n[mcp_servers.other]\ncommand = 'x'\n";
        for (before, after) in [
            (String::new(), ENTRY.to_owned()),
            ("# mine\nmodel = \"o\"\n".to_owned(), format!("# mine\nmodel = \"o\"\n\n{ENTRY}")),
            (format!("{others}\n[tui]\nx = 1\n"), format!("{others}\n{ENTRY}\n[tui]\nx = 1\n")),
        ] {
            let written = with(&before).unwrap();
            assert_eq!(written, after);
            assert_eq!(with(&written).unwrap(), written);
            let removed =
                Toml::parse(&written).unwrap().without("mcp_servers", "bitrix24").unwrap();
            assert_eq!(removed.trim(), before.trim());
        }
    }

    #[test]
    fn only_what_differs_is_written_anew() {
        for (before, after) in [
            (
                "[mcp_servers.bitrix24]\n# the program\ncommand = \"/old\" # full path\nargs = []\n\
                 env = { OLD = \"x\", A = \"0\" }\n",
                "[mcp_servers.bitrix24]\n# the program\ncommand = \"/b\" # full path\nargs = []\n\
                 env = { A = \"1\" }\n",
            ),
            (
                "mcp_servers = {other = {command = \"x\"}}\n",
                "mcp_servers = {other = {command = \"x\"}, bitrix24 = { command = \"/b\", args = [], \
                 env = { A = \"1\" } } }\n",
            ),
            (
                "\u{feff}[mcp_servers.bitrix24]\ncommand = \"/b\"\nargs = [\"x\"] # none\nenv.A = \"1\"\n",
                "\u{feff}[mcp_servers.bitrix24]\ncommand = \"/b\"\nargs = [] # none\nenv.A = \"1\"\n",
            ),
            (
                "a = 1\r\n\r\n[mcp_servers.bitrix24]\r\ncommand = \"/old\"\r\nargs = []\r\nenv.A = \"1\"\r\n",
                "a = 1\r\n\r\n[mcp_servers.bitrix24]\r\ncommand = \"/b\"\r\nargs = []\r\nenv.A = \"1\"\r\n",
            ),
        ] {
            assert_eq!(with(before).unwrap(), after);
            assert_eq!(with(after).unwrap(), after);
        }
    }

    #[test]
    fn what_cannot_be_read_for_certain_is_left_alone() {
        for (text, reason) in [
            ("a = ", Unusable::DoesNotParse),
            ("a = 1\na = 2\n", Unusable::DoesNotParse),
            ("a = 1\r\nb = 2\n", Unusable::MixedLines),
            ("mcp_servers = []\n", Unusable::NoServers),
            ("[[mcp_servers]]\nname = \"x\"\n", Unusable::NoServers),
        ] {
            assert_eq!(with(text).unwrap_err(), reason, "{text}");
        }
    }
}
