//! What is measured: ten expressions that every peer can express and means the same by.
//!
//! Five fields, weekdays by name (their numbers differ), never both day and weekday (some OR them, some AND them), no
//! seconds, `last` or ISO weeks (few have them).

/// A fast and a slow rhythm, hours, days, weekdays, months, and what short months lack.
pub const EXPRESSIONS: [&str; 10] = [
    "* * * * *",
    "*/15 * * * *",
    "0 * * * *",
    "30 2 * * *",
    "0 9-17 * * MON-FRI",
    "0 0 1 * *",
    "*/10 8-18 1,15 * *",
    "15 3 * * SUN",
    "0 12 * 6-8 MON,WED,FRI",
    "45 5 31 * *",
];

/// A zone without and one with clock changes.
pub const ZONES: [&str; 2] = ["UTC", "America/Chicago"];

/// 2025-01-01T00:00:00Z, in seconds. The first fire asked for lies after it.
pub const FROM: i64 = 1_735_689_600;
/// 2026-01-01T00:00:00Z.
pub const UNTIL: i64 = FROM + 365 * 86_400;
/// 2025-01-15T00:00:00Z, where the 24 hours of the histogram begin: a Wednesday on which most of the ten fire.
pub const DAY: i64 = FROM + 14 * 86_400;
