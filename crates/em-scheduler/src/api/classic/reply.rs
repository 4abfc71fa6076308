//! What a handler returns when all went well: JSON, ready to be sent, or a long list of it that is sent while it is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, channel};

use super::failure::Failure;
use crate::store::{Pages, StoreError};

/// How a request ends, before it is written as HTTP.
pub(super) type HandlerResult = Result<Reply, Failure>;

/// The JSON of a successful response.
#[derive(Debug)]
pub(super) enum Reply {
    Whole(Bytes),
    List(Parts),
}

/// A list on its way, page by page. Where it breaks off, so does the connection: half a list must not look like one.
#[derive(Debug)]
pub(super) struct Parts {
    texts: Receiver<Result<ListPart, StoreError>>,
    ended: bool,
}

/// A piece of the list's text, and whether it is the last.
type ListPart = (Bytes, bool);

#[derive(Serialize)]
struct DoneMessage<'a> {
    message: &'a str,
}

impl Reply {
    /// A value as JSON.
    pub(super) fn json(value: &impl Serialize) -> HandlerResult {
        match serde_json::to_vec(value) {
            Ok(text) => Ok(Self::Whole(text.into())),
            Err(error) => Err(unwritable(&error).into()),
        }
    }

    /// What `item` makes of each entry, as a JSON array. A short one is sent whole, so that its length is told.
    pub(super) async fn list<T, I>(
        mut pages: Pages<T>,
        item: impl Fn(T) -> Option<I> + Send + 'static,
    ) -> HandlerResult
    where
        T: Send + 'static,
        I: Serialize,
    {
        let mut text = vec![b'['];
        if let Some(first) = pages.next().await? {
            write(&mut text, first, &item)?;
        }
        let Some(mut page) = pages.next().await? else {
            text.push(b']');
            return Ok(Self::Whole(text.into()));
        };
        let (parts, list) = channel(1);
        tokio::spawn(async move {
            loop {
                let written = write(&mut text, page, &item);
                let failed = written.is_err();
                // Nothing but the bracket, and the next page would not know that it is the first to have something.
                if text != b"[" || failed {
                    let part = written.map(|()| (std::mem::take(&mut text).into(), false));
                    if parts.send(part).await.is_err() || failed {
                        return;
                    }
                }
                page = match pages.next().await {
                    Ok(Some(page)) => page,
                    ended => {
                        text.push(b']');
                        // Whoever asked may have left.
                        let _ = parts.send(ended.map(|_| (text.into(), true))).await;
                        return;
                    }
                };
            }
        });
        Ok(Self::List(Parts {
            texts: list,
            ended: false,
        }))
    }

    /// `{"message": "Scheduler: …"}`: how the classic routes say that something was done.
    pub(super) fn message(done: &str) -> HandlerResult {
        Self::json(&DoneMessage {
            message: &format!("Scheduler: {done}"),
        })
    }

    pub(super) fn into_body(self) -> Body {
        match self {
            Self::Whole(text) => Body::from(text),
            Self::List(parts) => Body::new(parts),
        }
    }
}

/// Appends the items of a page, with a comma before each but the very first.
fn write<T, I: Serialize>(
    text: &mut Vec<u8>,
    page: Vec<T>,
    item: impl Fn(T) -> Option<I>,
) -> Result<(), StoreError> {
    for value in page.into_iter().filter_map(item) {
        if *text != b"[" {
            text.push(b',');
        }
        serde_json::to_writer(&mut *text, &value).map_err(|error| unwritable(&error))?;
    }
    Ok(())
}

fn unwritable(error: &serde_json::Error) -> StoreError {
    StoreError::Other(format!("an answer cannot be written: {error}"))
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = StoreError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StoreError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.texts.poll_recv(context).map(|part| {
            // Whoever makes the parts names the last one, or tells why there is none. Silence is a fault.
            let part = part.unwrap_or_else(|| Err(StoreError::Other("its writer is gone".into())));
            let part =
                part.inspect_err(|error| tracing::error!(%error, "a list broke off while it was sent"));
            self.ended = part.as_ref().map_or(true, |(_, last)| *last);
            Some(part.map(|(text, _)| Frame::data(text)))
        })
    }
}
