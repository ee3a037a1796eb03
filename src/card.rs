//! The change card: one page that clients can show beside the answer of a tool that writes. It is the
//! same for every answer; what it shows comes from the call and its answer.
//!
//! The page is `card/change-card.html`: one file without a build step, of which each byte is sent, so
//! that its reasons stand here. It draws what a host passes on of a call: at least the arguments and
//! the text of the answer (a sentence where that is an error, then the JSON). `shown` is the call on
//! view, `base` its arguments without `dryRun` and `confirm`; `phase` is what no answer says: that a call
//! runs, was not allowed, or got lost; `earlier` was on view before the look at an undo. A call that goes
//! on after a pause tells of its own items alone, so `take` adds what the calls before it told. What
//! has a `toString` of its own could not be shown and is dropped by `parse`.

/// Where clients find it.
pub const URI: &str = "ui://bitrix24-crm-mcp/change-card.html";

/// The extension by which clients say that they render pages of servers.
pub const EXTENSION: &str = "io.modelcontextprotocol/ui";

/// What it is. Clients that render cards name this type.
pub const MIME: &str = "text/html;profile=mcp-app";

const PAGE: &str = include_str!("card/change-card.html");

/// The page of a server: the host of its portal, empty where there is none, and those of its tools
/// that the page may call. So it knows which links and buttons to show, whatever else a client hands
/// on.
pub fn page(portal: &str, tools: &[&str]) -> String {
    let (portal, tools) = (escaped(portal), escaped(&tools.join(" ")));
    let of_server = format!("data-portal=\"{portal}\" data-tools=\"{tools}\"");
    PAGE.replacen("data-portal=\"\" data-tools=\"\"", &of_server, 1)
}

/// A text in the quotes of an attribute.
fn escaped(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('"', "&quot;");
    escaped.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_whose_it_is() {
        assert_eq!(PAGE.matches("data-portal=\"\" data-tools=\"\"").count(), 1);
        let page = page("a.example:8443", &["one", "two"]);
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\" "), "{page}");
        assert_eq!(
            page.matches("data-portal=\"a.example:8443\" data-tools=\"one two\"").count(),
            1
        );
    }

    /// Nothing is fetched, nothing of outsiders becomes markup, and it stays small.
    #[test]
    fn the_page_keeps_to_itself() {
        let tools = ["update_crm_item", "update_crm_items", "undo_crm_update"];
        let told = page("example.bitrix24.com", &tools);
        assert!(told.len() <= 25_000, "{} bytes", told.len());
        // So that there is room for longer hosts.
        assert!(PAGE.len() <= 24_900, "{} bytes", PAGE.len());
        let outward = ["http:", "https:", "src=", "href=", "url(", "@import", "fetch(", "import("];
        let as_markup =
            ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "Function("];
        for text in outward.into_iter().chain(as_markup) {
            assert!(!PAGE.contains(text), "{text}");
        }
    }

    #[test]
    fn a_host_ends_no_attribute() {
        let page = page("\"><script>&", &[]);
        assert_eq!(
            page.matches("data-portal=\"&quot;&gt;&lt;script&gt;&amp;\" data-tools=\"\"").count(),
            1
        );
    }
}
