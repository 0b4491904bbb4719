// Jaeger all-in-one as a peer of the integration tests; go.sum pins it.
module peer

go 1.23

require github.com/jaegertracing/jaeger v1.62.0
