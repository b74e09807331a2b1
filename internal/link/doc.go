// Package link is the wire between an edge and an origin: asks go up, codewords
// come down, many requests on one WebSocket. It moves bytes and counts them;
// what they mean is the business of package policy, which it doesn't import.
//
// [Client] is the edge's end, [Server] the origin's. The format is described
// byte by byte in docs/link.md.
package link
