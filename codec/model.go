package codec

// Predictor is a bitwise model's state for one text: it says how likely the
// next bit is a 1, then learns which it was. Bits come most significant first.
// It also prices the end of the text before each byte. A Predictor belongs to
// one goroutine and, since it learns, to one text in one direction.
type Predictor interface {
	// P is the probability that the next bit is a 1, in 1/65536, from 1 to 65535.
	P() uint32
	// Update tells the bit that P was about.
	Update(bit int)

	end() uint32     // probability in 1/65536, 1..65535, that the text ends before the next byte
	ended(done bool) // what end was about
	fork() Predictor // independent copy
}

// Model makes predictors. Both ends must hold the same one, named by its
// fingerprint. A Model is safe for concurrent use.
type Model interface {
	// Name is the model's short name, such as "prior".
	Name() string
	// Fingerprint changes with every byte of the model's parameters.
	Fingerprint() uint64
	// Predictor starts a text. It is primed with contexts that both ends hold,
	// the prompt first, then the draft.
	Predictor(context ...[]byte) Predictor
}

// Fork returns an independent copy of p, which spares priming a second time: a
// sender codes with the one and checks itself with the other.
func Fork(p Predictor) Predictor { return p.fork() }

// Default is the best embedded model.
func Default() Model { return embedded() }

// adaptive is a model with adapters, which a container names. Without a prompt
// the text itself chooses, and the container tells the reader.
type adaptive interface {
	adapter(text []byte, context [][]byte) int // 0 to adapters-1
	adapted(adapter int, context [][]byte) Predictor
}

// Prime shows p a text that both ends hold.
func Prime(p Predictor, text []byte) {
	for _, b := range text {
		for i := 7; i >= 0; i-- {
			p.P()
			p.Update(int(b>>i) & 1)
		}
	}
}
