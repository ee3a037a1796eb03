//! The pictures of `demo` in `docs/pictures` show what it prints. `docs/pictures/demo.sh` makes them
//! anew: still pictures of a terminal, one for light pages and one for dark ones.

use std::{fmt::Write as _, fs, io, path::PathBuf, process::Stdio};

use pty_process::Pts;
use tokio::{io::AsyncReadExt, time::timeout};

use crate::support::{PATIENCE, program, run};

/// What is shown: the first and the last line of each part begin so. The lines between them are all
/// shown; where lines are left out, the picture says so.
const SHOWN: [(&str, &str); 3] = [
    ("2. Move it to that stage", "isNew"),
    ("4. Name a stage", "stageId      \"New\""),
    ("changed  39 of 40", "CRM_FIELD_ERROR_REQUIRED"),
];

const PROMPT: &str = "$ ";
const COMMAND: &str = "bitrix24-crm-mcp demo";
const LEFT_OUT: &str = "…";

/// The columns of the terminal, and the lines that are still taken in at a glance.
const COLUMNS: usize = 100;
const MOST_LINES: usize = 40;
const MOST_BYTES: usize = 20_000;

/// Sizes in hundredths of a pixel, so that no fraction is rounded: most fonts of terminals are six
/// tenths as wide as they are tall.
const FONT: usize = 1_400;
const COLUMN: usize = FONT * 6 / 10;
const LINE: usize = 2_000;
const MARGIN: usize = 1_600;

/// The colours of a picture, by what is written in them.
struct Theme {
    name: &'static str,
    page: &'static str,
    edge: &'static str,
    text: &'static str,
    faint: &'static str,
    asked: &'static str,
    found: &'static str,
    changed: &'static str,
    caught: &'static str,
}

const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        page: "#f6f8fa",
        edge: "#d1d9e0",
        text: "#1f2328",
        faint: "#59636e",
        asked: "#0969da",
        found: "#1b7c83",
        changed: "#116329",
        caught: "#9a4b00",
    },
    Theme {
        name: "dark",
        page: "#151b23",
        edge: "#3d444d",
        text: "#f0f6fc",
        faint: "#9198a1",
        asked: "#79c0ff",
        found: "#56d4dd",
        changed: "#7ee787",
        caught: "#ffa657",
    },
];

/// What a terminal is told before a text: the codes, and the class that the text has in a picture.
/// Another style needs a line here and a colour in each theme.
const STYLES: [(&str, &str); 6] =
    [("", ""), ("1", "b"), ("1;34", "b q"), ("1;36", "b f"), ("1;32", "b c"), ("1;33", "b w")];

/// A text in one style.
#[derive(Debug, Clone, PartialEq)]
struct Run {
    class: &'static str,
    text: String,
}

type Line = Vec<Run>;

fn faint(text: &str) -> Run {
    Run { class: "d", text: text.to_owned() }
}

fn plain(line: &Line) -> String {
    line.iter().map(|run| run.text.as_str()).collect()
}

/// What `demo` sends to a terminal.
async fn at_a_terminal() -> String {
    let (mut pty, pts): (_, Pts) = pty_process::open().unwrap();
    let mut command = pty_process::Command::new(env!("CARGO_BIN_EXE_bitrix24-crm-mcp"))
        .arg("demo")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .kill_on_drop(true)
        .stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BITRIX24_")) {
        command = command.env_remove(name);
    }
    let mut child = command.spawn(pts).unwrap();
    let mut sent = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        match timeout(PATIENCE, pty.read(&mut bytes)).await.unwrap() {
            Ok(0) => break,
            Ok(read) => sent.extend_from_slice(&bytes[..read]),
            // The end of a terminal on Linux: nobody has its other side open.
            Err(error) if error.raw_os_error() == Some(5) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(child.wait().await.unwrap().success());
    String::from_utf8(sent).unwrap()
}

/// The lines of a screen, each cut where the style changes.
fn lines(sent: &str) -> Vec<Line> {
    let mut codes: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for text in sent.lines() {
        let mut line = Line::new();
        for (index, piece) in text.split("\u{1b}[").enumerate() {
            let mut text = piece;
            if index > 0 {
                let (code, rest) = piece.split_once('m').unwrap();
                text = rest;
                if ["", "0"].contains(&code) {
                    codes.clear();
                } else {
                    codes.push(code.to_owned());
                }
            }
            if !text.is_empty() {
                let codes = codes.join(";");
                let style = STYLES.iter().find(|(known, _)| *known == codes);
                let (_, class) = style.unwrap_or_else(|| panic!("{codes} is no known style"));
                line.push(Run { class, text: text.to_owned() });
            }
        }
        lines.push(line);
    }
    lines
}

/// The parts that are shown, below the command.
fn selected(lines: &[Line]) -> Vec<Line> {
    let begins = |line: &Line, text: &str| plain(line).trim_start().starts_with(text);
    let command = Run { class: "b", text: COMMAND.to_owned() };
    let mut selected = vec![vec![faint(PROMPT), command]];
    let mut rest = lines;
    for (first, last) in SHOWN {
        let start = rest.iter().position(|line| begins(line, first));
        let start = start.unwrap_or_else(|| panic!("`demo` prints no line {first}"));
        let end = rest[start..].iter().position(|line| begins(line, last));
        let end = start + end.unwrap_or_else(|| panic!("no line {last} follows {first}"));
        selected.push(vec![faint(LEFT_OUT)]);
        let above = rest[..start].iter().rev().take_while(|line| line.is_empty()).count();
        selected.extend_from_slice(&rest[start - above..=end]);
        rest = &rest[end + 1..];
    }
    selected.push(vec![faint(LEFT_OUT)]);
    selected
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Hundredths of a pixel as pixels.
fn pixels(hundredths: usize) -> String {
    let pixels = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    pixels.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn drawn(lines: &[Line], theme: &Theme) -> String {
    let width = pixels(COLUMNS * COLUMN + 2 * MARGIN);
    let height = pixels(lines.len() * LINE + 2 * MARGIN);
    let Theme { page, edge, text, faint, asked, found, changed, caught, .. } = theme;
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="A terminal with the output of {COMMAND}">
<style>
rect{{fill:{page};stroke:{edge}}}
text{{font:{font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;white-space:pre;fill:{text}}}
.b{{font-weight:bold}}.d{{fill:{faint}}}.q{{fill:{asked}}}.f{{fill:{found}}}.c{{fill:{changed}}}.w{{fill:{caught}}}
</style>
<rect x=".5" y=".5" width="{inner_width}" height="{inner_height}" rx="6"/>
"#,
        font = pixels(FONT),
        inner_width = pixels(COLUMNS * COLUMN + 2 * MARGIN - 100),
        inner_height = pixels(lines.len() * LINE + 2 * MARGIN - 100),
    );
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        // Each text has the width of its columns, whatever font the reader has.
        let columns = plain(line).chars().count();
        let (y, length) = (MARGIN + index * LINE + FONT, columns * COLUMN);
        write!(
            svg,
            r#"<text xml:space="preserve" x="{}" y="{}" textLength="{}">"#,
            pixels(MARGIN),
            pixels(y),
            pixels(length)
        )
        .unwrap();
        for Run { class, text } in line {
            let text = escaped(text);
            if class.is_empty() {
                svg.push_str(&text);
            } else {
                write!(svg, r#"<tspan class="{class}">{text}</tspan>"#).unwrap();
            }
        }
        svg.push_str("</text>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn path(theme: &Theme) -> PathBuf {
    let name = format!("demo-{}.svg", theme.name);
    [env!("CARGO_MANIFEST_DIR"), "docs", "pictures", &name].iter().collect()
}

/// The texts of a picture, from top to bottom.
fn texts(svg: &str) -> Vec<String> {
    let without_tags = |text: &str| -> String {
        text.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text)).collect()
    };
    let texts = svg.lines().filter(|line| line.starts_with("<text "));
    texts.map(|text| unescaped(&without_tags(text))).collect()
}

#[tokio::test]
async fn the_pictures_are_drawn_from_what_demo_prints_today() {
    let lines = selected(&lines(&at_a_terminal().await));
    assert!(lines.len() <= MOST_LINES, "{} lines", lines.len());
    for theme in THEMES {
        let path = path(&theme);
        let svg = drawn(&lines, &theme);
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            fs::write(&path, &svg).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == svg, "{} is stale: docs/pictures/demo.sh", path.display());
    }
}

#[tokio::test]
async fn the_text_of_a_picture_is_what_demo_prints() -> io::Result<()> {
    let finished = run(program().arg("demo")).await;
    for theme in THEMES {
        let svg = fs::read_to_string(path(&theme))?;
        let texts = texts(&svg);
        assert_eq!(texts[0], format!("{PROMPT}{COMMAND}"));
        let mut printed = finished.stdout.lines().filter(|line| !line.is_empty());
        let mut may_skip = false;
        for text in &texts[1..] {
            if text == LEFT_OUT {
                may_skip = true;
                continue;
            }
            let is_next = if may_skip {
                printed.any(|line| line == text)
            } else {
                printed.next() == Some(text.as_str())
            };
            assert!(is_next, "{}: `demo` prints no such line here: {text}", theme.name);
            may_skip = false;
        }
        assert!(may_skip, "{}: `demo` prints more than that", theme.name);
    }
    Ok(())
}

/// Pages that show a picture as an image load nothing for it.
#[test]
fn a_picture_is_small_and_stands_alone() {
    for theme in THEMES {
        let svg = fs::read_to_string(path(&theme)).unwrap();
        assert!(svg.len() <= MOST_BYTES, "{}: {} bytes", theme.name, svg.len());
        for from_elsewhere in ["url(", "href", "@import", "@font-face", "<script", "<image"] {
            assert!(!svg.contains(from_elsewhere), "{}: {from_elsewhere}", theme.name);
        }
    }
}
