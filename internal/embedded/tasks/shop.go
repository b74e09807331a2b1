package tasks

import "fmt"

// Questions about buying, stock and production.

func change(d *draft) {
	d.scene()
	notes := []int{1000, 2000, 5000}
	paid := notes[d.r.IntN(len(notes))]
	a := d.between(2, 9)
	p := d.between(15, (paid-1)/a)
	d.set("a", a)
	d.set("p", money(p))
	d.set("t", fmt.Sprintf("$%d", paid/100))
	d.phrase([]string{
		"{n} buys {a} {i} at {p} each.",
		"At the {place} {n} buys {a} {i}. Each of them costs {p}.",
		"One of the {i} costs {p}, and {n} takes {a}.",
		"{n} wants {a} {i}, which cost {p} each.",
		"For {p} each, {n} gets {a} {i}.",
	}, []string{
		"{n} pays with {t}.",
		"{n} gives {t} to the seller.",
		"The seller gets {t}.",
		"{n} hands over {t}.",
	}, []string{
		"How much change is there?",
		"How much money does {n} get back?",
		"What is the change?",
		"How much does the seller give back?",
		"What comes back?",
	})
	d.amount(d.sub(paid, d.mul(p, a)))
}

func total(d *draft) {
	d.scene()
	a, b := d.between(2, 9), d.between(2, 9)
	p, q := d.between(15, 4900/a), d.between(15, 4900/b)
	d.set("a", a)
	d.set("b", b)
	d.set("p", money(p))
	d.set("q", money(q))
	d.phrase([]string{
		"{n} buys {a} {i} at {p} each",
		"{n} pays {p} each for {a} {i}",
		"{n} orders {a} {i}, each for {p},",
		"At the {place} {n} takes {a} {i} for {p} each",
	}, []string{
		"and {b} {j} at {q} each.",
		"and also {b} {j}, which cost {q} each.",
		"and {q} each for {b} {j}.",
		"as well as {b} {j} for {q} each.",
		"and then {b} {j}. One of the {j} costs {q}.",
	}, []string{
		"How much is that in all?",
		"What does {n} pay in total?",
		"What is the total?",
		"How much money does {n} need?",
		"What do the {i} and the {j} cost together?",
	})
	x := d.mul(p, a)
	d.amount(d.add(x, d.mul(q, b)))
}

func stock(d *draft) {
	d.scene()
	s, a, k := d.between(20, 2500), d.between(2, 9), d.between(12, 800)
	u := d.between(10, min(s+a*k-1, 3000))
	d.set("s", s)
	d.set("a", a)
	d.set("k", k)
	d.set("u", u)
	d.phrase([]string{
		"A {place} has {s} {i}.",
		"There are {s} {i} in the {place}.",
		"In the morning {n} counts {s} {i}.",
		"{n} starts with {s} {i}.",
	}, []string{
		"Then {a} boxes of {k} {i} arrive,",
		"{a} boxes with {k} {i} each come in,",
		"A truck brings {a} boxes, each with {k} {i},",
		"{n} adds {a} full boxes of {k},",
	}, []string{
		"and {u} are sold.",
		"and {n} sells {u}.",
		"and {u} of the {i} go out.",
		"but {u} get lost.",
	}, []string{
		"How many {i} are left?",
		"How many {i} are there now?",
		"How many {i} remain?",
		"What is the new number of {i}?",
	})
	x := d.mul(k, a)
	d.number(d.sub(d.add(s, x), u))
}

func rate(d *draft) {
	d.scene()
	h := d.between(1, 8)
	j := d.between(1, 9-h)
	k := d.between(12, 1100)
	u := d.between(5, min(k*(h+j)-1, 999))
	d.set("h", hours(h))
	d.set("g", hours(j))
	d.set("k", k)
	d.set("u", u)
	d.phrase([]string{
		"A machine makes {k} {i} an hour.",
		"Every hour a machine makes {k} {i}.",
		"{k} {i} an hour come out of a machine.",
		"In one hour {n} packs {k} {i}.",
	}, []string{
		"It runs {h} on Monday and {g} on Tuesday.",
		"That goes on for {h} on Friday and for {g} on Saturday.",
		"After {h} there is a break, then it goes on for {g}.",
		"The work takes {h} before lunch and {g} after it.",
	}, []string{
		"{u} of the {i} are broken.",
		"In the end {u} are bad and thrown out.",
		"The {place} keeps {u} of them.",
		"Of these, {u} do not pass the test.",
	}, []string{
		"How many good {i} are left?",
		"How many {i} can be sold?",
		"How many of the {i} remain?",
	})
	x := d.mul(k, d.add(h, j))
	d.number(d.sub(x, u))
}

func hours(h int) string {
	if h == 1 {
		return "1 hour"
	}
	return fmt.Sprintf("%d hours", h)
}

func percent(d *draft) {
	d.scene()
	n, p := d.between(2, 999), d.between(1, 9)
	d.set("a", n*10)
	d.set("p", fmt.Sprintf("%d%%", p*10))
	d.phrase([]string{
		"A bike costs ${a}.",
		"The price of a table is ${a}.",
		"{n} has saved ${a} for a trip.",
		"A {place} wants ${a} for a boat.",
		"A piano is on offer for ${a}.",
		"A phone has a price of ${a}.",
	}, []string{
		"Today it is {p} less.",
		"Then {p} of it is taken off.",
		"{p} of that is for tax.",
		"{n} gives away {p} of the money.",
		"{p} of the sum goes to {m}.",
	}, []string{
		"How much is left?",
		"What remains, in dollars?",
		"How many dollars does that leave?",
		"What is the sum without that part?",
	})
	d.number(d.sub(n*10, d.mul(n, p)))
}

func compare(d *draft) {
	d.scene()
	a, b := d.between(2, 9), d.between(2, 9)
	k, j := d.between(11, 1100), d.between(11, 1100)
	if a*k == b*j {
		k++
	}
	d.set("a", a)
	d.set("b", b)
	d.set("k", k)
	d.set("l", j)
	more := d.r.IntN(2) == 0
	ask := []string{
		"How many more {i} does one have than the other?",
		"What is the difference between the two?",
		"By how many {i} do they differ?",
		"How many {i} are they apart?",
	}
	if more {
		ask = []string{
			"Does {n} have more {i} than {m}?",
			"Is it {n} who has more {i}?",
			"Has {n} got the greater number of {i}?",
			"Are the {i} of {n} more than those of {m}?",
		}
	}
	d.phrase([]string{
		"{n} has {a} boxes with {k} {i} each.",
		"{n} fills {a} boxes, each with {k} {i}.",
		"In {a} weeks {n} collects {k} {i} a week.",
		"{n} owns {a} bags of {k} {i}.",
	}, []string{
		"{m} has {b} boxes with {l} {i} each.",
		"{m} gets {b} boxes of {l}.",
		"{m} buys {b} packs and finds {l} {i} in each.",
		"For {m} it is {b} times {l} {i}.",
	}, ask)
	x := d.mul(k, a)
	y := d.mul(j, b)
	switch {
	case more && x > y:
		d.step("%s>%s", pad(x), pad(y))
		d.word("Yes")
	case more:
		d.step("%s<%s", pad(x), pad(y))
		d.word("No")
	default:
		d.number(d.sub(max(x, y), min(x, y)))
	}
}
