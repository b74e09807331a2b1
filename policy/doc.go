// Package policy decides what to buy from the far end and how it is said: the
// gate, the extraction of closed answers, the modes of a reply with their
// odds, the encoder's decision at the origin and the decoder at the edge.
//
// A reply is one codeword: the mode under odds that follow from the
// [tenbit.Ask], then the mode's payload. Both ends run the same code over the
// same Ask, so a reply needs no header of its own and every symbol of it,
// escapes and end marks included, is charged.
package policy
