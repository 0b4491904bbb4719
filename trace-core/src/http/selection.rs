//! Which requests are watched, and what their route is called.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::request::Parts;

/// Paths that servers do not watch unless told otherwise: probes and scrapes come by the minute and tell nothing.
pub const DEFAULT_EXCLUDED_PATHS: [&str; 4] = ["/health", "/health/*", "/healthz", "/metrics"];

type RouteFn = dyn for<'a> Fn(&'a Parts) -> Option<&'a str> + Send + Sync;
type Predicate = dyn Fn(&Parts) -> bool + Send + Sync;

/// Which requests are watched, and where their route template is found.
#[derive(Clone, Default)]
pub(super) struct Selection {
    route: Option<Arc<RouteFn>>,
    excluded: Arc<[Pattern]>,
    excluded_when: Option<Arc<Predicate>>,
}

enum Pattern {
    Exact(String),
    Prefix(String),
}

impl Selection {
    /// With [`DEFAULT_EXCLUDED_PATHS`].
    pub(super) fn of_server() -> Self {
        let mut selection = Self::default();
        selection.exclude(DEFAULT_EXCLUDED_PATHS);
        selection
    }

    pub(super) fn route_with<F>(&mut self, route: F)
    where
        F: for<'a> Fn(&'a Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.route = Some(Arc::new(route));
    }

    pub(super) fn exclude<P: Into<String>>(&mut self, paths: impl IntoIterator<Item = P>) {
        let pattern = |path: P| {
            let mut path = path.into();
            match path.ends_with('*') {
                true => {
                    path.pop();
                    Pattern::Prefix(path)
                }
                false => Pattern::Exact(path),
            }
        };
        self.excluded = paths.into_iter().map(pattern).collect();
    }

    pub(super) fn exclude_when(&mut self, is_excluded: impl Fn(&Parts) -> bool + Send + Sync + 'static) {
        self.excluded_when = Some(Arc::new(is_excluded));
    }

    /// A predicate that panics excludes nothing.
    pub(super) fn excludes(&self, parts: &Parts) -> bool {
        let path = parts.uri.path();
        let by_path = self.excluded.iter().any(|pattern| match pattern {
            Pattern::Prefix(prefix) => path.starts_with(prefix.as_str()),
            Pattern::Exact(exact) => path == exact,
        });
        let told = || {
            let is_excluded = self.excluded_when.as_ref()?;
            catch_unwind(AssertUnwindSafe(|| is_excluded(parts))).ok()
        };
        by_path || told().unwrap_or(false)
    }

    /// The route template; a function that panics knows none.
    pub(super) fn route<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        let route = self.route.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| route(parts))).ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Parts {
        http::Request::builder().uri(path).body(()).unwrap().into_parts().0
    }

    #[test]
    fn probes_and_scrapes_are_excluded_by_default_and_similar_names_are_not() {
        let s = Selection::of_server();
        for path in ["/health", "/health/live", "/healthz", "/metrics", "/metrics?x=1"] {
            assert!(s.excludes(&parts(path)), "{path}");
        }
        for path in ["/", "/healthcare", "/api/health", "/metrics/a"] {
            assert!(!s.excludes(&parts(path)), "{path}");
        }
    }

    #[test]
    fn other_paths_replace_the_default_ones() {
        let mut s = Selection::of_server();
        s.exclude(["/internal/*"]);
        assert!(s.excludes(&parts("/internal/x")));
        assert!(!s.excludes(&parts("/health")) && !s.excludes(&parts("/internal")));
    }

    #[test]
    fn a_predicate_excludes_along_with_the_paths_and_may_panic() {
        let mut s = Selection::of_server();
        s.exclude_when(|parts| parts.headers.contains_key("x-probe") || parts.uri.path() == "/quiet");
        assert!(s.excludes(&parts("/quiet")) && s.excludes(&parts("/health")) && !s.excludes(&parts("/")));
        s.exclude_when(|_| panic!("no"));
        assert!(s.excludes(&parts("/health")) && !s.excludes(&parts("/")));
    }

    #[test]
    fn a_route_function_that_panics_gives_no_route() {
        let mut s = Selection::default();
        assert_eq!(s.route(&parts("/a")), None);
        s.route_with(|parts| Some(parts.uri.path()));
        assert_eq!(s.route(&parts("/a")), Some("/a"));
        s.route_with(|_| panic!("no"));
        assert_eq!(s.route(&parts("/a")), None);
    }
}
