//! Log lines on standard error, written by a thread of their own: a client that does not read them
//! must not stop the server. Each event is one line, whatever it holds.

use std::{
    io::{self, Write},
    sync::{
        OnceLock,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use crate::text;

/// Whether an event tells something. A connection that is opened ahead of the first request makes the HTTP
/// library warn each time of what is done on purpose.
pub fn is_news(event: &tracing::Metadata<'_>) -> bool {
    *event.level() != tracing::Level::WARN || event.target() != "hyper_util::client::legacy::client"
}

/// So many events may wait; more are dropped.
const MAX_WAITING: usize = 1_000;
/// How long the end of the process waits for what was logged.
const AT_THE_END: Duration = Duration::from_millis(500);

enum Message {
    Line(String),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

static LINES: OnceLock<SyncSender<Message>> = OnceLock::new();

/// Where the logger writes its events.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Log {
    /// Waits for a moment until what was logged is written.
    pub fn flush() {
        let Some(lines) = LINES.get() else { return };
        let (done, written) = sync_channel(1);
        if lines.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(AT_THE_END);
        }
    }
}

impl Write for Log {
    /// Takes one event; the logger writes each at once.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text::on_one_line(text.trim_end_matches('\n'));
        // When too many wait, they are not being read.
        let _ = LINES.get_or_init(start).try_send(Message::Line(line));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start() -> SyncSender<Message> {
    let (lines, waiting) = sync_channel(MAX_WAITING);
    thread::spawn(move || write_all(&waiting));
    lines
}

fn write_all(waiting: &Receiver<Message>) {
    while let Ok(message) = waiting.recv() {
        match message {
            Message::Line(line) => {
                let _ = writeln!(io::stderr().lock(), "{line}");
            }
            Message::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}
