//! Which try a request is.

/// How often a request was sent before, for `http.request.resend_count`. Put it into the request's extensions where
/// it is sent again, such as in the `retry` of a `tower` policy; see [`ResendCount::next`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResendCount(pub u32);

impl ResendCount {
    /// Counts one more try in the extensions of a request that is about to be sent again.
    pub fn next(extensions: &mut http::Extensions) {
        let sent = extensions.get::<Self>().map_or(0, |count| count.0);
        extensions.insert(Self(sent.saturating_add(1)));
    }
}
