// Package codec turns answers into bits and back: an integer range coder, the
// models that drive it, the container for stored answers, and zstd for when no
// model helps.
//
// Nothing on the coding path uses floating point, so both ends get the same
// bytes on every CPU. docs/codec.md is the specification.
package codec
