//! The conformance suite of the store: every test runs on SQLite and on PostgreSQL, and must see the same.
//!
//! A test is written once, as a function of a [`Harness`](store::harness::Harness), and named in `on_both!`. Those that
//! need several processes on one database run on PostgreSQL alone (`store::together`, `store::neighbours`).

#![expect(clippy::unwrap_used, reason = "whatever fails here fails the test")]

/// Makes two tests of each function, `sqlite::name` and `postgres::name`. A missing PostgreSQL fails the second.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                crate::store::harness::on_sqlite(super::$name);
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                crate::store::harness::on_postgres(super::$name);
            })*
        }
    };
}

mod opening;

mod store {
    mod answered;
    mod any_value;
    mod begin;
    mod columns;
    mod decide;
    mod decide_edges;
    mod differing;
    mod events;
    mod existing;
    mod fixture;
    mod harness;
    mod hub;
    mod jobs;
    mod locked;
    mod log_size;
    mod model;
    mod neighbours;
    mod notices;
    mod own_schema;
    mod publish;
    mod removal;
    mod requeue;
    mod rows;
    mod schema;
    mod sends;
    mod sequences;
    mod served_before;
    mod settle;
    mod stopped;
    mod sync;
    mod take_over;
    mod together;
    mod walls;
}
