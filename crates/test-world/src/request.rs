//! Reads the scheduler's requests to a runner.

/// One request without body, read in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The bytes of its head.
    pub length: usize,
    /// Path and query as they came.
    pub path: &'a str,
    /// The number at the end of its path; 0 where there is none.
    pub task: u32,
    /// `Idempotency-Key`; empty where it has none.
    pub key: &'a [u8],
    /// `X-Job-Id`; empty where it has none.
    pub job: &'a [u8],
    /// `X-Attempt`; 0 where it has none.
    pub attempt: u32,
    /// `X-Scheduled-For`, in microseconds since 1970; 0 where it has none.
    pub scheduled_for: i64,
}

/// What the bytes that came so far begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head<'a> {
    /// A whole request.
    Whole(Request<'a>),
    /// The beginning of one.
    Partial,
    /// Something else.
    Wrong,
}

/// Reads one request from the front of what came.
pub fn read(bytes: &[u8]) -> Head<'_> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Head::Partial,
        Err(_) => return Head::Wrong,
    };
    let path = parsed.path.unwrap_or("");
    let last = path.rsplit('/').next();
    let mut request = Request {
        length,
        path,
        task: last.and_then(|id| id.parse().ok()).unwrap_or(0),
        key: b"",
        job: b"",
        attempt: 0,
        scheduled_for: 0,
    };
    for header in parsed.headers.iter() {
        let text = || std::str::from_utf8(header.value).ok();
        if header.name.eq_ignore_ascii_case("idempotency-key") {
            request.key = header.value;
        } else if header.name.eq_ignore_ascii_case("x-job-id") {
            request.job = header.value;
        } else if header.name.eq_ignore_ascii_case("x-attempt") {
            request.attempt = text().and_then(|text| text.parse().ok()).unwrap_or(0);
        } else if header.name.eq_ignore_ascii_case("x-scheduled-for") {
            request.scheduled_for = text()
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                .map_or(0, jiff::Timestamp::as_microsecond);
        }
    }
    Head::Whole(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_what_it_names() {
        let text =
            b"GET /api/17 HTTP/1.1\r\nhost: x\r\nX-Scheduled-For: 2026-11-23T16:12:04Z\r\nX-Attempt: 2\r\n\
                     Idempotency-Key: k\r\nX-Job-Id: 1-17-cron\r\n\r\nGET /api";
        let Head::Whole(request) = read(text) else {
            panic!("not read")
        };
        assert_eq!(request.length, text.len() - 8);
        assert_eq!((request.path, request.task, request.attempt), ("/api/17", 17, 2));
        assert_eq!(request.scheduled_for, 1_795_450_324_000_000);
        assert_eq!(
            (request.key, request.job),
            (b"k".as_slice(), b"1-17-cron".as_slice())
        );
        assert_eq!(read(&text[request.length..]), Head::Partial);
        assert_eq!(read(b"\x00\x01"), Head::Wrong);
    }
}
