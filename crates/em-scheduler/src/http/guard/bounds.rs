//! How long a request may be. A body is read before the request goes on, and kept only where its route reads one.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use http::{HeaderMap, Uri};
use http_body_util::BodyExt;

use crate::http::refusal::Refusal;

const TARGET: usize = 8 * 1024;
const HEADERS: usize = 16 * 1024;
/// A body that nobody needs.
const UNNEEDED: usize = 64 * 1024;

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

/// Reads the body whole, up to `allowed` bytes; where none is, it is read away, so that the connection can be used again.
/// One that is too long is refused before the first byte of it where it says so, else as soon as it is.
pub(super) async fn body(request: Request, allowed: Option<usize>) -> Result<Request, Refusal> {
    let (most, too_long) = match allowed {
        Some(most) => (most, Refusal::LongBody(most)),
        None => (UNNEEDED, Refusal::LongUnneededBody),
    };
    let (head, mut body) = request.into_parts();
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > most) {
        return Err(too_long);
    }
    let (mut read, mut kept) = (0, Vec::new());
    while let Some(frame) = body.frame().await {
        // A client that breaks off hears no answer anyway.
        let frame = frame.map_err(|_| Refusal::BrokenBody)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        read += data.len();
        if read > most {
            return Err(too_long);
        }
        if allowed.is_some() {
            kept.extend_from_slice(data);
        }
    }
    Ok(Request::from_parts(head, Body::from(kept)))
}
