//! What every receiver over HTTP is besides: a `tower` service, and a listener of its own.

/// For a type that is `Clone` and has `respond`. `$what` names it where listening fails.
macro_rules! http_service {
    ($type:ty, $what:literal) => {
        impl $type {
            /// Listens on `address` (`host:port`; port 0 takes a free one), and answers on the current Tokio runtime.
            ///
            /// # Errors
            /// If the address cannot be listened on.
            pub async fn listen(
                &self,
                address: &str,
            ) -> Result<$crate::receiver::Listener, $crate::receiver::ReceiverListenError> {
                let receiver = self.clone();
                let answer = move |request| {
                    let receiver = receiver.clone();
                    async move { receiver.respond(request).await }
                };
                $crate::receiver::Listener::start($what, address, answer).await
            }
        }

        impl<B> tower_service::Service<http::Request<B>> for $type
        where
            B: http_body::Body + Send + 'static,
            B::Data: Send,
            B::Error: Into<$crate::receiver::BodyError>,
        {
            type Response = http::Response<$crate::receiver::ReplyBody>;
            type Error = std::convert::Infallible;
            type Future = std::pin::Pin<
                Box<dyn std::future::Future<Output = Result<Self::Response, Self::Error>> + Send>,
            >;

            fn poll_ready(
                &mut self,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Self::Error>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<B>) -> Self::Future {
                let receiver = self.clone();
                Box::pin(async move { Ok(receiver.respond(request).await) })
            }
        }
    };
}
pub(crate) use http_service;
