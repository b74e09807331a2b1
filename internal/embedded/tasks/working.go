package tasks

import (
	"fmt"
	"strings"
)

// The working is column arithmetic on numbers of four digits. Sums and
// differences are written from the last digit to the first and then, after ">",
// the right way round. Products by one digit give two digits a column from the
// last to the first: the carry and the digit. Quotients by one digit give two
// digits a column from the first: quotient and remainder. So every character
// follows from a few earlier ones, and no step needs to be taken in the head.

func pad(v int) string { return fmt.Sprintf("%04d", v) }

func (d *draft) step(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func reversed(s string) string {
	var b strings.Builder
	for i := len(s) - 1; i >= 0; i-- {
		b.WriteByte(s[i])
	}
	return b.String()
}

// add writes a+b and returns it.
func (d *draft) add(a, b int) int {
	d.step("%s+%s=%s>%s", pad(a), pad(b), reversed(pad(a+b)), pad(a+b))
	return a + b
}

// sub writes a-b and returns it; a is not less than b.
func (d *draft) sub(a, b int) int {
	d.step("%s-%s=%s>%s", pad(a), pad(b), reversed(pad(a-b)), pad(a-b))
	return a - b
}

// mul writes a*m and returns it; m is one digit.
func (d *draft) mul(a, m int) int {
	var cols strings.Builder
	carry, digits := 0, pad(a)
	for i := len(digits) - 1; i >= 0; i-- {
		c := int(digits[i]-'0')*m + carry
		fmt.Fprintf(&cols, "%02d", c)
		carry = c / 10
	}
	d.step("%s*%d=%s>%s", pad(a), m, cols.String(), pad(a*m))
	return a * m
}

// div writes a/m and returns quotient and remainder; m is one digit.
func (d *draft) div(a, m int) (q, rest int) {
	var cols strings.Builder
	for _, c := range pad(a) {
		v := rest*10 + int(c-'0')
		fmt.Fprintf(&cols, "%d%d", v/m, v%m)
		rest = v % m
	}
	d.step("%s/%d=%s>%s r%d", pad(a), m, cols.String(), pad(a/m), rest)
	return a / m, rest
}
