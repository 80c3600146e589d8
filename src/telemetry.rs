//! Log lines: where they go, in which form, and how many were alarming.
//!
//! Under systemd they go to the journal with their fields; elsewhere to standard error, as text or
//! JSON. One event is one line, whatever its fields hold: control characters in a value are escaped
//! (line breaks as `\n`), so nobody outside can forge a line or steer a terminal, and nothing is
//! coloured. Warnings and errors are counted for `/metrics`, because an
//! error line means "act now". What is logged is the business of whoever logs: numbers go through
//! `dial::number::mask`, secrets are `SecretString`s.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::reload;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::{LogConfig, LogFormat};

/// Why no log can be written.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// `log.filter` cannot be read.
    #[error("log.filter: {0}")]
    Filter(#[from] ParseError),
    /// Somebody has set up logging before.
    #[error("logging was set up twice: {0}")]
    Twice(#[from] TryInitError),
    /// The filter cannot be exchanged.
    #[error("the log filter cannot be changed: {0}")]
    Reload(#[from] reload::Error),
}

/// Lines that somebody should look at, counted since the start.
#[derive(Debug, Default)]
pub struct LineCounts {
    /// At WARN.
    pub warnings: AtomicU64,
    /// At ERROR.
    pub errors: AtomicU64,
}

/// The log as set up: what it has counted, and the filter that may be exchanged while it runs.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Warnings and errors so far.
    pub lines: Arc<LineCounts>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Telemetry {
    /// Sets up the process's log. `journal_stream` is systemd's `$JOURNAL_STREAM`, where it is set.
    pub fn start(config: &LogConfig, journal_stream: Option<&str>) -> Result<Self, TelemetryError> {
        let (filter, handle) = reload::Layer::new(EnvFilter::builder().parse(&config.filter)?);
        let lines = Arc::new(LineCounts::default());
        let output = output(config.format, journal_stream.is_some_and(leads_to_standard_error));
        let registry = tracing_subscriber::registry().with(filter).with(Counting(Arc::clone(&lines)));
        registry.with(output).try_init()?;
        Ok(Self { lines, filter: handle })
    }

    /// Exchanges the filter, on SIGHUP say.
    pub fn set_filter(&self, filter: &str) -> Result<(), TelemetryError> {
        Ok(self.filter.reload(EnvFilter::builder().parse(filter)?)?)
    }
}

fn output<S>(format: LogFormat, is_journal: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let text = || fmt::layer().with_writer(OneLine(io::stderr)).with_ansi(false).boxed();
    match format {
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(OneLine(io::stderr)).boxed(),
        LogFormat::Auto if is_journal => match tracing_journald::layer() {
            Ok(journal) => journal.with_field_prefix(None).with_syslog_identifier("dialbridge".to_owned()).boxed(),
            Err(_) => text(),
        },
        LogFormat::Auto | LogFormat::Text => text(),
    }
}

/// Whether standard error is the journal's stream that systemd names as `device:inode` (systemd.exec(5)).
fn leads_to_standard_error(journal_stream: &str) -> bool {
    let Ok(stderr) = io::stderr().as_fd().try_clone_to_owned() else { return false };
    File::from(stderr).metadata().is_ok_and(|meta| journal_stream == format!("{}:{}", meta.dev(), meta.ino()))
}

/// Counts what is alarming.
struct Counting(Arc<LineCounts>);

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        match *event.metadata().level() {
            Level::ERROR => self.0.errors.fetch_add(1, Ordering::Relaxed),
            Level::WARN => self.0.warnings.fetch_add(1, Ordering::Relaxed),
            _ => return,
        };
    }
}

/// A writer that gets one event at a time and lets it be one line of printable characters.
#[derive(Clone, Copy)]
struct OneLine<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = OneLine<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        OneLine(self.0.make_writer())
    }
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event.strip_suffix(b"\n").unwrap_or(event));
        let mut escaped = String::with_capacity(event.len() + 16);
        for c in line.chars() {
            if c.is_control() {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        escaped.push('\n');
        self.0.write_all(escaped.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        let layer = fmt::layer().with_ansi(false).with_writer(OneLine(move || to.clone()));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_value_with_line_breaks_cannot_forge_a_line() {
        let text = logged(|| tracing::info!(name = %"Ann\r\n2026-01-01 ERROR all is lost\u{1b}[2J", "call ended"));
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(text.ends_with('\n') && text.contains("Ann\\r\\n2026"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn warnings_and_errors_are_counted() {
        let lines = Arc::new(LineCounts::default());
        let layers = tracing_subscriber::registry().with(Counting(Arc::clone(&lines)));
        tracing::subscriber::with_default(layers, || {
            tracing::info!("nothing");
            tracing::warn!("something");
            tracing::error!("everything");
            tracing::error!("everything again");
        });
        assert_eq!(lines.warnings.load(Ordering::Relaxed), 1);
        assert_eq!(lines.errors.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn only_the_stream_that_systemd_names_is_the_journal() {
        assert!(!leads_to_standard_error("0:0"));
        assert!(!leads_to_standard_error(""));
    }
}
