//! Which requests are watched, and what their route is called.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use http::request::Parts;

/// Paths that are not watched unless told otherwise: probes and scrapes come by the minute and tell nothing.
pub const DEFAULT_EXCLUDED_PATHS: [&str; 4] = ["/health", "/health/*", "/healthz", "/metrics"];

type RouteFn = dyn for<'a> Fn(&'a Parts) -> Option<&'a str> + Send + Sync;

/// Which requests are watched, and where their route template is found.
#[derive(Clone)]
pub(super) struct Selection {
    route: Option<Arc<RouteFn>>,
    excluded: Arc<[String]>,
}

impl Default for Selection {
    fn default() -> Self {
        let mut selection = Self { route: None, excluded: Arc::from([]) };
        selection.exclude(DEFAULT_EXCLUDED_PATHS);
        selection
    }
}

impl Selection {
    pub(super) fn route_with<F>(&mut self, route: F)
    where
        F: for<'a> Fn(&'a Parts) -> Option<&'a str> + Send + Sync + 'static,
    {
        self.route = Some(Arc::new(route));
    }

    pub(super) fn exclude<P: Into<String>>(&mut self, paths: impl IntoIterator<Item = P>) {
        self.excluded = paths.into_iter().map(Into::into).collect();
    }

    pub(super) fn excludes(&self, parts: &Parts) -> bool {
        let path = parts.uri.path();
        self.excluded.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => path == pattern,
        })
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
        let s = Selection::default();
        for path in ["/health", "/health/live", "/healthz", "/metrics", "/metrics?x=1"] {
            assert!(s.excludes(&parts(path)), "{path}");
        }
        for path in ["/", "/healthcare", "/api/health", "/metrics/a"] {
            assert!(!s.excludes(&parts(path)), "{path}");
        }
    }

    #[test]
    fn other_paths_replace_the_default_ones() {
        let mut s = Selection::default();
        s.exclude(["/internal/*"]);
        assert!(s.excludes(&parts("/internal/x")));
        assert!(!s.excludes(&parts("/health")) && !s.excludes(&parts("/internal")));
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
