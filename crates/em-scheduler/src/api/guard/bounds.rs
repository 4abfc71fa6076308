//! How long a request may be. No route reads a body, so none is kept.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use http::{HeaderMap, Uri};
use http_body_util::BodyExt;

use crate::api::error::Refusal;

const TARGET: usize = 8 * 1024;
const HEADERS: usize = 16 * 1024;
const BODY: u64 = 64 * 1024;

/// The target and the header fields, as they were written.
pub(super) fn head(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let authority = uri
        .authority()
        .map_or(0, |authority| "http://".len() + authority.as_str().len());
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    if authority + path > TARGET {
        return Err(Refusal::LongTarget);
    }
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    if fields.sum::<usize>() > HEADERS {
        return Err(Refusal::LongHeader);
    }
    Ok(())
}

/// Reads the body away, piece by piece, so that the connection can be used again. One that is too long is refused
/// before the first byte of it where it says so, else as soon as it is.
pub(super) async fn without_body(request: Request) -> Result<Request, Refusal> {
    let (head, mut body) = request.into_parts();
    if body.size_hint().lower() > BODY {
        return Err(Refusal::LongBody);
    }
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        // A client that breaks off hears no answer anyway.
        let frame = frame.map_err(|_| Refusal::BrokenBody)?;
        read += frame.data_ref().map_or(0, |data| data.len() as u64);
        if read > BODY {
            return Err(Refusal::LongBody);
        }
    }
    Ok(Request::from_parts(head, Body::empty()))
}
