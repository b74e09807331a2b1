// Package tenbit holds the nouns of the gateway: what is asked, what is
// answered, what it costs and who pays.
//
// A remote answer is a message to a decoder that already knows almost
// everything: the edge holds the prompt, a draft and its runner-up answers, so
// the far end sends the cheapest message that makes the edge end up with the
// right answer. An [Ask] goes up, a [Reply] comes down, and both ends count the
// same [Bits].
//
// The package imports the standard library only. Behaviour lives in gateway
// (the OpenAI API and the walk of one request), policy (the decisions), codec
// (the bits) and internal/link (the wire).
package tenbit
