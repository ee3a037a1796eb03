//! JSON with comments and commas at the end, as most clients read it.

use jsonc_parser::{
    ParseOptions,
    cst::{CstInputValue, CstObject, CstRootNode},
};
use serde_json::{Map, Value};

use super::{MARK, Unusable};

pub(in crate::cli::setup) struct Json {
    root: CstRootNode,
    mark: &'static str,
}

/// What clients read besides JSON itself.
const FORM: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

impl Json {
    pub(super) fn parse(text: &str) -> Result<Self, Unusable> {
        let (mark, text) = text.strip_prefix(MARK).map_or(("", text), |text| (MARK, text));
        let text = if text.trim().is_empty() { "{}\n" } else { text };
        let root = CstRootNode::parse(text, &FORM).map_err(|_| Unusable::DoesNotParse)?;
        Ok(Self { root, mark })
    }

    pub(super) fn entry(&self, key: &str, name: &str) -> Result<Option<Value>, Unusable> {
        let root = self.root.object_value().ok_or(Unusable::DoesNotParse)?;
        let Some(servers) = object(&root, key)? else {
            return Ok(None);
        };
        let entry = property(&servers, name)?;
        Ok(entry.map(|entry| entry.to_serde_value().unwrap_or_default()))
    }

    /// Everything that it holds.
    pub(super) fn value(&self) -> Value {
        self.root.to_serde_value().unwrap_or_default()
    }

    pub(super) fn with(
        self,
        key: &str,
        name: &str,
        entry: &Map<String, Value>,
    ) -> Result<String, Unusable> {
        let root = self.root.object_value().ok_or(Unusable::DoesNotParse)?;
        object(&root, key)?;
        let servers = root.object_value_or_set(key);
        property(&servers, name)?;
        assign(&servers.object_value_or_set(name), entry)?;
        Ok(self.text())
    }

    pub(super) fn without(self, key: &str, name: &str) -> Result<String, Unusable> {
        let root = self.root.object_value().ok_or(Unusable::DoesNotParse)?;
        if let Some(servers) = object(&root, key)?
            && let Some(entry) = property(&servers, name)?
        {
            entry.remove();
        }
        Ok(self.text())
    }

    fn text(&self) -> String {
        format!("{}{}", self.mark, self.root)
    }
}

/// The property of a name, which stands there once at most.
fn property(
    object: &CstObject,
    name: &str,
) -> Result<Option<jsonc_parser::cst::CstObjectProp>, Unusable> {
    let is_it = |property: &jsonc_parser::cst::CstObjectProp| {
        property.decoded_name().is_some_and(|it| it == name)
    };
    let mut found = object.properties().into_iter().filter(is_it);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Unusable::Repeated),
        (found, None) => Ok(found),
    }
}

fn object(root: &CstObject, name: &str) -> Result<Option<CstObject>, Unusable> {
    match property(root, name)? {
        None => Ok(None),
        Some(property) => property.object_value().map(Some).ok_or(Unusable::NoServers),
    }
}

/// Makes an object hold these members, in place.
fn assign(object: &CstObject, members: &Map<String, Value>) -> Result<(), Unusable> {
    for existing in object.properties() {
        if existing.decoded_name().is_none_or(|name| !members.contains_key(&name)) {
            existing.remove();
        }
    }
    for (name, value) in members {
        match property(object, name)? {
            None => {
                object.append(name, input(value));
            }
            Some(existing) if existing.to_serde_value().as_ref() == Some(value) => {}
            Some(existing) => match (existing.object_value(), value) {
                (Some(inner), Value::Object(members)) => assign(&inner, members)?,
                _ => existing.set_value(input(value)),
            },
        }
    }
    Ok(())
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(members) => CstInputValue::Object(
            members.iter().map(|(name, value)| (name.clone(), input(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry() -> Map<String, Value> {
        json!({"command": "/b", "args": [], "env": {"A": "1"}}).as_object().cloned().unwrap()
    }

    fn with(text: &str) -> Result<String, Unusable> {
        Json::parse(text)?.with("mcpServers", "bitrix24", &entry())
    }

    #[test]
    fn an_entry_is_added_and_the_rest_stays() {
        for (before, after) in [
            (
                "",
                "{\n  \"mcpServers\": {\n    \"bitrix24\": {\n      \"command\": \"/b\",\n      \"args\": [],\n      \
                 \"env\": {\n        \"A\": \"1\"\n      }\n    }\n  }\n}\n",
            ),
            (
                "{\n\t// mine\n\t\"theme\": \"dark\", // why not\n\t\"mcpServers\": {\n\t\t\"other\": {\"command\": \
                 \"x\"}, /* last */\n\t},\n}",
                "{\n\t// mine\n\t\"theme\": \"dark\", // why not\n\t\"mcpServers\": {\n\t\t\"other\": {\"command\": \
                 \"x\"}, /* last */\n\t\t\"bitrix24\": {\n\t\t\t\"command\": \"/b\",\n\t\t\t\"args\": [],\n\t\t\t\
                 \"env\": {\n\t\t\t\t\"A\": \"1\"\n\t\t\t}\n\t\t},\n\t},\n}",
            ),
            (
                "\u{feff}{\r\n  \"b\": 1\r\n}\r\n",
                "\u{feff}{\r\n  \"b\": 1,\r\n  \"mcpServers\": {\r\n    \"bitrix24\": {\r\n      \"command\": \"/b\",\
                 \r\n      \"args\": [],\r\n      \"env\": {\r\n        \"A\": \"1\"\r\n      }\r\n    }\r\n  }\r\n}\r\n",
            ),
        ] {
            let written = with(before).unwrap();
            assert_eq!(written, after);
            assert_eq!(with(&written).unwrap(), written);
            let read = Json::parse(&written).unwrap().entry("mcpServers", "bitrix24").unwrap();
            assert_eq!(read, Some(Value::Object(entry())));
        }
    }

    #[test]
    fn only_what_differs_is_written_anew() {
        let before = r#"{"mcpServers": {
  "bitrix24": {
    "command": "/b", // full path
    "args": [],
    // the portal
    "env": {"A": "0", "OLD": "x"},
  }
}}"#;
        let after = r#"{"mcpServers": {
  "bitrix24": {
    "command": "/b", // full path
    "args": [],
    // the portal
    "env": {"A": "1"},
  }
}}"#;
        assert_eq!(with(before).unwrap(), after);
    }

    #[test]
    fn taking_an_entry_out_brings_the_text_back() {
        for before in [
            "{\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"} // kept\n  }\n}\n",
            "{\n  \"mcpServers\": {\n    \"other\": {}, // kept\n  },\n}\n",
        ] {
            let connected = with(before).unwrap();
            let removed =
                Json::parse(&connected).unwrap().without("mcpServers", "bitrix24").unwrap();
            assert_eq!(removed, before);
        }
        assert_eq!(Json::parse("{ }").unwrap().without("mcpServers", "bitrix24").unwrap(), "{ }");
    }

    #[test]
    fn what_cannot_be_read_for_certain_is_left_alone() {
        for (text, reason) in [
            ("{", Unusable::DoesNotParse),
            ("{'a': 1}", Unusable::DoesNotParse),
            ("{a: 1}", Unusable::DoesNotParse),
            ("{\"a\": 1 \"b\": 2}", Unusable::DoesNotParse),
            ("[]", Unusable::DoesNotParse),
            ("// nothing", Unusable::DoesNotParse),
            ("{\"mcpServers\": []}", Unusable::NoServers),
            ("{\"mcpServers\": null}", Unusable::NoServers),
            ("{\"mcpServers\": {}, \"mcpServers\": {}}", Unusable::Repeated),
            ("{\"mcpServers\": {\"bitrix24\": {}, \"bitrix24\": {}}}", Unusable::Repeated),
            (
                "{\"mcpServers\": {\"bitrix24\": {\"env\": {\"A\": \"\", \"A\": \"\"}}}}",
                Unusable::Repeated,
            ),
        ] {
            assert_eq!(with(text).unwrap_err(), reason, "{text}");
        }
    }
}
