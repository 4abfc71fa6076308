//! Any bytes as a connection to the API: served by the real server, guard, routes and store on an SQLite file, over a
//! stream in memory. Nothing may panic or hang, no answer may be a 5xx, and whatever was done must have been asked for
//! by a name of ours, from no foreign page, with the token where there is one: judged here anew, by what has changed.
//!
//! The first byte says which listener is called and in what pieces the bytes come. In the rest, a zero with a byte and a
//! number behind it stands for that byte many times, so that small inputs reach the limits of length.
//!
//! Played by the fuzzer, and with the committed corpus by the tests (`tests/corpora.rs`).

mod caller;
mod judge;
mod world;

use std::cell::RefCell;

use self::world::World;

/// Sizes of the pieces; 0 stands for all at once.
const PIECES: [usize; 8] = [0, 1, 2, 3, 7, 64, 500, 4_000];
/// At most so many pieces: a head is read from its beginning again whenever it might be whole, so that tens of thousands
/// of them take seconds.
const MOST: usize = 1_000;
/// What the number behind a zero is multiplied with: 255 of these are more than the longest body.
const REPEAT: usize = 300;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// Plays one input and panics where something is not as it must be.
pub fn play(data: &[u8]) {
    let Some((&how, rest)) = data.split_first() else {
        return;
    };
    let said = expand(rest);
    let piece = match PIECES[usize::from(how >> 1) % PIECES.len()] {
        0 => said.len(),
        piece => piece.max(said.len() / MOST),
    };
    WORLD.with_borrow_mut(|world| world.call(how & 1 == 1, said, piece.max(1)));
}

fn expand(mut rest: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some((&first, tail)) = rest.split_first() {
        match tail {
            [byte, number, tail @ ..] if first == 0 => {
                bytes.extend(std::iter::repeat_n(*byte, usize::from(*number) * REPEAT));
                rest = tail;
            }
            tail => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    bytes
}
