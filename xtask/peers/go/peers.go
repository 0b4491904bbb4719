//go:build tools

// Package peers names the programs that are built from other modules, so that go.mod holds what they need.
package peers

import _ "github.com/jaegertracing/jaeger/cmd/all-in-one"
