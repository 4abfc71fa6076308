//! What a route is, and what a table of them says of a method and a path. The tables are in `api`, each on one page.
//!
//! A row is one method on the paths of one pattern, so that each operation says for itself what it may do, how urgent it is
//! and how long its body may be. A table serves, beyond its rows, OPTIONS on each path, HEAD where a GET only reads, and
//! each path with one slash more at its end.

use std::fmt;

use http::Method;

use super::path::PathValues;

/// What a request on a route may do, the stricter the greater. The guard asks this, not the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It changes nothing: asking twice is as good as asking once.
    Reads,
    /// It changes the schedule, or makes a request leave.
    Changes,
}

/// What becomes of a request on a route where more are asked for than can be carried out at a time (S15). The more urgent, the
/// greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It is refused and can be asked again.
    Ordinary,
    /// It is let through beyond the ordinary ones: it ends work, so it cannot wait for the work. There may be many of them.
    Removal,
    /// It is let through whatever else there is: it holds all work, or lets it go on.
    Switch,
    /// It is let through whatever else there is: whether the service lives.
    Health,
}

/// What is to be known of an operation before it is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// What it may do.
    pub access: Access,
    /// Whether it may wait.
    pub urgency: Urgency,
    /// How many bytes its body may have; none: it reads no body, and what comes as one is thrown away.
    pub body: Option<usize>,
}

impl Class {
    /// Of a route that reads no body.
    pub const fn new(access: Access, urgency: Urgency) -> Self {
        Self {
            access,
            urgency,
            body: None,
        }
    }
}

/// One row of a table.
pub struct Route<H> {
    /// The method. GET includes HEAD where it only reads: a HEAD that changes something would surprise.
    pub method: Method,
    /// The path: `{name}` stands for one segment that is not empty.
    pub pattern: &'static str,
    /// What it may do.
    pub class: Class,
    /// What carries it out, as the application has it.
    pub handler: H,
}

/// All routes of one application. For the same method the first one that fits a path counts.
pub struct Table<H: 'static>(pub &'static [Route<H>]);

/// The methods that are served on a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Methods {
    served: Vec<Method>,
    /// That of the strictest of them.
    access: Access,
}

/// What a table says of a method on a decoded path.
pub(super) enum RouteMatch<H: 'static> {
    /// This route, with the values of its variables.
    Served(&'static Route<H>, PathValues),
    /// There are routes on the path, none of the method.
    NotServed(Methods),
    /// The path has doubled slashes; without them there are routes on it, one of the method.
    Moved(String, Methods),
    /// Nothing.
    Nothing,
}

/// The same as far as it concerns those who judge a request without carrying it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classification {
    /// It is in no table, so it is denied.
    Unknown,
    /// Nothing is carried out: the request has another spelling of the path. The strictest access on it.
    Moved(Access),
    /// Nothing is carried out: no route of the path has the method. The strictest access on it.
    NotServed(Access),
    /// A route is carried out.
    Served(Class),
}

/// Whoever knows what requests mean: a table of routes.
pub trait Classify: Send + Sync {
    /// What the method on the decoded path is.
    fn classify(&self, method: &Method, path: &str) -> Classification;
}

impl<H: Sync> Classify for Table<H> {
    fn classify(&self, method: &Method, path: &str) -> Classification {
        match self.find(method, path) {
            RouteMatch::Served(route, _) => Classification::Served(route.class),
            RouteMatch::NotServed(methods) => Classification::NotServed(methods.access),
            RouteMatch::Moved(_, methods) => Classification::Moved(methods.access),
            RouteMatch::Nothing => Classification::Unknown,
        }
    }
}

impl<H> Table<H> {
    /// Looks a method on a decoded path up.
    pub(super) fn find(&self, method: &Method, path: &str) -> RouteMatch<H> {
        let mut of_method = self.0.iter().filter(|route| route.serves(method));
        if let Some(found) = of_method.find_map(|route| Some((route, route.values(path)?))) {
            return RouteMatch::Served(found.0, found.1);
        }
        if let Some(methods) = self.methods(path) {
            return RouteMatch::NotServed(methods);
        }
        let merged = merge_slashes(path);
        match self.methods(&merged) {
            Some(methods) if *method == Method::OPTIONS || methods.served.contains(method) => {
                RouteMatch::Moved(merged, methods)
            }
            Some(methods) => RouteMatch::NotServed(methods),
            None => RouteMatch::Nothing,
        }
    }

    /// What is served on a path; none where nothing is.
    fn methods(&self, path: &str) -> Option<Methods> {
        let on_path = || self.0.iter().filter(|route| route.values(path).is_some());
        let access = on_path().map(|route| route.class.access).max()?;
        let mut served = Vec::new();
        for route in on_path() {
            for method in [&route.method, &Method::HEAD] {
                if route.serves(method) && !served.contains(method) {
                    served.push(method.clone());
                }
            }
        }
        Some(Methods { served, access })
    }
}

impl<H> Route<H> {
    /// Whether the handler is called for the method.
    fn serves(&self, method: &Method) -> bool {
        let reads = self.method == Method::GET && self.class.access == Access::Reads;
        *method == self.method || (reads && *method == Method::HEAD)
    }

    fn values(&self, path: &str) -> Option<PathValues> {
        PathValues::read(self.pattern, path.strip_suffix('/').unwrap_or(path))
    }
}

impl<H> fmt::Debug for Route<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.pattern, self.class)
    }
}

impl Methods {
    /// As the `Allow` header lists them.
    pub(super) fn allowed(&self) -> String {
        let names = self.served.iter().chain([&Method::OPTIONS]);
        names.map(Method::as_str).collect::<Vec<_>>().join(", ")
    }

    /// `GET, HEAD or POST`.
    pub(super) fn in_words(&self) -> String {
        let names: Vec<&str> = self.served.iter().map(Method::as_str).collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        }
    }
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

    const fn row(method: Method, pattern: &'static str, access: Access) -> Route<()> {
        Route {
            method,
            pattern,
            class: Class::new(access, Urgency::Ordinary),
            handler: (),
        }
    }

    static TABLE: Table<()> = Table(&[
        row(Method::GET, "/a", Access::Reads),
        row(Method::GET, "/a/{x}", Access::Changes),
        row(Method::PUT, "/a/b", Access::Changes),
        row(Method::GET, "/b", Access::Reads),
        row(Method::POST, "/b", Access::Changes),
        row(Method::PATCH, "/c/{x}/d/{y}", Access::Changes),
    ]);

    #[test]
    fn methods_on_paths_and_what_they_mean() {
        for (method, path, meaning) in [
            ("GET", "/a", "GET /a"),
            ("GET", "/a/", "GET /a"),
            ("HEAD", "/a", "GET /a"),
            ("POST", "/a", "use GET or HEAD"),
            ("OPTIONS", "/a", "use GET or HEAD"),
            ("GET", "//a", "-> /a"),
            ("HEAD", "/a//", "-> /a/"),
            ("OPTIONS", "//a", "-> /a"),
            ("POST", "//a", "use GET or HEAD"),
            ("GET", "/A", "nothing"),
            ("GET", "a", "nothing"),
            ("GET", "", "nothing"),
            ("GET", "/", "nothing"),
            ("GET", "/a/1", "GET /a/{x} x=1"),
            ("HEAD", "/a/1", "use GET"),
            ("PUT", "/a/1", "use GET"),
            ("PUT", "/a/b", "PUT /a/b"),
            ("GET", "/a/b", "GET /a/{x} x=b"),
            ("POST", "/a/b", "use GET or PUT"),
            ("GET", "/b", "GET /b"),
            ("POST", "/b", "POST /b"),
            ("DELETE", "/b", "use GET, HEAD or POST"),
            ("PATCH", "/c/1/d/2/", "PATCH /c/{x}/d/{y} x=1 y=2"),
            ("PATCH", "/c//d/2", "nothing"),
            ("BREW", "/b", "use GET, HEAD or POST"),
        ] {
            let method = method.parse().unwrap();
            let found = match TABLE.find(&method, path) {
                RouteMatch::Served(route, values) => {
                    let variable = |name| match values.value(name) {
                        "" => String::new(),
                        value => format!(" {name}={value}"),
                    };
                    format!(
                        "{} {}{}{}",
                        route.method,
                        route.pattern,
                        variable("x"),
                        variable("y")
                    )
                }
                RouteMatch::NotServed(methods) => format!("use {}", methods.in_words()),
                RouteMatch::Moved(to, _) => format!("-> {to}"),
                RouteMatch::Nothing => "nothing".to_owned(),
            };
            assert_eq!(found, meaning, "{method} {path:?}");
        }
    }

    #[test]
    fn where_nothing_is_carried_out_the_strictest_route_counts() {
        let class = |method: &str, path| TABLE.classify(&method.parse().unwrap(), path);
        let reads = TABLE.0[3].class;
        assert_eq!(class("GET", "/b"), Classification::Served(reads));
        assert_eq!(class("HEAD", "/b"), Classification::Served(reads));
        for method in ["OPTIONS", "PUT", "BREW"] {
            assert_eq!(class(method, "/b"), Classification::NotServed(Access::Changes));
            assert_eq!(class(method, "/a"), Classification::NotServed(Access::Reads));
        }
        assert_eq!(class("GET", "//b"), Classification::Moved(Access::Changes));
        assert_eq!(class("GET", "/d"), Classification::Unknown);
    }
}
