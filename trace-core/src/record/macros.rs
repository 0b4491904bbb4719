//! The `span!` macro.

/// Starts a span under the active one, makes it the active one, and returns a [`SpanGuard`](crate::record::SpanGuard).
///
/// The name is a literal. Attributes are `key = value`, where the key is a path of identifiers (`user.id`) or a
/// literal, and the value is anything that implements [`AsValue`](crate::record::AsValue). The span's scope is the crate that
/// contains the call. A leading `recorder: &r,` records there instead of in the thread's default, and a leading
/// `kind: Server,` sets the kind.
///
/// ```
/// use trace_core::span;
///
/// fn handle(user: u64) {
///     let span = span!("handle_order", user.id = user, "order.total" = 12.5, priority = "normal");
///     let _step = span!(kind: Client, "charge_card");
///     span.set_attribute("order.items", 3);
/// } // both end here
/// # handle(7);
/// ```
#[macro_export]
macro_rules! span {
    (recorder: $r:expr, kind: $kind:ident, $($rest:tt)+) => {
        $crate::__span_start!(__enter, ::core::option::Option::Some($r), $kind, $($rest)+)
    };
    (recorder: $r:expr, $($rest:tt)+) => {
        $crate::__span_start!(__enter, ::core::option::Option::Some($r), Internal, $($rest)+)
    };
    (kind: $kind:ident, $($rest:tt)+) => {
        $crate::__span_start!(__enter, ::core::option::Option::None, $kind, $($rest)+)
    };
    ($($rest:tt)+) => {
        $crate::__span_start!(__enter, ::core::option::Option::None, Internal, $($rest)+)
    };
}

/// Starts a span as [`span!`](crate::span) does, but returns a [`Span`](crate::record::Span) that is not active:
/// for async code, together with [`InSpan::in_span`](crate::record::InSpan::in_span).
///
/// ```
/// use trace_core::{async_span, record::InSpan};
///
/// # async fn fetch() {}
/// async fn run() {
///     fetch().in_span(async_span!(kind: Client, "fetch", url.path = "/items")).await;
/// }
/// ```
#[macro_export]
macro_rules! async_span {
    (recorder: $r:expr, kind: $kind:ident, $($rest:tt)+) => {
        $crate::__span_start!(__start, ::core::option::Option::Some($r), $kind, $($rest)+)
    };
    (recorder: $r:expr, $($rest:tt)+) => {
        $crate::__span_start!(__start, ::core::option::Option::Some($r), Internal, $($rest)+)
    };
    (kind: $kind:ident, $($rest:tt)+) => {
        $crate::__span_start!(__start, ::core::option::Option::None, $kind, $($rest)+)
    };
    ($($rest:tt)+) => {
        $crate::__span_start!(__start, ::core::option::Option::None, Internal, $($rest)+)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_start {
    ($how:ident, $recorder:expr, $kind:ident, $name:literal $(, $($fields:tt)*)?) => {
        $crate::__span_fields!($how, $recorder, $kind, $name, [] [] $($($fields)*)?)
    };
}

// Each value is bound to a `v` of its own: the identifiers come from different expansions.
#[doc(hidden)]
#[macro_export]
macro_rules! __span_fields {
    ($how:ident, $recorder:expr, $kind:ident, $name:literal, [$($key:expr,)*] [$($v:ident = $value:expr,)*]) => {{
        static SCOPE: $crate::model::Scope =
            $crate::model::Scope::from_static(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        static CALLSITE: $crate::record::Callsite =
            $crate::record::Callsite::new($name, $crate::model::SpanKind::$kind, &SCOPE, &[$($key,)*]);
        match ($($crate::record::AsValue::as_value(&$value),)*) {
            ($($v,)*) => $crate::__span_call!($how, $recorder, CALLSITE, $($v)*),
        }
    }};
    ($how:ident, $recorder:expr, $kind:ident, $name:literal, [$($k:expr,)*] [$($v:ident = $e:expr,)*]
        $key:literal = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__span_fields!($how, $recorder, $kind, $name,
            [$($k,)* $key,] [$($v = $e,)* v = $value,] $($($rest)*)?)
    };
    ($how:ident, $recorder:expr, $kind:ident, $name:literal, [$($k:expr,)*] [$($v:ident = $e:expr,)*]
        $head:ident $(. $tail:ident)* = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__span_fields!($how, $recorder, $kind, $name,
            [$($k,)* concat!(stringify!($head) $(, ".", stringify!($tail))*),]
            [$($v = $e,)* v = $value,] $($($rest)*)?)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __span_call {
    (__start, $recorder:expr, $site:ident, $($v:ident)*) => {
        $crate::record::__start($recorder, &$site, &[$($v,)*])
    };
    (__enter, $recorder:expr, $site:ident, $($v:ident)*) => {{
        const VALUES: usize = <[&str]>::len(&[$(stringify!($v),)*]);
        let recorder = $recorder;
        $crate::record::__enter_fast::<VALUES>(
            recorder,
            &$site,
            move |_values| { $(_values.put($v);)* },
            move || $crate::record::__enter(recorder, &$site, &[$($v,)*]),
        )
    }};
}
