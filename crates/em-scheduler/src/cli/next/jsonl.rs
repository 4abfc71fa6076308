//! Cases in, answers out, one JSON line each. A bad line is answered like any other and stops nothing; so is a blank
//! one, so that the n-th answer always belongs to the n-th line.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use triggers::{Case, DstPolicy, TriggerError, UtcMicros};

/// A longer line is no case, and is not held in memory.
const LONGEST_LINE: u64 = 1024 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum CaseAnswer {
    Fires(Vec<UtcMicros>),
    Error(String),
}

/// Goes on until the end of the input. Each answer has left before the next line is waited for.
pub(super) fn answer(input: impl Read, output: impl Write, policy: DstPolicy) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 * 1024, input);
    let mut output = io::BufWriter::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return output.flush();
        }
        let answer = if line.len() as u64 == LONGEST_LINE && !line.ends_with(b"\n") {
            skip_line(&mut input)?;
            CaseAnswer::Error(format!("the line is longer than {LONGEST_LINE} bytes"))
        } else if line.trim_ascii().is_empty() {
            CaseAnswer::Error("the line is blank; a case is a JSON object".into())
        } else {
            one(&line, policy)
        };
        serde_json::to_writer(&mut output, &answer)?;
        output.write_all(b"\n")?;
        // Whoever waits for an answer before asking on has not asked anything more yet.
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
    }
}

fn one(line: &[u8], policy: DstPolicy) -> CaseAnswer {
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let text = std::str::from_utf8(line)
            .map_err(|error| TriggerError::Case(format!("it is no UTF-8 text: {error}")))?;
        Case::parse(text)?.answer(policy)
    }));
    match answered {
        Ok(Ok(fires)) => CaseAnswer::Fires(fires),
        Ok(Err(error)) => CaseAnswer::Error(error.to_string()),
        Err(_) => CaseAnswer::Error("a fault of em-scheduler".into()),
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, over) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(place) => (place + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if over {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8]) -> Vec<String> {
        let mut output = Vec::new();
        answer(input, &mut output, DstPolicy::Once).unwrap();
        String::from_utf8(output)
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn every_line_is_answered_whatever_is_in_it() {
        let case = br#"{"kind":"date","fields":{"run_date":"2034-05-24"},"from":"2030-01-01T00:00:00Z"}"#;
        let mut input = case.to_vec();
        input.extend(b"\n\n\xff\n[1]\r\n");
        input.resize(input.len() + 3 * 1024 * 1024, b'x');
        input.extend(b"\n{\"kind\":\"cron\",\"fields\":{\"minute\":99}}\n");
        input.extend(case);
        let answers = answers(&input);
        assert_eq!(answers.len(), 7, "{answers:?}");
        for place in [0, 6] {
            assert_eq!(answers[place], r#"{"fires":["2034-05-24T00:00:00Z"]}"#);
        }
        for (place, part) in [
            (1, "blank"),
            (2, "UTF-8"),
            (3, "not a case"),
            (4, "longer"),
            (5, "minute"),
        ] {
            assert!(answers[place].starts_with(r#"{"error":""#), "{answers:?}");
            assert!(answers[place].contains(part), "{part}: {answers:?}");
        }
    }
}
