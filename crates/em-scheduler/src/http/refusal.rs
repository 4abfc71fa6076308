//! Why a request was not let in. The words are for whoever sent it; the status codes are in `response`.

/// Why a request was not let in. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not called by one of our names, or by none, or by two.
    #[error("the Host header is missing, doubled, or names no host that is served here (setting allow-host)")]
    Host,
    /// Sent by a page of another site, as this header says.
    #[error("a page of another site must not do this (header {0})")]
    Foreign(&'static str),
    /// Sent by a browser that only guesses what will be asked for.
    #[error("this is not done in advance")]
    Prefetch,
    /// No token where there must be one.
    #[error("a token is needed, as bearer token or as password")]
    NoToken,
    /// Another token.
    #[error("this is not the token")]
    WrongToken,
    /// The target.
    #[error("the address is longer than 8 KiB")]
    LongTarget,
    /// The header.
    #[error("the header is longer than 16 KiB")]
    LongHeader,
    /// A body of more bytes than its route allows.
    #[error("the body is longer than {0} bytes")]
    LongBody(usize),
    /// A long body where none is needed.
    #[error("the body is longer than 64 KiB, and none is needed")]
    LongUnneededBody,
    /// A body that ended early.
    #[error("the body broke off")]
    BrokenBody,
    /// A body that did not come.
    #[error("the body did not come in time")]
    SlowBody,
    /// The same where none is needed.
    #[error("the body did not come in time, and none is needed")]
    SlowUnneededBody,
    /// It took too long; what a handler has begun goes on.
    #[error("there is no answer yet; what was begun goes on, so look before you repeat it")]
    Slow,
    /// There is no such route.
    #[error("the scheduler has nothing at this address.")]
    Unknown,
}
