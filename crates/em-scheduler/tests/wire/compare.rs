//! Compares an answer with the one recorded: status, content type, and the body by shape and rule, for times, digits
//! and counts are of the day.

use serde_json::Value;

use super::Record;
use super::exceptions::Instead;
use test_world::client::Answer;

/// Says what differs.
pub fn compare(record: &Record, answer: &Answer, instead: Option<Instead>) -> Result<(), String> {
    match instead {
        None => same(record, answer),
        Some(instead) => otherwise(record, answer, instead),
    }
}

fn same(record: &Record, answer: &Answer) -> Result<(), String> {
    expect("status", &answer.status, &record.status)?;
    expect(
        "content type",
        &answer.header("content-type"),
        &record.content_type.as_str(),
    )?;
    if record.request.starts_with("HEAD") {
        return expect("body", &answer.body.as_str(), &"");
    }
    let (found, recorded) = (answer.json(), record.json());
    match record.path() {
        "/api/details" => expect("jobs", &details(&found)?, &details(&recorded)?),
        "/api/jobs" | "/api/scheduled" => expect("jobs", &sorted(&found), &sorted(&recorded)),
        "/api/schedule" => {
            let fires = chart(&recorded)? > 0;
            expect("fires", &(chart(&found)? > 0), &fires)
        }
        _ => expect("body", &found, &recorded),
    }
}

fn otherwise(record: &Record, answer: &Answer, instead: Instead) -> Result<(), String> {
    let status = |status: u16| expect("status", &answer.status, &status);
    match instead {
        Instead::NotFound => {
            status(404)?;
            expect("recorded status", &record.status, &404)?;
            starts(&answer.error(), "404 Not Found: ")
        }
        Instead::WrongMethod => {
            status(405)?;
            expect("recorded status", &record.status, &405)?;
            starts(answer.header("allow"), "GET")?;
            starts(&answer.error(), "405 Method Not Allowed: ")
        }
        Instead::Options => {
            status(record.status)?;
            expect("allow", &answer.header("allow"), &"GET, HEAD, OPTIONS")?;
            expect("content type", &answer.header("content-type"), &"")?;
            expect("body", &answer.body.as_str(), &"")
        }
        Instead::Moved(to) => {
            status(record.status)?;
            expect("location", &answer.header("location"), &to)?;
            starts(&answer.error(), "308 ")
        }
        Instead::Body(body) => {
            status(200)?;
            let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
            expect("body", &answer.json(), &body)
        }
        Instead::Json => {
            status(200)?;
            expect("an array", &answer.json().is_array(), &true)
        }
        Instead::Refused(verb) => {
            status(200)?;
            let error = answer.error();
            starts(&error, &format!("Scheduler ({verb}):\n"))?;
            let of_a_program = [
                "psycopg2",
                "NoneType",
                "Traceback",
                "SELECT",
                "int()",
                "tokio",
                "rusqlite",
            ];
            match of_a_program.iter().find(|word| error.contains(**word)) {
                Some(word) => Err(format!("{word} is no word for people: {error}")),
                None => Ok(()),
            }
        }
        Instead::Jobs(lacks, gains) => {
            status(200)?;
            let recorded = record.json();
            if record.path() == "/api/details" {
                let ids = |row: &String| row.split(' ').nth(1).unwrap_or_default().to_owned();
                let found = details(&answer.json())?.iter().map(ids).collect();
                let recorded = if recorded.is_array() {
                    details(&recorded)?
                } else {
                    Vec::new()
                };
                same_after(recorded.iter().map(ids).collect(), (lacks, gains), found)
            } else {
                let task = |job: &&str| job.split('-').nth(1).unwrap_or_default().to_owned();
                let lacks: Vec<String> = lacks.iter().map(task).collect();
                let gains: Vec<String> = gains.iter().map(task).collect();
                let recorded = if recorded.is_array() {
                    sorted(&recorded)
                } else {
                    Vec::new()
                };
                same_after(recorded, (&lacks, &gains), sorted(&answer.json()))
            }
        }
        Instead::Fires => {
            status(200)?;
            expect("recorded fires", &chart(&record.json())?, &0)?;
            expect("fires", &(chart(&answer.json())? > 0), &true)
        }
    }
}

/// Whether `found` is `recorded` without the first jobs and with the second, in any order.
fn same_after<S: AsRef<str>>(
    mut recorded: Vec<String>,
    (lacks, gains): (&[S], &[S]),
    mut found: Vec<String>,
) -> Result<(), String> {
    for job in lacks {
        let place = recorded.iter().position(|row| row == job.as_ref());
        recorded.remove(place.ok_or_else(|| format!("{} was not recorded", job.as_ref()))?);
    }
    recorded.extend(gains.iter().map(|job| job.as_ref().to_owned()));
    recorded.sort();
    found.sort();
    expect("jobs", &found, &recorded)
}

/// The members of a list, as texts, in order of text: the order itself is the business of another check.
fn sorted(list: &Value) -> Vec<String> {
    let mut texts: Vec<String> = list
        .as_array()
        .into_iter()
        .flatten()
        .map(Value::to_string)
        .collect();
    texts.sort();
    texts
}

/// `id job-id name time?` of each job: ten hexadecimal digits as `#`, a time as whether there is one.
fn details(list: &Value) -> Result<Vec<String>, String> {
    let mut rows = Vec::new();
    for job in list.as_array().ok_or("no list")? {
        let text = |member: &str| job[member].as_str().ok_or(format!("{member} is no text: {job}"));
        expect("members", &job.as_object().map(serde_json::Map::len), &Some(4))?;
        let mut parts: Vec<&str> = text("job_id")?.split('-').collect();
        if let Some(last) = parts.last_mut()
            && last.len() == 10
            && last.chars().all(|digit| digit.is_ascii_hexdigit())
        {
            *last = "#";
        }
        let time = match &job["next_run_time"] {
            Value::Null => "never",
            Value::String(time) if is_http_date(time) => "timed",
            other => return Err(format!("{other} is no time")),
        };
        // A task added as `01` was recorded under that id.
        let id = text("id")?.trim_start_matches('0');
        rows.push(format!("{id} {} {} {time}", parts.join("-"), text("name")?));
    }
    rows.sort();
    Ok(rows)
}

fn is_http_date(text: &str) -> bool {
    jiff::fmt::strtime::parse("%a, %d %b %Y %H:%M:%S GMT", text).is_ok() && text.len() == 29
}

/// Checks the form of the chart and adds its counts up.
fn chart(rows: &Value) -> Result<u64, String> {
    let rows = rows.as_array().ok_or("no list")?;
    expect("rows", &rows.len(), &25)?;
    let mut total = 0;
    let mut last: Option<u64> = None;
    for (place, row) in rows.iter().enumerate() {
        let case = row["case"].as_str().ok_or("no case")?;
        total += row["count"].as_u64().ok_or("no count")?;
        if place == 0 {
            expect("first row", &case, &"now")?;
            continue;
        }
        let hour = case.strip_suffix(":00").and_then(|hour| hour.parse::<u64>().ok());
        let hour = hour.ok_or(format!("{case} is no hour"))?;
        expect("hour", &case, &format!("{hour}:00").as_str())?;
        // Recorded and replayed in UTC, where no hour is left out.
        expect(
            "the hour after",
            &hour,
            &last.map_or(hour, |last| (last + 1) % 24),
        )?;
        last = Some(hour);
    }
    Ok(total)
}

fn starts(text: &str, start: &str) -> Result<(), String> {
    let more = text.len() > start.len() || start == "GET";
    if text.starts_with(start) && more {
        Ok(())
    } else {
        Err(format!("{text:?} does not begin with {start:?}"))
    }
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}\n     is {found:?}\n not {expected:?}"))
    }
}
