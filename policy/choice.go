package policy

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// choice is a letter as choices are marked, with what is said behind it.
	choice = regexp.MustCompile(`^(?:(?i:the )?(?i:option|choice|answer) )?(?:\(([A-Za-z])(?:\)|$)|([A-Z])(?:([).:])|$))[*_]*(.*)$`)
	// several are more choices behind the first: no one of them is the answer.
	several = regexp.MustCompile(`^(?:[ ]*[,;/&][ ]*(?:and |or )?|[ ]+(?:and|or)[ ]+)(?:option |choice )?(?:\([A-Za-z]\)|[A-Z](?:[).,; ]|$))|^[ ]+\([A-Za-z]\)`)
	// value is what a choice may say instead of words.
	value  = regexp.MustCompile(`^(?:\\\(|\\\[|\$+)?[ ]*[-−–+]?[$€£]?[ ]?(?:[0-9]|\\frac)`)
	spoken = regexp.MustCompile(`[\p{L}']+`)
)

// choice is the letter of a choice that s is, "B", "(b)" or "B. Paris", in a
// text that said before what it said before. "C. elegans" and "J. Smith" are
// none unless the question offers one.
func (q inquiry) choice(s, before string) (string, bool) {
	m := choice.FindStringSubmatch(s)
	if m == nil || several.MatchString(m[4]) {
		return "", false
	}
	l := strings.ToUpper(m[1] + m[2])
	rest := strings.TrimLeft(m[4], " \t")
	said := strings.Trim(rest, `").:*_ }\]`)
	switch {
	case m[1] != "":
		// "(B)", "(B) Mars" and "(B), since": behind it is no letter or sign.
		if lower := m[1] != l; lower && l > "J" && !q.offers(l[0]) {
			return "", false
		}
		return l, m[4] == "" || strings.ContainsAny(m[4][:1], " \t.,;:!*_\\}-") || strings.HasPrefix(m[4], "—") || strings.HasPrefix(m[4], "–")
	case said == "", m[3] == ")":
		return l, true
	case rest == m[4] && m[3] == ".": // no space: "U.S."
		return l, value.MatchString(rest) || q.offers(l[0])
	}
	return l, value.MatchString(rest) || q.offers(l[0]) || l <= "J" && common(said, l, q.question+"\n"+before)
}

// common reports words that no name consists of: what stands behind a letter
// and a full stop is a choice then, and no surname or species. It is a phrase
// with a small word behind its first, or it occurs in the context, at the start
// of a line behind the letter or anywhere without it and what it may stand for.
func common(said, initial, context string) bool {
	ws := spoken.FindAllString(said, 2)
	if len(ws) == 0 {
		return false
	}
	first := strings.ToLower(ws[0])
	lower := strings.ToLower(context)
	found := len(lower) == len(context) && len(ws) > 1 && ws[0] != first && ws[1] == strings.ToLower(ws[1]) && !particle.MatchString(ws[1])
	for at := 0; len(lower) == len(context); {
		i := strings.Index(lower[at:], first)
		if i < 0 {
			break
		}
		at += i
		end := at + len(first)
		if (at == 0 || !letter(lower[at-1])) && (end == len(lower) || !letter(lower[end])) {
			prior := behind.FindStringSubmatch(context[max(0, at-40):at])
			if prior != nil && strings.HasPrefix(prior[2], initial) && (prior[1] == "" || prior[2] != initial+".") {
				return false
			}
			found = true
		}
		at = end
	}
	return found
}

var (
	// behind is the word before a place, and whether it begins a line.
	behind = regexp.MustCompile(`(\n[ \t*#>-]*)?([A-Z][A-Za-z]*\.?)[* ]*$`)
	// particle are words inside names or right behind them.
	particle = regexp.MustCompile(`^(?:van|von|der|den|de|da|di|du|del|la|le|ter|bin|al|who|whose|because|since|is|was|and|as|were|are|had|has)$`)
)

var (
	letterList = regexp.MustCompile(`^\(?[A-Z]\)?(?:(?:, ?and |, ?|; ?| and | & )\(?[A-Z]\)?)+$`)
	letterIn   = regexp.MustCompile(`[A-Z]`)
)

// letters are several choices in their order, "A, C", where s is nothing else;
// [unsure] where it leaves open which of them.
func letters(s string) (string, bool) {
	m := choice.FindStringSubmatch(s)
	if letterList.MatchString(s) && (m == nil || several.MatchString(m[4])) {
		all := letterIn.FindAllString(s, -1)
		slices.Sort(all)
		return strings.Join(slices.Compact(all), ", "), true
	}
	return unsure, m != nil && (m[1] != "" || m[3] != "") && several.MatchString(m[4])
}
