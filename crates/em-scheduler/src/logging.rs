//! The log: lines on standard error, as text for people or as JSON for machines. Names of tasks and projects end up in
//! it, so control characters in values are written as escapes: nobody forges a line or paints a terminal.

use std::fmt::{self, Write as _};
use std::io::IsTerminal;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{self, LevelFilter};
use tracing_subscriber::fmt::SubscriberBuilder;
use tracing_subscriber::fmt::format::{self, Writer};

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line of text per event, in colour on a terminal.
    Text,
    /// A JSON object per line.
    Json,
}

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The form.
    pub format: LogFormat,
    /// What is logged; see [`check_filter`].
    pub filter: String,
}

/// Levels by name.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Whether a text says what to log: levels, and `module=level`, separated by commas.
///
/// # Errors
/// The part that does not.
pub fn check_filter(text: &str) -> Result<(), String> {
    for part in text.split(',').map(str::trim) {
        // The library takes a misspelt level for the name of a module, and then nothing is logged.
        let level = part.rsplit('=').next().unwrap_or("").to_lowercase();
        if !LEVELS.contains(&level.as_str()) {
            return Err(format!("{part:?} names no level"));
        }
    }
    filters()
        .parse(text)
        .map(|_| ())
        .map_err(|error| error.to_string())
}

/// For a library that tells the server's notices about what we do on purpose as its own information, with the places of its
/// source. Not where the filter names it, or lets no information through anyway: this must never show more.
const QUIET: &str = "tokio_postgres=warn";

fn chosen(text: &str) -> EnvFilter {
    let filter = filters().parse_lossy(text);
    let lets_through = filter
        .max_level_hint()
        .is_none_or(|level| level > LevelFilter::WARN);
    if lets_through && !text.contains("tokio_postgres") {
        filter.add_directive(QUIET.parse().expect("a directive"))
    } else {
        filter
    }
}

/// How filters are read. The values of fields in them are texts: as patterns, which they are by default, a short one can
/// take minutes and all the memory to be made ready.
fn filters() -> filter::Builder {
    EnvFilter::builder().with_regex(false)
}

/// Starts logging, for the rest of the process. A panic is logged like everything else. A second call does nothing.
pub fn start(settings: &LogSettings) {
    let filter = chosen(&settings.filter);
    let builder = subscriber().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init().is_ok(),
        LogFormat::Text => {
            let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let fields = format::debug_fn(write_field).delimited(" ");
            builder.with_ansi(colour).fmt_fields(fields).try_init().is_ok()
        }
    };
    if started {
        std::panic::set_hook(Box::new(|panic| {
            let thread = std::thread::current();
            let place = panic.location().map_or_else(String::new, ToString::to_string);
            let reason = panic.payload_as_str().unwrap_or("without a reason");
            tracing::error!(
                thread = thread.name(),
                place,
                reason,
                "a panic: this is a fault of em-scheduler"
            );
        }));
    }
}

fn subscriber() -> SubscriberBuilder {
    tracing_subscriber::fmt()
}

fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{}", Escaped(format_args!("{value:?}"))),
        name => write!(writer, "{name}={}", Escaped(format_args!("{value:?}"))),
    }
}

/// Writes control characters, and those that turn the direction of text, as escapes.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<T>(pub T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let misleading = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || misleading {
                write!(self.0, "{}", c.escape_default())?;
            } else {
                self.0.write_char(c)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_name_with_line_breaks_and_colours_stays_on_its_line() {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = subscriber()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .fmt_fields(format::debug_fn(write_field).delimited(" "))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let name = "evil\n2026 ERROR forged \u{1b}[31mred\u{202e}";
            tracing::info!(%name, quoted = name, "task {name}");
        });
        let line = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.contains('\u{1b}') && !line.contains('\u{202e}'), "{line}");
        assert!(
            line.contains("task evil\\n2026 ERROR forged \\u{1b}[31mred\\u{202e} name=evil\\n"),
            "{line}"
        );
    }

    #[test]
    fn a_library_is_made_quiet_and_never_louder() {
        for (text, expected) in [
            ("info", "tokio_postgres=warn,info"),
            ("error", "error"),
            ("warn", "warn"),
            ("info,tokio_postgres=debug", "tokio_postgres=debug,info"),
        ] {
            assert_eq!(chosen(text).to_string(), expected);
        }
    }

    #[test]
    fn filters_are_levels_and_modules_with_levels() {
        for text in [
            "info",
            "WARN",
            "off",
            "info,em_scheduler::dispatch=debug",
            "em_scheduler=trace",
        ] {
            assert_eq!(check_filter(text), Ok(()), "{text}");
        }
        // Found by fuzzing: as a pattern this took minutes and half a gigabyte.
        let dots = ".".repeat(106);
        let text = format!("a[b{{ZZ=ZmmmmmmmmmmNNNNNNNNNNN{dots}NNNNNNNNNNNZZZZZZZZZ+5}}]=trace");
        assert_eq!(check_filter(&text), Ok(()), "{text}");
        for text in ["", "inof", "em_scheduler", "em_scheduler=", "info,,warn", "a=b=c"] {
            assert!(check_filter(text).is_err(), "{text}");
        }
    }
}
