//! What a text says apart from its markup: its words and where its links lead. Portals turn HTML
//! into the BB codes that they know and leave everything else as it is (docs/bitrix24.md,
//! "Values"), so two texts that say the same may be marked up differently, and nothing else may
//! differ.

/// A piece of what a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A word as it is read.
    Word(String),
    /// The target of a link or a picture.
    Target(String),
}

/// Tags within a line; they do not separate words.
const INLINE: [&str; 22] = [
    "b",
    "strong",
    "i",
    "em",
    "u",
    "ins",
    "s",
    "strike",
    "del",
    "span",
    "font",
    "small",
    "big",
    "sub",
    "sup",
    "mark",
    "color",
    "size",
    "user",
    "code",
    "abbr",
    "background",
];
/// Tags that separate words.
const BLOCK: [&str; 29] = [
    "p",
    "br",
    "div",
    "ul",
    "ol",
    "li",
    "list",
    "*",
    "table",
    "thead",
    "tbody",
    "tr",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "pre",
    "blockquote",
    "quote",
    "left",
    "center",
    "right",
    "justify",
    "spoiler",
];
/// A bracket that is not closed within so many bytes opens no tag.
const MAX_TAG: usize = 4_096;
/// Tags with a target.
const LINKS: [&str; 4] = ["a", "url", "img", "email"];

/// The words and targets of a text, in order.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut word = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[']) {
        let (before, tagged) = rest.split_at(at);
        word.push_str(before);
        let Some((tag, after)) = Tag::read(tagged) else {
            let (bracket, after) = tagged.split_at(1);
            word.push_str(bracket);
            rest = after;
            continue;
        };
        rest = after;
        if tag.is_inline() {
            continue;
        }
        flush(&mut word, &mut pieces);
        if tag.is_closing {
            continue;
        }
        match tag.name.as_str() {
            // The target is between the tags.
            "img" | "url" if !tag.is_html && tag.target.is_none() => {
                let end = rest.find('[').unwrap_or(rest.len());
                let (target, after) = rest.split_at(end);
                pieces.push(Piece::Target(entities(target.trim())));
                if tag.name == "img" {
                    rest = after;
                }
            }
            _ => pieces.extend(tag.target.map(|target| Piece::Target(entities(&target)))),
        }
    }
    word.push_str(rest);
    flush(&mut word, &mut pieces);
    pieces
}

fn flush(text: &mut String, pieces: &mut Vec<Piece>) {
    let words = entities(text);
    pieces.extend(words.split_whitespace().map(|word| Piece::Word(word.to_owned())));
    text.clear();
}

/// A tag of HTML or of BB code that portals know.
struct Tag {
    name: String,
    is_html: bool,
    is_closing: bool,
    target: Option<String>,
}

impl Tag {
    /// Reads the tag that the text begins with; brackets around anything else are text.
    fn read(text: &str) -> Option<(Self, &str)> {
        let is_html = text.starts_with('<');
        let closing = if is_html { b'>' } else { b']' };
        let end = text.bytes().take(MAX_TAG).position(|byte| byte == closing)?;
        let inside = text.get(1..end)?;
        let (inside, is_closing) = match inside.strip_prefix('/') {
            Some(inside) => (inside, true),
            None => (inside.trim_end_matches('/'), false),
        };
        let name_ends = inside.find(|c: char| c == '=' || c.is_whitespace());
        let (name, attributes) = inside.split_at(name_ends.unwrap_or(inside.len()));
        let name = name.to_ascii_lowercase();
        let is_known =
            [&INLINE[..], &BLOCK[..], &LINKS[..]].iter().any(|them| them.contains(&name.as_str()));
        if !is_known {
            return None;
        }
        let target = match name.as_str() {
            "a" => attribute(attributes, "href"),
            "img" if is_html => attribute(attributes, "src"),
            "url" => attributes.strip_prefix('=').map(|target| unquoted(target).to_owned()),
            _ => None,
        };
        let target = target.map(|target| target.trim().to_owned());
        Some((Self { name, is_html, is_closing, target }, text.get(end + 1..)?))
    }

    fn is_inline(&self) -> bool {
        INLINE.contains(&self.name.as_str())
    }
}

/// The value of an HTML attribute.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let lower = attributes.to_ascii_lowercase();
    let at = lower.find(&format!("{name}="))? + name.len() + 1;
    let value = attributes.get(at..)?;
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value.get(1..)?.split(quote).next()?,
        _ => value.split_whitespace().next()?,
    };
    Some(value.to_owned())
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// The characters that HTML writes as names.
fn entities(text: &str) -> String {
    const NAMED: [(&str, &str); 7] = [
        ("&nbsp;", " "),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#039;", "'"),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ];
    NAMED.iter().fold(text.to_owned(), |text, (name, character)| text.replace(name, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_says_nothing_and_brackets_do() {
        let cases = [
            ("<b>Call</b> back", "[b]Call[/b] back", true),
            ("<p>one</p><p>two</p>", "one\ntwo", true),
            ("<b>bo</b>ld", "[b]bo[/b]ld", true),
            ("<b>bo</b>ld", "bo ld", false),
            ("Call back [Monday]", "Call back [Tuesday]", false),
            ("Call back [Monday]", "Call back", false),
            ("‹one›", "‹two›", false),
            ("<One>", "<Two>", false),
            ("5 < 6", "5 &lt; 6", true),
            ("A &amp; B", "A & B", true),
            (
                "<a href=\"https://a.example/x\">here</a>",
                "[url=https://a.example/x]here[/url]",
                true,
            ),
            (
                "<a href='https://a.example/x'>here</a>",
                "[url=https://b.example/x]here[/url]",
                false,
            ),
            ("<a href=\"https://a.example/\">here</a>", "here", false),
            (
                "<a href=\"https://a.example/\">https://a.example/</a>",
                "[url]https://a.example/[/url]",
                true,
            ),
            ("<img src=\"https://a.example/i.png\" />", "[img]https://a.example/i.png[/img]", true),
            ("<ul><li>one</li><li>two</li></ul>", "[list][*]one[*]two[/list]", true),
            ("[url=https://a.example]here[/url]", "[url=https://b.example]here[/url]", false),
            ("a  b\r\nc", "a b\nc", true),
            ("unclosed <b", "unclosed <b", true),
            ("[]", "", false),
        ];
        for (one, other, is_same) in cases {
            assert_eq!(pieces(one) == pieces(other), is_same, "{one} | {other}");
        }
    }
}
