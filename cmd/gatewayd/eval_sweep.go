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

// frontierPrices are the prices of -frontier: bits that one more right answer is
// worth, at the last whatever it takes.
var frontierPrices = []tenbit.Bits{
	tenbit.Bit, 4 * tenbit.Bit, 8 * tenbit.Bit, 12 * tenbit.Bit, 16 * tenbit.Bit, 24 * tenbit.Bit, 32 * tenbit.Bit, 48 * tenbit.Bit, 64 * tenbit.Bit,
	128 * tenbit.Bit, 256 * tenbit.Bit, 1024 * tenbit.Bit, 0,
}

// chart says what is drawn over the mean bits.
type chart struct {
	title, label string
	low, high    float64 // of the axis
	value        func(*evalReport) float64
}

var (
	sweepChart    = chart{"share of the gap between small and large model that is recovered, against bits a question, as the limit varies", "gap recovered", 0, 1.2, func(r *evalReport) float64 { return r.Gap }}
	frontierChart = chart{"accuracy against bits a question, as the price varies", "accuracy", 0.2, 1, func(r *evalReport) float64 { return r.Accuracy }}
)

// evalCurve is one file at several limits or prices.
type evalCurve struct {
	name    string
	reports []*evalReport
}

// draw draws a line a file and a point a limit or price. It reads in light and in dark.
func (c chart) draw(curves []evalCurve) []byte {
	const width, height, left, bottom = 760, 440, 60, 390
	x := func(bits float64) float64 { return left + math.Log2(1+bits)/math.Log2(65)*(width-left-170) }
	y := func(v float64) float64 {
		return bottom - (max(c.low, min(v, c.high))-c.low)/(c.high-c.low)*(bottom-30)
	}
	colours := []string{"#06c", "#c40", "#283", "#a3a", "#b80", "#088", "#d36", "#66c", "#777", "#590"}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">
<style>text{fill:#333}line{stroke:#999}@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#777}}</style>
<title>%s</title>
<text x="%d" y="16">%s</text><text x="%d" y="%d" text-anchor="end">mean bits a question</text>
`, width, height, c.title, left, c.label, width-170, bottom+40)
	for v := c.low; v < c.high+0.01; v += 0.2 {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.0f" y2="%.0f" stroke-opacity=".4"/><text x="%d" y="%.0f" text-anchor="end">%.1f</text>`+"\n",
			left, width-170, y(v), y(v), left-8, y(v)+4, v)
	}
	for _, v := range []float64{0, 1, 2, 4, 8, 16, 32, 64} {
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle">%.0f</text>`+"\n", x(v), bottom+18, v)
	}
	for i, curve := range curves {
		colour := colours[i%len(colours)]
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="`, colour)
		for _, r := range curve.reports {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(r.Mean), y(c.value(r)))
		}
		b.WriteString("\"/>\n")
		for _, r := range curve.reports {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`, x(r.Mean), y(c.value(r)), colour)
		}
		fmt.Fprintf(&b, "\n"+`<text x="%d" y="%d" style="fill:%s">%s</text>`+"\n", width-160, 40+18*i, colour, html.EscapeString(curve.name))
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
