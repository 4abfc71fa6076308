//! What a route is, and which one a path means. The table itself is in the parent module, on one page.

use std::pin::Pin;

use http::{HeaderValue, Method};

use super::ROUTES;
use super::error::Failure;
use super::path::PathValues;
use super::reply::Reply;
use super::service::Context;

/// What a request on a route may do. Whoever guards the API asks this, not the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It changes nothing: asking twice is as good as asking once.
    Reads,
    /// It changes the schedule, or makes a request leave.
    Changes,
}

impl Access {
    /// The methods of such a route, as the `Allow` header lists them.
    pub(super) fn allowed(self) -> HeaderValue {
        match self {
            Self::Reads => HeaderValue::from_static("GET, HEAD, OPTIONS"),
            Self::Changes => HeaderValue::from_static("GET, OPTIONS"),
        }
    }

    /// Whether the route's handler is called for the method. A HEAD that changes something would surprise.
    pub(super) fn serves(self, method: &Method) -> bool {
        *method == Method::GET || (*method == Method::HEAD && self == Self::Reads)
    }
}

/// What becomes of a request on a route where more are asked for than can be carried out at a time (S15). The more urgent, the
/// greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// It is refused and can be asked again.
    Ordinary,
    /// It is let through beyond the ordinary ones: it ends work, so it cannot wait for the work. There may be many of them.
    Removal,
    /// It is let through whatever else there is: it holds all work, or lets it go on.
    Switch,
    /// It is let through whatever else there is: whether the service lives.
    Health,
}

/// How a request ends, before it is written as HTTP.
pub(super) type Outcome = Result<Reply, Failure>;

pub(super) type Running = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// One row of the table.
pub(super) struct Route {
    pub(super) pattern: &'static str,
    pub(super) access: Access,
    pub(super) urgency: Urgency,
    /// What the errors of this route begin with; empty for none.
    pub(super) verb: &'static str,
    pub(super) handler: fn(Context, PathValues) -> Running,
}

/// What a decoded path means.
pub(super) enum Found {
    /// This route, with the values of its variables.
    Route(&'static Route, PathValues),
    /// The route stands under this path, which has no doubled slashes.
    Moved(&'static Route, String),
    /// Nothing.
    Nothing,
}

/// Looks a decoded path up in the table.
pub(super) fn find(path: &str) -> Found {
    if let Some((route, values)) = matching(path) {
        return Found::Route(route, values);
    }
    let merged = merge_slashes(path);
    match matching(&merged) {
        Some((route, _)) if merged != path => Found::Moved(route, merged),
        _ => Found::Nothing,
    }
}

fn matching(path: &str) -> Option<(&'static Route, PathValues)> {
    let path = path.strip_suffix('/').unwrap_or(path);
    ROUTES
        .iter()
        .find_map(|route| PathValues::read(route.pattern, path).map(|values| (route, values)))
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(path: &str) -> String {
        match find(path) {
            Found::Route(route, _) => route.pattern.to_owned(),
            Found::Moved(_, to) => format!("-> {to}"),
            Found::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn paths_and_what_they_mean() {
        for (path, meaning) in [
            ("/api", "/api"),
            ("/api/", "/api"),
            ("/api//", "-> /api/"),
            ("//api", "-> /api"),
            ("/", "nothing"),
            ("", "nothing"),
            ("api", "nothing"),
            ("/apis", "nothing"),
            ("/API/jobs", "nothing"),
            ("/api/jobs/x", "nothing"),
            ("/api/add", "nothing"),
            ("/api/add/", "nothing"),
            ("/api/add//", "nothing"),
            ("/api/add/1", "/api/add/{task_id}"),
            ("/api/add/1/", "/api/add/{task_id}"),
            ("/api/add//1", "-> /api/add/1"),
            ("/api/add/1//", "-> /api/add/1/"),
            ("/api/add/ 1", "/api/add/{task_id}"),
            ("/api/run/a/b", "nothing"),
            ("/api/run/1/delay", "nothing"),
            ("/api/run/1/delay/", "nothing"),
            ("/api/run/1/delay/2", "/api/run/{task_id}/delay/{minutes}"),
            ("/api/delete", "/api/delete"),
            ("/api/delete/", "/api/delete"),
            ("/api/delete-orphans", "/api/delete-orphans"),
            ("/api/delete/orphans", "/api/delete/{task_id}"),
            ("//example.org/api/jobs", "nothing"),
        ] {
            assert_eq!(describe(path), meaning, "{path:?}");
        }
    }

    /// The contract, a second time and by hand: whoever adds a route says here what it may do, and whoever
    /// calls a changing one a reading one opens it to every page on the web.
    #[test]
    fn each_route_is_classed_as_the_contract_says() {
        let reads = [
            "/api",
            "/api/jobs",
            "/api/details",
            "/api/scheduled",
            "/api/schedule",
        ];
        let changes = [
            "/api/add/{task_id}",
            "/api/delete/{task_id}",
            "/api/run/{task_id}",
            "/api/run/{task_id}/delay/{minutes}",
            "/api/delete",
            "/api/pause",
            "/api/resume",
            "/api/shutdown",
            "/api/kill",
            "/api/delete-orphans",
        ];
        assert_eq!(ROUTES.len(), reads.len() + changes.len());
        for route in &ROUTES {
            let (is_read, is_change) = (reads.contains(&route.pattern), changes.contains(&route.pattern));
            let classed = match route.access {
                Access::Reads => is_read && !is_change,
                Access::Changes => is_change && !is_read,
            };
            assert!(classed, "{} is {:?}", route.pattern, route.access);
        }
    }

    /// By hand as well: a switch that is not let through does not work when it is needed, and what is let through without need
    /// takes the places of those that are (S15).
    #[test]
    fn each_route_is_as_urgent_as_the_rules_say() {
        let urgent: [(&str, Urgency); 8] = [
            ("/api", Urgency::Health),
            ("/api/delete/{task_id}", Urgency::Removal),
            ("/api/delete", Urgency::Removal),
            ("/api/delete-orphans", Urgency::Removal),
            ("/api/pause", Urgency::Switch),
            ("/api/resume", Urgency::Switch),
            ("/api/shutdown", Urgency::Switch),
            ("/api/kill", Urgency::Switch),
        ];
        for route in &ROUTES {
            let named = urgent.iter().find(|(pattern, _)| *pattern == route.pattern);
            let expected = named.map_or(Urgency::Ordinary, |(_, urgency)| *urgency);
            assert_eq!(route.urgency, expected, "{}", route.pattern);
        }
        let of_table = |pattern| ROUTES.iter().any(|route| route.pattern == pattern);
        assert!(urgent.iter().all(|(pattern, _)| of_table(*pattern)));
    }

    /// A router of axum's beside the table would be served without being in it.
    #[test]
    fn there_is_no_other_table() {
        let mut folders = vec![std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/api"
        ))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                for call in [
                    "route",
                    "nest",
                    "merge",
                    "route_service",
                    "nest_service",
                    "fallback_service",
                ] {
                    let call = format!(".{call}(");
                    assert!(!text.contains(&call), "{}: {call}", path.display());
                }
            }
        }
    }

    #[test]
    fn only_reading_routes_take_head() {
        assert!(Access::Reads.serves(&Method::HEAD) && Access::Reads.serves(&Method::GET));
        assert!(!Access::Changes.serves(&Method::HEAD) && Access::Changes.serves(&Method::GET));
        assert!(!Access::Reads.serves(&Method::POST) && !Access::Reads.serves(&Method::OPTIONS));
    }
}
