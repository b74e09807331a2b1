package tasks

import "fmt"

// Questions about clocks and calendars.

func endTime(d *draft) {
	d.scene()
	h, m := d.between(5, 18), d.between(0, 59)
	a, b := d.between(5, 150), d.between(5, 120)
	d.set("h", fmt.Sprintf("%02d:%02d", h, m))
	d.set("a", a)
	d.set("b", b)
	d.phrase([]string{
		"A film begins at {h}.",
		"{n} leaves the house at {h}.",
		"At {h} the class starts.",
		"The train leaves at {h}.",
		"It is {h} when {n} starts to cook.",
	}, []string{
		"The first part takes {a} minutes, the second {b} minutes.",
		"After {a} minutes there is more to do, for {b} minutes.",
		"It takes {a} minutes, and then {b} more.",
		"That lasts {a} minutes, with {b} minutes on top.",
	}, []string{
		"When does it end?",
		"At what time is it over?",
		"What time is it then?",
		"What does the clock show at the end?",
	})
	x := d.add(d.add(m, a), b)
	q, r := d.div(x/10, 6)
	d.word(fmt.Sprintf("%02d:%d%d", d.add(h, q), r, x%10))
}

var days = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

func weekday(d *draft) {
	d.scene()
	at, a, b := d.r.IntN(7), d.between(3, 400), d.between(3, 400)
	d.set("d", days[at])
	d.set("a", a)
	d.set("b", b)
	d.phrase([]string{
		"Today is {d}.",
		"It is {d} when {n} signs the paper.",
		"{n} starts to read on a {d}.",
		"The work begins on a {d}.",
	}, []string{
		"After {a} days {n} takes a rest of {b} days.",
		"The first part takes {a} days and the second {b}.",
		"In {a} days the test begins, and it lasts {b} days.",
		"{n} waits {a} days and then {b} more.",
	}, []string{
		"What day of the week is it then?",
		"On which day does that end?",
		"Which day of the week follows?",
		"What day is it at the end?",
	})
	d.step("%s %d", days[at], at)
	_, r := d.div(d.add(d.add(a, b), at), 7)
	d.step("%d %s", r, days[r])
	d.word(days[r])
}

var months = []struct {
	name string
	days int
}{
	{"January", 31},
	{"March", 31},
	{"April", 30},
	{"May", 31},
	{"June", 30},
	{"July", 31},
	{"August", 31},
	{"September", 30},
	{"October", 31},
	{"November", 30},
	{"December", 31},
	{"January", 31},
}

// next is the month after i; February is left out of questions and answers.
func next(i int) string { return months[i+1].name }

func date(d *draft) {
	d.scene()
	i := 1 + d.r.IntN(len(months)-2) // March to December
	day, a, b := d.between(1, months[i].days), d.between(2, 14), d.between(2, 14)
	d.set("d", fmt.Sprintf("%s %d", months[i].name, day))
	d.set("a", a)
	d.set("b", b)
	d.phrase([]string{
		"{n} borrows a book on {d}.",
		"The {place} closes on {d}.",
		"On {d} a ship leaves the port.",
		"A letter was sent on {d}.",
		"{n} rents a car on {d}.",
	}, []string{
		"First it is for {a} days, then {b} days are added.",
		"It takes {a} days, and {b} days more because of snow.",
		"{n} plans {a} days and needs {b} more.",
		"After {a} days there are {b} more to go.",
	}, []string{
		"On what date does it end?",
		"Which date is it then?",
		"What is the date at the end?",
		"When is that over?",
	})
	x := d.add(d.add(day, a), b)
	d.step("%s %d", months[i].name, months[i].days)
	month := months[i].name
	if x > months[i].days {
		x = d.sub(x, months[i].days)
		month = next(i)
	}
	d.word(fmt.Sprintf("%s %d", month, x))
}
