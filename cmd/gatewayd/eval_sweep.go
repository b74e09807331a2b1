package main

import (
	"bytes"
	"fmt"
	"html"
	"math"

	"tenbit"
)

// sweepLimits are the limits of -sweep.
var sweepLimits = []tenbit.Bits{
	8 * tenbit.Bit, 9 * tenbit.Bit, 10 * tenbit.Bit, 12 * tenbit.Bit, 16 * tenbit.Bit, 24 * tenbit.Bit, 40 * tenbit.Bit, 80 * tenbit.Bit, uncapped,
}

// evalCurve is one file at several limits.
type evalCurve struct {
	name    string
	reports []*evalReport
}

// drawSweep draws the share of the gap that was recovered against the mean bits
// spent, a line a file and a point a limit. It reads in light and in dark.
func drawSweep(curves []evalCurve) []byte {
	const width, height, left, bottom = 760, 440, 60, 390
	x := func(bits float64) float64 { return left + math.Log2(1+bits)/math.Log2(65)*(width-left-170) }
	y := func(gap float64) float64 { return bottom - max(0, min(gap, 1.2))/1.2*(bottom-30) }
	colours := []string{"#06c", "#c40", "#283", "#a3a", "#b80", "#088", "#d36", "#66c", "#777", "#590"}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>text{fill:#333}line{stroke:#999}@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#777}}</style>
<title>share of the gap between small and large model that is recovered, against bits a question</title>
<text x="%d" y="16">gap recovered</text><text x="%d" y="%d" text-anchor="end">mean bits a question</text>
`, width, height, left, width-170, bottom+40)
	for g := 0.0; g < 1.21; g += 0.2 {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.0f" y2="%.0f" stroke-opacity=".4"/><text x="%d" y="%.0f" text-anchor="end">%.1f</text>`+"\n",
			left, width-170, y(g), y(g), left-8, y(g)+4, g)
	}
	for _, v := range []float64{0, 1, 2, 4, 8, 16, 32, 64} {
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(v), bottom+18, v)
	}
	for i, c := range curves {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, colour)
		for _, r := range c.reports {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(r.Mean), y(r.Gap))
		}
		last := c.reports[len(c.reports)-1]
		fmt.Fprintf(&b, "\"/>\n"+`<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/><text x="%d" y="%d" style="fill:%s">%s</text>`+"\n",
			x(last.Mean), y(last.Gap), colour, width-160, 40+18*i, colour, html.EscapeString(c.name))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
