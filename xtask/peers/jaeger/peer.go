//go:build tools

// Package peer names the program that is built, so that go.mod holds what it needs.
package peer

import _ "github.com/jaegertracing/jaeger/cmd/all-in-one"
