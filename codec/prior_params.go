package codec

// params is what training found besides the table: how much each state says,
// the mixer's weights at the start of a message and the odds of an end. There is
// one set for all texts and one for each domain, an adapter.
type params struct {
	static [staticContexts][256]int16          // logit of a table state, 1/256
	local  [localContexts][localStates]int16   // logit of a message's own state
	match  [matchers][matchStates]int16        // logit of the expected bit
	first  [firstRows]weights                  // first layer, rows chosen by six contexts
	second [secondSets][256][secondWidth]int32 // second layer
	apm    [apmSets][apmContexts][apmSteps]uint16
	ends   [endStates]uint16 // odds of an end, 1/65536
	rate   [2]int32          // of learning within a message, first and second layer
}

const (
	matchers    = 2
	matchStates = 16 * 4

	// Rows of the first layer: by partial byte, long match, last byte, hits,
	// classes of three bytes, short match.
	rowNode   = 0
	rowLong   = rowNode + 256
	rowByte   = rowLong + 16*8
	rowHits   = rowByte + 256
	rowClass  = rowHits + (staticContexts+1)*(localContexts+1)
	rowShort  = rowClass + 512
	firstRows = rowShort + 16*8

	secondSets  = 2
	secondWidth = 8

	apmSets     = 2
	apmContexts = 2048
	apmSteps    = 33

	endStates = 256 * 8 * 8
)

// newParams has equal weights, from which training starts.
func newParams() *params {
	p := new(params)
	for i := range p.first {
		for j := range p.first[i] {
			p.first[i][j] = 1 << 16 * 25 / 100
		}
	}
	for s := range p.second {
		for i := range p.second[s] {
			for j := range mixRows {
				p.second[s][i][j] = 1 << 16 / mixRows
			}
		}
	}
	for s := range p.apm {
		for i := range p.apm[s] {
			for j := range p.apm[s][i] {
				p.apm[s][i][j] = uint16(min(squash(int32(j-apmSteps/2)*apmStep), 65535))
			}
		}
	}
	for i := range p.ends {
		p.ends[i] = 64
	}
	p.rate = [2]int32{256, 64}
	return p
}

const apmStep = 128 // logits between two entries, 1/256

// apmAt is where a logit falls: entry and weight of the next one, 1/128.
func apmAt(logit int32) (int32, int32) {
	x := min(max(logit, -16*apmStep), 16*apmStep-1) + 16*apmStep
	return x / apmStep, x % apmStep
}

// endState is the index of the odds of an end.
func endState(last uint64, size int) int {
	bucket := 0
	for s := size; s > 8 && bucket < 7; s >>= 2 {
		bucket++
	}
	return (int(byte(last))*8+int(classOf[byte(last>>8)]))*8 + bucket
}
