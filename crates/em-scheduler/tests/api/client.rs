//! The smallest HTTP client there is: one connection per request, nothing followed, nothing hidden.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    /// Reads the text of an answer.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").expect("a header and a body");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").expect("a header line");
            (name.to_lowercase(), value.to_owned())
        });
        let mut answer = Self {
            status: status.expect("a status line").parse().expect("a status"),
            headers: headers.collect(),
            body: body.to_owned(),
        };
        if answer.header("transfer-encoding") == "chunked" && !body.is_empty() {
            answer.body = whole(body);
        }
        answer
    }

    /// A header's value; empty where it is missing.
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

/// The body of an answer that came in chunks. One that broke off has no last chunk.
fn whole(mut chunks: &str) -> String {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n").expect("a chunk");
        let length = usize::from_str_radix(length, 16).expect("a length");
        body += &rest[..length];
        chunks = rest[length..].strip_prefix("\r\n").expect("the end of a chunk");
        if length == 0 {
            return body;
        }
    }
}

/// Opens a connection and writes the request.
pub async fn begin(address: SocketAddr, method: &str, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    let request = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("write");
    stream
}

/// Reads an answer to its end.
pub async fn finish(mut stream: TcpStream) -> Answer {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.expect("read");
    Answer::parse(&String::from_utf8(text).expect("text"))
}

/// Writes bytes and reads whatever comes until the server closes: nothing, where it does not answer.
pub async fn raw(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.expect("connect");
    // A server that refuses may close the connection, or reset it, before it has read everything.
    let _ = stream.write_all(request).await;
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    let text = String::from_utf8(text).expect("text");
    (!text.is_empty()).then(|| Answer::parse(&text))
}

/// One request with these header fields and no others, of which each ends a line.
pub async fn with_header(
    address: SocketAddr,
    (method, target): (&str, &str),
    header: &str,
) -> Option<Answer> {
    let request = format!("{method} {target} HTTP/1.1\r\nConnection: close\r\n{header}\r\n");
    raw(address, request.as_bytes()).await
}

/// One request and its answer.
pub async fn send(address: SocketAddr, method: &str, target: &str) -> Answer {
    finish(begin(address, method, target).await).await
}
