//! One connection: requests are read as they come, noted, and answered in their order.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{ArrivalTimes, Notes, Reply, Wire};
use crate::clock;
use crate::request::{self, Head};

/// Longer than the service waits for an answer.
const HANGS: Duration = Duration::from_secs(35);
const ENDLESS: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const DRIPPED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";

/// Serves a connection until either side ends it. Replies that are known at once are written together, after all that came in one
/// piece.
pub async fn serve<N: Notes>(mut stream: impl Wire, notes: &N) {
    let mut buffer = Vec::with_capacity(4096);
    let mut answers = Vec::new();
    let mut first = None;
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let whole = clock::now();
        let arrived = stream.arrived().unwrap_or(whole);
        first.get_or_insert(arrived);
        let mut read = 0;
        loop {
            let request = match request::read(&buffer[read..]) {
                Head::Whole(request) => request,
                Head::Partial => break,
                Head::Wrong => return,
            };
            read += request.length;
            let came = ArrivalTimes {
                first: first.unwrap_or(arrived),
                whole,
            };
            let reply = notes.note(&request, came);
            // What follows in the same piece came with it.
            first = (read < buffer.len()).then_some(arrived);
            if let Reply::Whole(bytes) = reply {
                answers.extend_from_slice(&bytes);
                continue;
            }
            notes.serving(true);
            let goes_on =
                stream.write_all(&answers).await.is_ok() && carry_out(reply, (&mut stream, notes)).await;
            notes.serving(false);
            answers.clear();
            if !goes_on {
                return;
            }
        }
        buffer.drain(..read);
        if stream.write_all(&answers).await.is_err() {
            return;
        }
        answers.clear();
    }
}

/// Returns; returns whether the connection may be used again.
async fn carry_out<W: Wire, N: Notes>(mut reply: Reply, (stream, notes): (&mut W, &N)) -> bool {
    while let Reply::After(so_long, then) = reply {
        tokio::time::sleep(so_long).await;
        reply = *then;
    }
    if matches!(reply, Reply::Wait) {
        if !before_it_goes(stream, notes.released()).await {
            return false;
        }
        reply = Reply::TAKEN;
    }
    match reply {
        Reply::Whole(bytes) => return stream.write_all(&bytes).await.is_ok(),
        Reply::Last(bytes) => drop(stream.write_all(&bytes).await),
        Reply::Endless => {
            if stream.write_all(ENDLESS).await.is_ok() {
                hang(stream).await;
            }
        }
        Reply::Drip => drip(stream).await,
        Reply::Pour(head, most) => pour((stream, notes), head, most).await,
        Reply::Reset => stream.end_with_reset(),
        Reply::Hang | Reply::Wait | Reply::After(..) => hang(stream).await,
        Reply::Close => {}
    }
    false
}

/// Returns whether something came about before the other side went.
async fn before_it_goes(stream: &mut impl Wire, something: impl Future<Output = ()>) -> bool {
    let mut byte = [0; 1];
    tokio::select! {
        () = something => true,
        // Either end is one.
        _ = stream.read(&mut byte) => false,
    }
}

async fn hang(stream: &mut impl Wire) {
    before_it_goes(stream, tokio::time::sleep(HANGS)).await;
}

async fn drip(stream: &mut impl Wire) {
    for byte in DRIPPED.iter().cycle().take(400) {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn pour<W: Wire, N: Notes>((stream, notes): (&mut W, &N), head: &str, most: usize) {
    let piece = [b'x'; 8192];
    let mut written = stream.write_all(head.as_bytes()).await;
    for _ in 0..most / piece.len() {
        if written.is_err() {
            return;
        }
        written = stream.write_all(&piece).await;
        notes.poured(piece.len());
    }
}
