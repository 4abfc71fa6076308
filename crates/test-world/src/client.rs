//! The smallest HTTP client there is: nothing followed, nothing hidden, the bytes of a request as they are told.
//!
//! Async callers have [`begin`], [`finish`] and what stands on them; the others [`ask`] and [`get`]. Each request has a connection
//! of its own that ends with it. Calls on one connection, as many as can be made, are the benchmark's business.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Of its first line.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// As text, put together where it came in chunks.
    pub body: String,
    /// Whether the body has the length, or the end, that was announced.
    pub whole: bool,
}

impl Answer {
    /// Reads the bytes of an answer; none where they are none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(head) = parsed.parse(bytes).ok()? else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut answer = Self {
            status: parsed.code?,
            headers: parsed
                .headers
                .iter()
                .map(|header| (header.name.to_lowercase(), text(header.value)))
                .collect(),
            body: String::new(),
            whole: true,
        };
        let body = &bytes[head..];
        if answer.header("transfer-encoding") == "chunked" {
            let (body, whole) = unchunked(body);
            (answer.body, answer.whole) = (text(&body), whole);
        } else {
            answer.body = text(body);
            let announced = answer.header("content-length");
            answer.whole = announced == body.len().to_string();
        }
        Some(answer)
    }

    /// A header's value; empty where it is missing.
    /// Panics where it is there twice.
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        let value = found.next().map_or("", |(_, value)| value);
        assert!(found.next().is_none(), "{name} came twice: {self:?}");
        value
    }

    /// The body as JSON, which must be declared as such.
    pub fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_str(&self.body).expect(&self.body)
    }

    /// The text of `{"message": …}`, which must be all there is.
    pub fn message(&self) -> String {
        self.only("message")
    }

    /// The text of `{"error": …}`, which must be all there is.
    pub fn error(&self) -> String {
        self.only("error")
    }

    fn only(&self, member: &str) -> String {
        let json = self.json();
        let object = json.as_object().expect("an object");
        assert_eq!(object.len(), 1, "{self:?}");
        let text = object.get(member).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no {member}: {self:?}")).to_owned()
    }
}

/// A body that came in chunks, and whether the last of them is there.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, length))) = httparse::parse_chunk_size(rest) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let chunk = &rest[start..];
        let Some(end) = chunk.get(length..).and_then(|end| end.strip_prefix(b"\r\n")) else {
            break;
        };
        body.extend_from_slice(&chunk[..length]);
        if length == 0 {
            return (body, true);
        }
        rest = end;
    }
    (body, false)
}

/// The bytes of a request without body whose connection ends with it, with these header fields, of which each ends a line.
fn request((method, target): (&str, &str), header: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n{header}\r\n")
}

/// Opens a connection and writes this, whatever it is.
pub async fn say(address: SocketAddr, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    // A server that refuses may close the connection, or reset it, before it has read everything.
    let _ = stream.write_all(bytes.as_ref()).await;
    stream
}

/// Opens a connection and writes the request.
pub async fn begin(address: SocketAddr, method: &str, target: &str) -> TcpStream {
    let request = request((method, target), &format!("Host: {address}\r\n"));
    say(address, request).await
}

/// Reads an answer to its end.
pub async fn finish(mut stream: impl AsyncRead + Unpin) -> Answer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("read");
    Answer::read(&bytes).expect("an answer")
}

/// Writes bytes and reads whatever comes until the server closes: nothing, where it does not answer.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = say(address, request).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    Answer::read(&bytes)
}

/// One request with these header fields and no others, of which each ends a line.
pub async fn with_header(address: SocketAddr, what: (&str, &str), header: &str) -> Option<Answer> {
    raw(address, request(what, header).as_bytes()).await
}

/// One request and its answer.
pub async fn send(address: SocketAddr, method: &str, target: &str) -> Answer {
    finish(begin(address, method, target).await).await
}

/// One request on an open connection, and as much of its answer as ends with this; the connection stays open.
pub async fn ask_on(stream: &mut TcpStream, target: &str, end: &str) -> Answer {
    let host = stream.peer_addr().expect("connected");
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("write");
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let read = stream.read_buf(&mut bytes).await.expect("read");
        assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&bytes));
    }
    Answer::read(&bytes).expect("an answer")
}

/// One GET with these header fields, of which each ends a line, on any connection; none where no answer comes.
pub fn ask(mut stream: impl Read + Write, target: &str, header: &str) -> io::Result<Option<Answer>> {
    stream.write_all(request(("GET", target), header).as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(Answer::read(&bytes))
}

/// One GET; its answer, if it came whole within this time.
pub fn get(address: SocketAddr, target: &str, patience: Duration) -> Option<Answer> {
    let stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let answer = ask(stream, target, &format!("Host: {address}\r\n")).ok()??;
    answer.whole.then_some(answer)
}
