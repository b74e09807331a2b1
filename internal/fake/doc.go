// Package fake has models, servers and wires for tests: they say what they are
// told to, misbehave on command and remember what they saw.
package fake
