package tasks

import (
	"hash/fnv"
	"regexp"
	"slices"
	"strings"
)

// phrase fills the question's text: one variant of each part, in order. The
// tuple of variants is the template; its hash decides which split it is in, so
// draw again until it is ours.
func (d *draft) phrase(parts ...[]string) {
	at := make([]int, len(parts))
	for {
		for i, p := range parts {
			at[i] = d.r.IntN(len(p))
		}
		if splitOf(d.kind, parts, at) == d.split {
			break
		}
	}
	text := make([]string, len(parts))
	for i, p := range parts {
		text[i] = p[at[i]]
	}
	// A distractor: a sentence with a number that has nothing to do with it.
	if d.r.IntN(3) == 0 {
		d.set("x", d.between(2, 99))
		i := d.r.IntN(len(parts))
		text = slices.Insert(text, i, d.pick(distractors))
	}
	d.text = d.fill(strings.Join(text, " "))
}

// fill replaces {key} by values.
func (d *draft) fill(s string) string {
	return keys.ReplaceAllStringFunc(s, func(k string) string {
		v, ok := d.vals[k[1:len(k)-1]]
		if !ok {
			panic("tasks: " + d.kind + " has no value for " + k)
		}
		return v
	})
}

// keys are what templates name; the braces of JSON are not followed by a letter.
var keys = regexp.MustCompile(`\{[a-z]+\}`)

// splitOf tells a template's split from its texts.
func splitOf(kind string, parts [][]string, at []int) Split {
	h := fnv.New64a()
	h.Write([]byte(kind))
	for i, p := range parts {
		h.Write([]byte{0})
		h.Write([]byte(p[at[i]]))
	}
	switch v := h.Sum64(); (v ^ v>>32) % 10 {
	case 0:
		return Dev
	case 1:
		return Test
	}
	return Train
}

var distractors = []string{
	"The shop opened {x} years ago.",
	"It is {x} degrees outside.",
	"The bus to town takes {x} minutes.",
	"There are {x} chairs in the room.",
	"The house is number {x} in the street.",
	"{x} people walk past the door.",
	"A cat sleeps for {x} minutes.",
	"The radio plays {x} songs.",
	"The town has {x} streets.",
	"The wall is {x} years old.",
}

var people = []string{
	"Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry", "Ida", "Jack",
	"Kate", "Leo", "Maria", "Nina", "Oscar", "Paul", "Rosa", "Sam", "Tom", "Vera",
}

var items = []string{
	"pens", "books", "cups", "apples", "lamps", "bags", "cards", "plates", "balls", "hats",
	"keys", "shirts", "pears", "ropes", "stamps", "toys", "masks", "bowls", "tiles", "nails",
}

var places = []string{"shop", "school", "farm", "store", "club", "library", "kitchen", "market", "bakery", "museum"}

// two draws different people as {n} and {m}, different things as {i} and {j}, and a {place}.
func (d *draft) scene() {
	n := d.r.Perm(len(people))
	i := d.r.Perm(len(items))
	d.set("n", people[n[0]])
	d.set("m", people[n[1]])
	d.set("i", items[i[0]])
	d.set("j", items[i[1]])
	d.set("place", d.pick(places))
}
