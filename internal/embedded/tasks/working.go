package tasks

import (
	"fmt"
	"strings"
)

// The working is column arithmetic on numbers of four digits. Every column gives
// two digits: sums, differences and products by one digit go from the last column
// to the first and write the carry (or borrow) and the digit; quotients by one
// digit go from the first and write quotient and remainder. The result follows
// after ">". So every character follows from a few earlier ones, and no step
// needs to be taken in the head.

func pad(v int) string { return fmt.Sprintf("%04d", v) }

func (d *draft) step(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// add writes a+b and returns it.
func (d *draft) add(a, b int) int {
	var cols strings.Builder
	carry, x, y := 0, pad(a), pad(b)
	for i := len(x) - 1; i >= 0; i-- {
		c := int(x[i]-'0') + int(y[i]-'0') + carry
		fmt.Fprintf(&cols, "%02d", c)
		carry = c / 10
	}
	d.step("%s+%s=%s>%s", x, y, cols.String(), pad(a+b))
	return a + b
}

// sub writes a-b and returns it; a is not less than b.
func (d *draft) sub(a, b int) int {
	var cols strings.Builder
	borrow, x, y := 0, pad(a), pad(b)
	for i := len(x) - 1; i >= 0; i-- {
		c := int(x[i]) - int(y[i]) - borrow
		borrow = 0
		if c < 0 {
			c, borrow = c+10, 1
		}
		fmt.Fprintf(&cols, "%d%d", borrow, c)
	}
	d.step("%s-%s=%s>%s", x, y, cols.String(), pad(a-b))
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
