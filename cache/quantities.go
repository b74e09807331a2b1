package cache

import (
	"strconv"
	"strings"
	"unicode"
)

// quantity takes the number at ts[i], if one stands there, with its unit.
func (f *Features) quantity(ts []token, i int) bool {
	n, glued, ok := numberOf(ts[i].mark)
	if !ok {
		n, ok = spelled(ts, i)
	}
	if !ok {
		return false
	}
	u := glued
	if u == "" && i+1 < len(ts) {
		if u = unitAfter(ts[i+1].word); u == "degree" && i+2 < len(ts) && heat[unitAfter(ts[i+2].word)] {
			u = unitAfter(ts[i+2].word)
		}
	}
	f.quantities = append(f.quantities, strings.TrimSpace(n+" "+u))
	return true
}

// attached reports a unit that belongs to the number before it.
func attached(ts []token, i int) bool {
	u := unit(ts[i].word)
	switch {
	case u == "degree" && i+1 < len(ts) && heat[unit(ts[i+1].word)]:
		return true // of something
	case i == 0:
		return false
	case (ts[i-1].word == "what" || ts[i-1].word == "which") && times[ts[i].word]:
		return true // no unit
	case heat[u] && unit(ts[i-1].word) == "degree":
		i--
	}
	if i == 0 {
		return false
	}
	_, glued, ok := numberOf(ts[i-1].mark)
	if !ok {
		_, ok = spelled(ts, i-1)
	}
	return ok && glued == ""
}

// heat are the units that stand behind degrees.
var heat = map[string]bool{"°c": true, "°f": true, "kelvin": true}

// numberOf reads digits with what may be glued to them: a currency before, a
// unit, percent sign or ordinal ending behind. What only begins like a number is none.
func numberOf(s string) (n, u string, ok bool) {
	rest := strings.ToLower(s)
	for _, c := range []string{"us$", "$", "€", "£", "¥", "₹"} {
		if after, cut := strings.CutPrefix(rest, c); cut {
			rest, u = after, c
			break
		}
	}
	sign := ""
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "−") {
		sign, rest = "-", strings.TrimLeft(rest, "-−")
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsDigit(r) && !strings.ContainsRune(",.:/", r) })
	if end < 0 {
		end = len(rest)
	}
	digits, tail := strings.TrimRight(rest[:end], ",.:/"), rest[end:]
	if digits == "" || !unicode.IsDigit([]rune(digits)[0]) {
		return "", "", false
	}
	switch {
	case tail == "":
	case tail == "st" || tail == "nd" || tail == "rd" || tail == "th":
		tail = "th" // the 2nd is not two
	case tail == "k":
		return sign + plainNumber(digits) + "000", u, true
	case u == "" && unitAfter(strings.TrimPrefix(tail, "-")) != "":
		u, tail = unitAfter(strings.TrimPrefix(tail, "-")), ""
	default:
		return "", "", false
	}
	if c := unit(u); c != "" {
		u = c
	}
	return sign + plainNumber(digits) + tail, u, true
}

// plainNumber drops group commas and what adds nothing: 1,000.50 is 1000.5.
func plainNumber(s string) string {
	s = strings.ReplaceAll(s, ",", "")
	if v, err := strconv.ParseFloat(s, 64); err == nil && len(s) <= 15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return s
}

// spelled reads a number in words. One is none of them unless a unit follows: it
// is mostly a pronoun.
func spelled(ts []token, i int) (string, bool) {
	w := ts[i].word
	if (w == "a" || w == "an" || w == "one") && i+1 < len(ts) && unit(ts[i+1].word) != "" {
		return "1", true
	}
	if w == "second" && (i == 0 || ts[i-1].word != "the" && ts[i-1].word != "a") {
		return "", false // of time
	}
	n, ok := numerals[w]
	return n, ok
}

// numerals are the numbers in words that people write, in English.
var numerals = func() map[string]string {
	m := map[string]string{
		"zero": "0", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "ten": "10",
		"eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17",
		"eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70",
		"eighty": "80", "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
		"half": "0.5", "quarter": "0.25", "dozen": "12", "twice": "x2", "double": "x2", "triple": "x3", "thrice": "x3",
	}
	for i, w := range strings.Fields("first second third fourth fifth sixth seventh eighth ninth tenth") {
		m[w] = strconv.Itoa(i+1) + "th"
	}
	return m
}()

// unit is the one name of a unit that is one wherever it stands, or "".
func unit(w string) string {
	if shortUnits[w] != "" && len(w) <= 2 {
		return ""
	}
	return units[w]
}

// unitAfter is the same of a word behind a number, where short ones count, too.
func unitAfter(w string) string {
	if u := shortUnits[w]; u != "" {
		return u
	}
	return units[w]
}

var units = unitsOf(`
	km kilometer kilometers kilometre kilometres
	m meter meters metre metres
	cm centimeter centimeters centimetre centimetres
	mm millimeter millimeters millimetre millimetres
	mi mile miles
	yd yard yards
	ft foot feet
	inch inches
	nmi nautical
	kg kilogram kilograms kilo kilos
	g gram grams
	mg milligram milligrams
	lb pound pounds lbs £ gbp
	oz ounce ounces
	t ton tons tonne tonnes
	l liter liters litre litres
	ml milliliter milliliters millilitre millilitres
	gal gallon gallons
	cup cups
	tbsp tablespoon tablespoons
	tsp teaspoon teaspoons
	°c celsius centigrade ℃
	°f fahrenheit ℉
	kelvin
	usd $ us$ dollar dollars
	eur € euro euros
	yen ¥ jpy
	inr ₹ rupee rupees
	cent cents
	% percent
	s seconds secs
	ms milliseconds millisecond
	min minute minutes mins
	h hour hours hrs
	d day days
	wk week weeks
	mo month months
	y year years yrs
	kb kilobyte kilobytes
	mb megabyte megabytes
	gb gigabyte gigabytes
	tb terabyte terabytes
	kib mib gib
	bits
	byte bytes
	mbps gbps kbps
	mph
	km/h kph kmh
	knot knots
	w watt watts
	kw kilowatt kilowatts
	kwh
	v volt volts
	amp amps ampere amperes
	joule joules
	calorie calories kcal
	hz hertz khz mhz ghz
	acre acres
	hectare hectares
	radian radians
	degree degrees °
`)

// shortUnits are units behind a number only.
var shortUnits = unitsOf(`
	m
	g
	l
	t
	s sec second
	ms
	h hr
	d
	wk
	mo
	y yr
	mi
	yd
	oz
	ft
	inch "
	°c c
	°f f
	kelvin k
	w
	v
	pm p.m
	am a.m
`)

// unitsOf makes every word of a line stand for the line's first, but for lines of
// rates and sizes that share nothing: each of those words is its own.
func unitsOf(table string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(table) {
		ws := strings.Fields(line)
		for _, w := range ws {
			m[w] = ws[0]
			if own[w] {
				m[w] = w
			}
		}
	}
	return m
}

var own = set("kib mib gib mbps gbps kbps hz khz mhz ghz pm am")
