package tenbit

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bits is an amount of information in millibits: 1500 is one and a half bits.
// It is -log2 of the probability under which a reply was coded, rounded up to a
// whole millibit per reply, and the only unit budgets count.
type Bits int64

// Bit is one bit of information.
const Bit Bits = 1000

// MaxBits is the largest amount that a budget or a limit may name: 2^50
// millibits, far from overflow when sums are formed.
const MaxBits Bits = 1 << 50

// Byte is the price of a byte that is sent without a model.
const Byte = 8 * Bit

// String gives bits with three decimals, as headers and reports show them.
func (b Bits) String() string {
	sign, v := "", uint64(b)
	if b < 0 {
		sign, v = "-", -v
	}
	return fmt.Sprintf("%s%d.%03d", sign, v/1000, v%1000)
}

// ParseBits reads a decimal number of bits with at most three decimals, not
// negative and at most [MaxBits].
func ParseBits(s string) (Bits, error) {
	whole, frac, dot := strings.Cut(s, ".")
	if whole == "" || dot && frac == "" || len(frac) > 3 || !digits(whole) || !digits(frac) {
		return 0, fmt.Errorf("bits %.40q: want a decimal number with at most three decimals", s)
	}
	n, err := strconv.ParseInt(whole+frac+"000"[len(frac):], 10, 64)
	if err != nil || Bits(n) > MaxBits {
		return 0, fmt.Errorf("bits %.40q: more than %d", s, MaxBits/Bit)
	}
	return Bits(n), nil
}

// BitsOf turns a number of bits, as JSON and YAML carry it, into Bits, rounding down.
func BitsOf(f float64) (Bits, error) {
	if math.IsNaN(f) || f < 0 || f > float64(MaxBits/Bit) {
		return 0, errors.New("bits: want a number from 0 to " + strconv.FormatInt(int64(MaxBits/Bit), 10))
	}
	// Half a microbit absorbs the binary fraction: 0.29 is 290 millibits.
	return Bits(math.Floor(f*1000 + 5e-7)), nil
}

func digits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
