package main

import (
	"bytes"
	"fmt"
	"math"
)

// drawBench draws ratio against speed of encoding, one point a model, of the
// last file or the total. It reads in light and in dark.
func drawBench(results []*benchResult) []byte {
	const width, height, left, bottom = 720, 400, 60, 350
	last := results[len(results)-1].File
	x := func(speed float64) float64 { return left + (math.Log10(max(speed, 1e4))-4)/4*(width-left-120) }
	y := func(ratio float64) float64 { return bottom - min(ratio, 0.5)/0.5*(bottom-30) }
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<style>text{fill:#333}line{stroke:#999}circle{fill:#888}.own{fill:#06c}@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#777}.own{fill:#6bf}}</style>
<title>coded size against speed of encoding</title>
`, width, height)
	for r := 0.0; r < 0.55; r += 0.1 {
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%.0f" y2="%.0f" stroke-opacity=".4"/><text x="%d" y="%.0f" text-anchor="end">%.1f</text>`+"\n",
			left, width-20, y(r), y(r), left-8, y(r)+4, r)
	}
	for p := 4; p <= 8; p++ {
		label := map[int]string{4: "10 kB/s", 5: "100 kB/s", 6: "1 MB/s", 7: "10 MB/s", 8: "100 MB/s"}[p]
		fmt.Fprintf(&b, `<text x="%.0f" y="%d" text-anchor="middle">%s</text>`+"\n", x(math.Pow10(p)), bottom+20, label)
	}
	fmt.Fprintf(&b, `<text x="%d" y="18">coded / original (less is better)</text><text x="%d" y="%d" text-anchor="end">speed of encoding, one core</text>`+"\n", left, width-20, bottom+42)
	for _, r := range results {
		if r.File != last {
			continue
		}
		class := ""
		if r.Model == "prior" {
			class = ` class="own"`
		}
		fmt.Fprintf(&b, `<circle cx="%.0f" cy="%.0f" r="6"%s/><text x="%.0f" y="%.0f">%s %.3f</text>`+"\n", x(r.Encode), y(r.Ratio), class, x(r.Encode)+10, y(r.Ratio)+4, r.Model, r.Ratio)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
