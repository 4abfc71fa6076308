//! The numbers as Markdown, printed and put between the markers of docs/performance.md.

use crate::check::{Difference, FIRES};
use crate::measure::{Row, mean};
use crate::mix::{EXPRESSIONS, ZONES};
use crate::stopwatch::RUNS;
use crate::wide;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

const BEGIN: &str = "<!-- begin: cargo run --release -p bench-triggers -- --write -->";
const END: &str = "<!-- end: bench-triggers -->";

/// A time, short and with the unit that suits.
fn time(nanos: f64) -> String {
    match nanos {
        _ if nanos < 100.0 => format!("{nanos:.1} ns"),
        _ if nanos < 10_000.0 => format!("{} ns", thousands(nanos)),
        _ => format!("{} µs", thousands(nanos / 1000.0)),
    }
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    match digits.len().checked_sub(3) {
        Some(place) if place > 0 => format!("{},{}", &digits[..place], &digits[place..]),
        _ => digits,
    }
}

fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".to_owned())
}

fn most(numbers: &[f64; 10]) -> f64 {
    numbers.iter().copied().fold(0.0, f64::max)
}

fn first_line(path: &str, key: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split(':').nth(1).map(|value| value.trim().to_owned())
}

fn machine() -> String {
    let processor =
        first_line("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let compiler = Command::new("rustc").arg("--version").output();
    let compiler = compiler
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?");
    format!(
        "{processor}, {cores} cores (load {load}), {} {}, {compiler}",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

/// Everything there is to say.
pub fn text(rows: &[Row], agreeing: usize, differing: &[Difference]) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = tell(&mut out, rows, agreeing, differing);
    out
}

fn tell(out: &mut String, rows: &[Row], agreeing: usize, differing: &[Difference]) -> std::fmt::Result {
    writeln!(
        out,
        "Measured on {}; the median of {RUNS} runs, in time of the processor.\n",
        machine()
    )?;
    writeln!(
        out,
        "| | next fire, UTC | next fire, Chicago | 24 h by hour, mean | worst | parse | allocations per fire |"
    )?;
    writeln!(out, "|---|---:|---:|---:|---:|---:|---:|")?;
    for row in rows {
        let next = |zone: usize| or_dash(row.next[zone].as_ref().map(|next| time(mean(next))));
        // Chicago's where there is one: it is the harder question.
        let histogram = row.histogram[1].or(row.histogram[0]);
        let allocations = row.allocations[1].or(row.allocations[0]);
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} |",
            row.name,
            next(0),
            next(1),
            or_dash(histogram.map(|day| time(mean(&day)))),
            or_dash(histogram.map(|day| time(most(&day)))),
            time(row.parse),
            or_dash(allocations.map(|count| if count == 0.0 {
                "0".to_owned()
            } else {
                format!("{count:.2}")
            })),
        )?;
    }
    for (place, zone) in ZONES.into_iter().enumerate() {
        writeln!(out, "\nNanoseconds per next fire, {zone}:\n")?;
        let known: Vec<(&Row, [f64; 10])> = rows
            .iter()
            .filter_map(|row| row.next[place].map(|next| (row, next)))
            .collect();
        let names: Vec<&str> = known.iter().map(|(row, _)| row.name).collect();
        writeln!(out, "| | {} |", names.join(" | "))?;
        writeln!(out, "|---|{}", "---:|".repeat(known.len()))?;
        for (number, line) in EXPRESSIONS.into_iter().enumerate() {
            let times: Vec<String> = known
                .iter()
                .map(|(_, next)| match next[number] {
                    nanos if nanos < 100.0 => format!("{nanos:.1}"),
                    nanos => thousands(nanos),
                })
                .collect();
            writeln!(out, "| `{line}` | {} |", times.join(" | "))?;
        }
    }
    writeln!(
        out,
        "\nOf the first {FIRES} fires of each expression and zone, compared with `literal`, {agreeing} lists agree and {} differ:\n",
        differing.len()
    )?;
    for Difference {
        peer,
        zone,
        line,
        first,
        instants,
    } in differing
    {
        writeln!(
            out,
            "- {peer}, `{line}`, {zone}: {instants} instants, first it {first}"
        )?;
    }
    Ok(())
}

/// What ours alone can do, and the worst of it.
pub fn wide(rows: &[wide::Row], huge: &wide::Row) -> String {
    let mut out = String::from(
        "\nThe whole grammar, ours alone: America/Chicago, `once`. The histogram is the slowest of four days: the one of the \
         trigger's first fire, two on which the clock changes, and a plain one.\n\n\
         | | next fire | 24 h by hour | parse |\n|---|---:|---:|---:|\n",
    );
    let worst = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    let mut line = |name: &str, next: f64, histogram: f64, parse: f64| {
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} |",
            time(next),
            time(histogram),
            time(parse)
        );
    };
    for row in rows {
        line(&row.name, row.next, worst(&row.histogram), row.parse);
    }
    let slowest = |of: fn(&wide::Row) -> f64| worst(&rows.iter().map(of).collect::<Vec<_>>());
    let histogram = slowest(|row| row.histogram.iter().copied().fold(0.0, f64::max));
    line(
        "**the slowest**",
        slowest(|row| row.next),
        histogram,
        slowest(|row| row.parse),
    );
    line(&huge.name, huge.next, worst(&huge.histogram), huge.parse);
    out
}

/// Replaces what stands between the markers.
pub fn write(text: &str) -> Result<(), String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/performance.md");
    let told = |error: std::io::Error| format!("{}: {error}", path.display());
    let page = std::fs::read_to_string(&path).map_err(told)?;
    let parts = page
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or_else(|| format!("{}: the markers are gone", path.display()))?;
    std::fs::write(
        &path,
        format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", text.trim_end()),
    )
    .map_err(told)
}
