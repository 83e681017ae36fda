//! The log: lines on standard error, for people or for programs.

use super::output::turns_direction;
use clap::ValueEnum;
use std::{
    io::{self, IsTerminal},
    panic,
};
use tracing::{Subscriber, field::Field};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{
    EnvFilter, Layer,
    field::MakeExt,
    fmt::{
        self, FormatFields, MakeWriter,
        format::{self, Writer},
    },
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How many lines may wait for a reader of the log that is slow. Later ones are dropped: requests go on.
const LINES_WAITING: usize = 8_192;

/// Starts the log; `RUST_LOG` says how much of it. What is waiting is written when the guard is dropped.
pub(super) fn start(format: LogFormat) -> WorkerGuard {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = format == LogFormat::Text && io::stderr().is_terminal();
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(LINES_WAITING).lossy(true).finish(io::stderr());
    tracing_subscriber::registry().with(filter).with(lines(format, colours, writer)).init();
    // What panics say may hold anything, several lines too: it belongs into a line like any other.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(tracing::field::display);
        let cause = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, cause, "panicked");
    }));
    guard
}

fn lines<S, W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // A reader of the log that goes away must not take the platform along: reporting a failed write on the same
    // stream would panic.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Text => lines.with_ansi(colours).fmt_fields(escaped()).boxed(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
        }
    }
}

/// Fields of which none can end its line, or begin what looks like another, or steer the reader's terminal.
fn escaped() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    format::debug_fn(|writer: &mut Writer<'_>, field: &Field, value| {
        if field.name() != "message" {
            write!(writer, "{}=", field.name())?;
        }
        format!("{value:?}").chars().try_for_each(|character| match character {
            // A Debug form has escaped most of them already; a Display form has not.
            '\u{2028}' | '\u{2029}' => write!(writer, "{}", character.escape_unicode()),
            character if turns_direction(character) => write!(writer, "{}", character.escape_unicode()),
            character if character.is_control() => write!(writer, "{}", character.escape_default()),
            character => writer.write_char(character),
        })
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, lines};
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::{layer::SubscriberExt, registry};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of a line whose every part somebody tried to abuse.
    fn written(format: LogFormat) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = registry().with(lines(format, false, move || writer.clone()));
        let evil = "a\r\n2026-01-01T00:00:00Z INFO forged\u{1b}[31m\u{9b}31m\u{7f}\u{2028}\u{202e}\0";
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(text = evil, shown = %evil, "ref" = "1-2", "{evil}");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn nothing_that_is_logged_can_forge_a_line_or_steer_a_terminal() {
        let text = written(LogFormat::Text);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        assert!(text.ends_with('\n') && text.contains("ref=\"1-2\""), "{text:?}");
        let forbidden = |character: char| character.is_control() || "\u{2028}\u{202e}".contains(character);
        assert!(!text.trim_end().contains(forbidden), "{text:?}");
        assert_eq!(text.matches("forged").count(), 3, "nothing is lost: {text:?}");
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let text = written(LogFormat::Json);
        assert_eq!(text.matches('\n').count(), 1, "{text:?}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["ref"], &line["level"]), (&"1-2".into(), &"INFO".into()));
        assert!(line["message"].as_str().unwrap().contains("forged"));
    }
}
