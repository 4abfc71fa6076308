//! Where we answer otherwise than the original did, on purpose: each with the sentence of the contract that says so.
//!
//! The contract is the specification of the service, section 2 unless said otherwise. A difference that is not in
//! here fails the replay, and so does an entry that excuses nothing.

/// What we answer instead.
#[derive(Debug, Clone, Copy)]
pub enum Instead {
    /// 404, in words of our own.
    NotFound,
    /// 405 with `Allow` and JSON.
    WrongMethod,
    /// 200 with `Allow`, and no content type for no content.
    Options,
    /// 308 to the address, with JSON.
    Moved(&'static str),
    /// The success that the same address without the slash has.
    Body(&'static str),
    /// An empty 200 list or whatever the same address without the slash answers: any JSON.
    Json,
    /// `{"error": "Scheduler (<verb>):\n<reason of our own>"}`.
    Refused(&'static str),
    /// The recorded list (empty where an error was recorded) without the first jobs and with the second ones; ten
    /// hexadecimal digits are written `#`.
    Jobs(&'static [&'static str], &'static [&'static str]),
    /// Some rows of the chart are not zero.
    Fires,
}

use Instead::{Body, Fires, Jobs, Json, Moved, NotFound, Options, Refused, WrongMethod};

pub struct Exception {
    /// The requests, and their note; an empty note is any.
    pub requests: &'static [&'static str],
    pub note: &'static str,
    pub instead: Instead,
    /// The sentence that decides.
    pub because: &'static str,
}

const fn instead_of(
    requests: &'static [&'static str],
    note: &'static str,
    instead: Instead,
    because: &'static str,
) -> Exception {
    Exception {
        requests,
        note,
        instead,
        because,
    }
}

const SLASH: &str = "Paths also work with one trailing slash.";
const UNKNOWN_URL: &str = "Unknown URL: 404 {\"error\": …} (and the words are our own)";
const METHOD: &str = "Wrong method: 405 with Allow and {\"error\": …}.";
const NO_CONTENT: &str = "15 routes, all GET, JSON (OPTIONS is none of them: empty, so of no type)";
const IDS: &str = "A task id is 1 to 10 ASCII digits, at most 2³¹−1; anything else is the verb's error.";
const MINUTES: &str = "Minutes are 1 to 7 digits, at most 5,256,000 (ten years).";
const WORDS: &str = "the words and the code of our product are our own (section 1)";
const NULL_NAME: &str = "a null name is shown empty";
const ZERO_ONE: &str = "leading zeros allowed, `01` is task 1; a null name is shown empty";
/// Of the delays recorded, these were of ` 1`, `1_0` and 600000000 minutes; the first was over after the misfires. The
/// job that was added as `01` was not found by the original when it was to delete those of `1`.
const BEFORE: &str =
    "Minutes are 1 to 7 digits, at most 5,256,000; `01` is task 1; a null name is shown empty";
const KEPT: &str = "lists and /api/schedule still show the stored jobs";
const UNKNOWN_RUN: &str = "Unknown task: error, nothing is sent.";

const HOURLY: &[&str] = &["1-1-intv"];
const NAMELESS: &[&str] = &["16-17-intv"];
const THREE_DELAYED: &[&str] = &["1-1-#", "1-1-#", "1-1-#", "1-1-intv"];
const TWO_DELAYED: &[&str] = &["1-1-#", "1-1-#", "1-1-intv"];

pub const EXCEPTIONS: &[Exception] = &[
    instead_of(&["GET /api/"], "", Body(r#"{"status":"alive"}"#), SLASH),
    instead_of(&["GET /api/jobs/"], "", Json, SLASH),
    instead_of(
        &["GET /api/add/1/"],
        "",
        Body(r#"{"message":"Scheduler: task job added!"}"#),
        SLASH,
    ),
    instead_of(
        &[
            "GET /",
            "GET /api/blah",
            "GET /nope?x=1",
            "GET /api/add",
            "GET /api/add/",
            "GET /api/run/1/delay",
            "GET /static/x",
            "POST /api/blah",
            "GET /API/jobs",
            "GET /api/run/a%2Fb",
        ],
        "",
        NotFound,
        UNKNOWN_URL,
    ),
    instead_of(
        &[
            "POST /api/jobs",
            "PUT /api/jobs",
            "DELETE /api/jobs",
            "PATCH /api/jobs",
            "POST /api/add/1",
        ],
        "",
        WrongMethod,
        METHOD,
    ),
    instead_of(&["OPTIONS /api/jobs"], "", Options, NO_CONTENT),
    instead_of(
        &["GET /api//jobs"],
        "",
        Moved("/api/jobs"),
        "15 routes, all GET, JSON (so is what leads to them)",
    ),
    instead_of(
        &["GET /api/add/9"],
        "",
        Refused("add job"),
        "an unknown or null type, or a null ooff_date, is an error (section 3)",
    ),
    instead_of(
        &["GET /api/add/15"],
        "",
        Refused("add job"),
        "an unknown or null type, or a null ooff_date, is an error (section 3)",
    ),
    instead_of(
        &["GET /api/add/10", "GET /api/add/16"],
        "",
        Refused("add job"),
        WORDS,
    ),
    instead_of(
        &["GET /api/add/17"],
        "",
        Body(r#"{"message":"Scheduler: task job added!"}"#),
        NULL_NAME,
    ),
    instead_of(
        &[
            "GET /api/add/abc",
            "GET /api/add/1.5",
            "GET /api/add/-1",
            "GET /api/add/99999999999999999999",
            "GET /api/add/%201",
            "GET /api/add/1%27",
        ],
        "",
        Refused("add job"),
        IDS,
    ),
    instead_of(&["GET /api/delete/abc"], "", Refused("delete task jobs"), IDS),
    instead_of(
        &["GET /api/run/abc", "GET /api/run/a%20b"],
        "",
        Refused("run task"),
        IDS,
    ),
    instead_of(&["GET /api/run/999999"], "", Refused("run task"), UNKNOWN_RUN),
    instead_of(&["GET /api/run/1"], "runner down", Refused("run task"), WORDS),
    instead_of(
        &[
            "GET /api/run/1/delay/-1",
            "GET /api/run/1/delay/1.5",
            "GET /api/run/1/delay/x",
            "GET /api/run/1/delay/%201",
            "GET /api/run/1/delay/1_0",
            "GET /api/run/1/delay/99999999999",
            "GET /api/run/1/delay/600000000",
        ],
        "",
        Refused("run task with delay"),
        MINUTES,
    ),
    instead_of(
        &["GET /api/run/abc/delay/1"],
        "",
        Refused("run task with delay"),
        IDS,
    ),
    instead_of(
        &["GET /api/run/999999/delay/1", "GET /api/run/16/delay/1"],
        "",
        Refused("run task with delay"),
        WORDS,
    ),
    instead_of(
        &["GET /api/jobs", "GET /api/scheduled"],
        "after adds",
        Jobs(&[], NAMELESS),
        NULL_NAME,
    ),
    instead_of(&["GET /api/details"], "after adds", Jobs(&[], NAMELESS), ZERO_ONE),
    instead_of(
        &["GET /api/details"],
        "with delays",
        Jobs(THREE_DELAYED, NAMELESS),
        BEFORE,
    ),
    instead_of(
        &["GET /api/jobs", "GET /api/scheduled"],
        "while paused",
        Jobs(THREE_DELAYED, NAMELESS),
        BEFORE,
    ),
    instead_of(
        &["GET /api/details"],
        "after misfires",
        Jobs(TWO_DELAYED, NAMELESS),
        BEFORE,
    ),
    instead_of(
        &["GET /api/jobs"],
        "with orphan",
        Jobs(TWO_DELAYED, NAMELESS),
        BEFORE,
    ),
    instead_of(
        &["GET /api/jobs"],
        "after orphan deletion",
        Jobs(TWO_DELAYED, NAMELESS),
        BEFORE,
    ),
    instead_of(
        &["GET /api/jobs", "GET /api/details", "GET /api/scheduled"],
        "after shutdown",
        Jobs(&[], HOURLY),
        KEPT,
    ),
    instead_of(
        &["GET /api/jobs", "GET /api/details", "GET /api/scheduled"],
        "after kill",
        Jobs(&[], HOURLY),
        KEPT,
    ),
    instead_of(
        &["GET /api/details", "GET /api/scheduled"],
        "after shutdown+add",
        Jobs(&[], HOURLY),
        KEPT,
    ),
    instead_of(
        &["GET /api/details", "GET /api/scheduled"],
        "after kill+add",
        Jobs(&[], HOURLY),
        KEPT,
    ),
    instead_of(&["GET /api/schedule"], "after shutdown", Fires, KEPT),
    instead_of(&["GET /api/schedule"], "after shutdown+add", Fires, KEPT),
    instead_of(&["GET /api/schedule"], "after kill", Fires, KEPT),
    instead_of(&["GET /api/schedule"], "after kill+add", Fires, KEPT),
];

/// The entry for a request of the recording, by its place in the table.
pub fn find(request: &str, note: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|exception| {
        exception.requests.contains(&request) && (exception.note.is_empty() || exception.note == note)
    })
}
