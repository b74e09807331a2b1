// Package policy decides what to buy from the far end and how it is said: the
// gate, the extraction of closed answers, the modes of a reply with their
// odds, the encoder's decision at the origin and the decoder at the edge.
//
// A reply is one codeword: the mode under odds that follow from the
// [tenbit.Ask], then the mode's payload. Both ends run the same code over the
// same Ask, so a reply needs no header of its own and every symbol of it,
// escapes and end marks included, is charged. In order:
//
//	mode                 under modeOdds
//	select: index        votes squared, less the candidate that accept names
//	answer: kind         number, letter or text, by the leading candidate's
//	  number             bytes and end: see guess.numbers
//	  letter             uniform over the choices offered
//	  text               bytes and end: see guess.terms
//	ask:    answers      no, yes or cannot say to each question, by the asker's
//	                     P(yes); where any of the three might not fit, all alike,
//	                     then none: cannot say, for nothing. To an ask without
//	                     questions none: they are needed
//	hint:   text         the codec's model, primed with prompt and draft
//	brief:  text         the same
//	full:   form         text, or message: content, tool calls, refusal
//	        texts        the codec's model, primed with prompt and draft
//	        finish       stop, length, tool_calls, content_filter or cut
//	plain:  form, finish as for full
//	        length       Elias gamma
//	        bytes        zstd, 8 bits each
//
// None and accept have no payload. What the large model is asked for follows
// from the ask alone, see plan: the whole answer where that may fit, else the
// shortest complete one, a line of advice, or answers to the edge's questions.
//
// A 32-bit digest outside the codeword closes it.
package policy
