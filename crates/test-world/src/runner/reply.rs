//! How a request is answered, well or with any fault that a runner can have.

use std::borrow::Cow;
use std::time::Duration;

use serde::Serialize;

/// What is answered to one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// These bytes, which are a whole answer; the connection goes on.
    Whole(Cow<'static, [u8]>),
    /// These bytes, and the end of the connection.
    Last(Cow<'static, [u8]>),
    /// [`Reply::TAKEN`] once it is released.
    Wait,
    /// Another one, so much later.
    After(Duration, Box<Reply>),
    /// Nothing; the connection stays open.
    Hang,
    /// 200 and a body that is announced and never comes.
    Endless,
    /// An answer so slow that it is never whole.
    Drip,
    /// This head, and a body that goes on for so many bytes, or for as long as somebody reads.
    Pour(&'static str, usize),
    /// The connection is reset.
    Reset,
    /// The connection ends without an answer.
    Close,
}

impl Reply {
    /// 200.
    pub const TAKEN: Self = Self::Whole(Cow::Borrowed(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ));

    /// This status and JSON body.
    pub fn say(status: u16, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status} As told\r\ncontent-type: application/json\r\n");
        let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        Self::Whole(Cow::Owned(answer.into_bytes()))
    }

    /// This status, and no body.
    pub fn status(status: u16) -> Self {
        // The one of them that must not announce its length.
        let length = if status == 204 {
            ""
        } else {
            "content-length: 0\r\n"
        };
        Self::Whole(Cow::Owned(
            format!("HTTP/1.1 {status} As told\r\n{length}\r\n").into_bytes(),
        ))
    }

    /// These bytes, and the end of the connection.
    pub fn last(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Last(Cow::Owned(bytes.into()))
    }

    /// What a request that is answered so may take it for.
    pub fn answered(&self) -> Answered {
        match self {
            Self::Wait => Answered::Taken,
            Self::Whole(bytes) if bytes.get(9) == Some(&b'2') => Answered::Taken,
            Self::Whole(_) => Answered::Refused,
            Self::After(_, reply) => reply.answered(),
            _ => Answered::Unclear,
        }
    }
}

/// What the runner means to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Answered {
    /// 2xx, whole.
    Taken,
    /// Another status, whole.
    Refused,
    /// Nothing, or nothing that can be understood.
    Unclear,
}
