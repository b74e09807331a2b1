package tenbit

// Ask is what the edge sends up: the question and what it already knows.
type Ask struct {
	ID      string   // made by the edge, unique per edge, 32 hex digits; never taken from a client
	Tenant  TenantID // subdivides the edge's egress cap at the origin
	Request Request
	Limit   Bits    // the reply costs at most this, mode symbol and end mark included
	Modes   ModeSet // what the edge accepts; ModeAsk only where it can write questions

	// Draft is the edge's answer. Nil when the local model is down, and mostly
	// where there are candidates: the leading one stands for it, and a draft's
	// text costs more bytes up than it saves bits down.
	Draft *Message
	// Stays says that the draft's text doesn't pay for its way: it serves only
	// an origin whose twin makes it, too. It never travels.
	Stays bool
	// Candidates are the distinct final answers of a closed question, most
	// votes first, first seen on ties. Empty for open questions.
	Candidates []Candidate

	// Questions are the small model's, about the draft. An ask that accepts
	// ModeAsk without any can be told that they are needed: [Reply.NeedsQuestions].
	Questions []Question
	// Held says that the questions go up only when they are needed: they serve an
	// origin whose twin writes them, too. It never travels.
	Held bool
	// Revised says that the draft is no longer what the small model makes of the
	// request alone, so that no twin has it. It never travels.
	Revised bool

	// Sink receives a full reply while it is decoded, nil when the client did
	// not ask for a stream. It never travels.
	Sink Sink
	// Stream says at the far side that there is a sink: text leaves as it is
	// made. Otherwise a reply leaves in one piece, which takes fewer bytes.
	Stream bool
}

// Candidate is one distinct final answer with the number of samples that gave it.
type Candidate struct {
	Answer string
	Votes  int
	// Hash stands for an answer that is dearer to send than 32 bits, or that no
	// reply would state: the first of
	// HMAC-SHA-256 under the request's body. Answer is "" then, at both ends. 0: none.
	Hash uint32
}

// Question is one that yes or no answers.
type Question struct {
	Text string
	Yes  uint8 // how likely a yes is to the asker, of 256
}

// YesNo answers a question.
type YesNo uint8

// The answers. CannotSay is an erasure, never a no.
const (
	No YesNo = iota
	Yes
	CannotSay
)

// Sink receives text as it becomes final, cut only between characters where
// the text is UTF-8. An error ends the escalation.
type Sink func(text string) error

// Reply is what the far side added, decoded and checked.
type Reply struct {
	Mode    Mode
	Index   int     // ModeSelect: which candidate
	Answer  string  // ModeAnswer: the final answer
	Answers []YesNo // ModeAsk: one for each question
	Hint    string  // ModeHint: a line of advice to the small model
	Message Message // ModeFull, ModePlain: the whole message; ModeBrief: the shortest
	Finish  Finish  // ModeFull, ModePlain
	Cut     bool    // the limit was reached: Message is a prefix, Finish is "length"
	Usage   Usage   // of the large model
	Cost    Cost
}

// NeedsQuestions reports a reply that says, for the price of its mode symbol,
// that the edge's questions are needed.
func (r Reply) NeedsQuestions() bool { return r.Mode == ModeAsk && len(r.Answers) == 0 }

// Cost is what one request took from the far side: two meters, never one.
type Cost struct {
	Bits     Bits  // information down
	WireUp   int64 // bytes on the connection, framing included
	WireDown int64
}

// Add sums costs.
func (c Cost) Add(d Cost) Cost {
	return Cost{c.Bits + d.Bits, c.WireUp + d.WireUp, c.WireDown + d.WireDown}
}

// Route says where an answer came from: a cache, the local model, or the mode
// of the reply that was bought.
type Route string

// Routes that are not a mode's name.
const (
	RouteCache    Route = "cache"
	RouteSemantic Route = "semantic" // the stored answer to a question that says the same
	RouteLocal    Route = "local"
)

// Answer is what a client gets.
type Answer struct {
	Message  Message
	Finish   Finish
	Usage    Usage       // of the answer as the client sees it
	Tokens   []TokenProb // of the content, where the request asks for log-probabilities
	Route    Route
	Cost     Cost
	Degraded string // why the answer is worse than configured, "" when it is not
}

// Complete reports whether the answer may be cached: undegraded, and what the
// large model would have said, or the draft that was good enough.
func (a Answer) Complete() bool {
	switch a.Route {
	case Route(ModeAsk.String()), Route(ModeHint.String()), Route(ModeBrief.String()):
		return false // a larger grant would have bought more
	}
	return a.Degraded == "" && (a.Finish == FinishStop || a.Finish == FinishToolCalls)
}
