package tasks

import (
	"fmt"
	"strings"
)

// Questions about quantities, and about the form of the answer.

var measures = [][4]string{ // large and small unit, what is measured, its container
	{"kg", "g", "rice", "bags"},
	{"kg", "g", "flour", "tins"},
	{"km", "m", "rope", "parts"},
	{"l", "ml", "milk", "cups"},
	{"l", "ml", "water", "jars"},
}

func units(d *draft) {
	d.scene()
	m := measures[d.r.IntN(len(measures))]
	a, b, k := d.between(1, 8), d.between(1, 999), d.between(2, 9)
	left := d.between(0, k-1)
	b -= (a*1000 + b - left) % k
	if b < 1 {
		b += k
	}
	u := (a*1000 + b) % k
	if d.r.IntN(2) == 0 {
		u += k * d.between(1, 90)
	}
	if u == 0 {
		u = k
	}
	for i, key := range []string{"big", "small", "what", "jars"} {
		d.set(key, m[i])
	}
	d.set("a", a)
	d.set("b", b)
	d.set("u", u)
	d.set("k", k)
	d.phrase([]string{
		"{n} has {a} {big} and {b} {small} of {what}.",
		"There are {a} {big} and {b} {small} of {what} in the {place}.",
		"{a} {big} and {b} {small} of {what} arrive at the {place}.",
		"{n} buys {a} {big} and {b} {small} of {what}.",
	}, []string{
		"{u} {small} are lost.",
		"{n} uses {u} {small}.",
		"{u} {small} of it go to {m}.",
	}, []string{
		"The rest is put into {k} equal {jars}.",
		"Then {n} fills {k} {jars} with equal parts of what is left.",
		"What remains goes into {k} {jars}, the same into each.",
	}, []string{
		"How many {small} are in each?",
		"How much is in one of the {jars}, in {small}?",
		"How many {small} does each hold?",
	})
	q, _ := d.div(d.sub(d.add(a*1000, b), u), k)
	d.number(q)
}

func speed(d *draft) {
	d.scene()
	v, w, a, b := d.between(11, 140), d.between(11, 140), d.between(2, 9), d.between(2, 9)
	all := v*a + w*b + d.between(5, 900)
	d.set("v", v)
	d.set("w", w)
	d.set("a", a)
	d.set("b", b)
	d.set("t", all)
	d.phrase([]string{
		"The way to the sea is {t} km.",
		"{n} plans a trip of {t} km.",
		"A train has to go {t} km.",
		"From town to town it is {t} km.",
	}, []string{
		"After {a} hours at {v} km an hour",
		"First come {a} hours with {v} km an hour, and",
		"For {a} hours the speed is {v} km an hour, then",
	}, []string{
		"there are {b} hours at {w} km an hour.",
		"it goes on for {b} hours with {w} km an hour.",
		"{b} hours follow at {w} km an hour.",
	}, []string{
		"How many km are left?",
		"How far is it still?",
		"How many km remain?",
		"How far is it from there to the end?",
	})
	x := d.mul(v, a)
	d.number(d.sub(all, d.add(x, d.mul(w, b))))
}

func average(d *draft) {
	d.scene()
	a, b, c := d.between(11, 999), d.between(11, 999), d.between(11, 999)
	c += (3 - (a+b+c)%3) % 3
	d.set("a", a)
	d.set("b", b)
	d.set("c", c)
	d.phrase([]string{
		"On Monday {n} sells {a} {i}, on Tuesday {b} and on Friday {c}.",
		"{n} makes {a}, {b} and {c} {i} in three weeks.",
		"Three boxes hold {a}, {b} and {c} {i}.",
		"{n} has {a} {i}, {m} has {b}, and a friend has {c}.",
		"The {place} sold {a} {i} in May, {b} in June and {c} in July.",
	}, []string{
		"Find the mean.",
		"{m} wants to know what is normal.",
		"{n} writes it all down.",
		"The numbers differ.",
		"Now take the average.",
	}, []string{
		"What is the average?",
		"How many {i} is that on average?",
		"How many would it be if all three were equal?",
		"What is the mean of the three?",
	})
	q, _ := d.div(d.add(d.add(a, b), c), 3)
	d.number(q)
}

func share(d *draft) {
	d.scene()
	a, k, m := d.between(2, 9), d.between(11, 1100), d.between(3, 9)
	d.set("a", a)
	d.set("k", k)
	d.set("p", m)
	rest := d.r.IntN(2) == 0
	ask := []string{
		"How many {i} does each get?",
		"How many {i} are there for each?",
		"How many go to one of them?",
		"What does each of them get?",
	}
	if rest {
		ask = []string{
			"How many {i} are left over?",
			"How many {i} cannot be shared?",
			"What is left in the end?",
			"How many remain?",
		}
	}
	d.phrase([]string{
		"{n} has {a} boxes of {k} {i}.",
		"{a} boxes with {k} {i} each come to the {place}.",
		"There are {a} bags, and in each of them {k} {i}.",
		"{n} finds {a} packs of {k} {i}.",
	}, []string{
		"They are shared equally by {p} friends.",
		"{p} children each get the same number.",
		"{p} people share them, all the same.",
		"{n} gives equal parts to {p} classes.",
	}, ask)
	q, r := d.div(d.mul(k, a), m)
	if rest {
		d.number(r)
		return
	}
	d.number(q)
}

func choice(d *draft) {
	d.scene()
	s, a, k := d.between(20, 2500), d.between(2, 9), d.between(12, 800)
	d.set("s", s)
	d.set("a", a)
	d.set("k", k)
	right := s + a*k
	options := []int{right}
	for len(options) < 4 {
		o := right + []int{-100, -10, -1, 1, 10, 100, 20, 200, 2, s, k}[d.r.IntN(11)]
		if o > 0 && o < 10000 && !contains(options, o) {
			options = append(options, o)
		}
	}
	d.r.Shuffle(4, func(i, j int) { options[i], options[j] = options[j], options[i] })
	var list []string
	letter := ""
	for i, o := range options {
		l := string(rune('A' + i))
		list = append(list, fmt.Sprintf("(%s) %d", l, o))
		if o == right {
			letter = l
		}
	}
	d.set("list", strings.Join(list, " "))
	d.phrase([]string{
		"{n} has {s} {i}",
		"The {place} owns {s} {i}",
		"There are {s} {i} on the table",
		"{n} counts {s} {i}",
	}, []string{
		"and gets {a} boxes of {k}.",
		"and then come {a} more boxes with {k} each.",
		"and {m} brings {a} times {k} more.",
		"before {a} boxes, each of {k}, are added.",
	}, []string{
		"How many {i} is that? {list}",
		"Which number is right? {list}",
		"What is the total? {list}",
		"Which of the following is the new number of {i}? {list}",
	})
	d.add(s, d.mul(k, a))
	for i, o := range options {
		if o == right {
			d.step("%c %s yes", 'A'+i, pad(o))
			break
		}
		d.step("%c %s no", 'A'+i, pad(o))
	}
	d.word(letter)
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

func extraction(d *draft) {
	d.scene()
	a, p, f := d.between(2, 9), d.between(11, 1000), d.between(5, 500)
	d.set("a", a)
	d.set("p", p)
	d.set("f", f)
	d.phrase([]string{
		"{n} orders {a} {i} at ${p} each.",
		"An order from {n}: {a} {i}, ${p} each.",
		"We sent {a} {i} to {n} for ${p} each.",
		"{a} {i} go to {n}, each for ${p}.",
	}, []string{
		"Sending them costs ${f}.",
		"Add ${f} for the post.",
		"There is a fee of ${f}.",
		"The truck costs another ${f}.",
	}, []string{
		`Answer in JSON with "goods", "price" and "total".`,
		`Fill in {"goods": number, "price": number, "total": number} as your answer.`,
		`What is the answer as JSON with the keys "goods", "price", "total"?`,
	})
	x := d.add(d.mul(p, a), f)
	d.word(fmt.Sprintf(`{"goods": %d, "price": %d, "total": %d}`, a, p, x))
	d.answer = strings.ReplaceAll(d.shown, " ", "") // as policy.Extract writes JSON
}
