package policy

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	monthNames = `(?i:(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?)`
	weekday    = regexp.MustCompile(`^(?i:(?:mon|tues|wednes|thurs|fri|satur|sun)day),? +`)
	dates      = []struct {
		re    *regexp.Regexp
		order string // of year, month and day in the groups
	}{
		{regexp.MustCompile(`^([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})$`), "ymd"},
		{regexp.MustCompile(`^` + monthNames + ` ([0-9]{1,2})(?:st|nd|rd|th)?,? ([0-9]{4})$`), "mdy"},
		{regexp.MustCompile(`^(?:the )?([0-9]{1,2})(?:st|nd|rd|th|\.)?(?: of)? ` + monthNames + `,? ([0-9]{4})$`), "dmy"},
		{regexp.MustCompile(`^([0-9]{4}),? ` + monthNames + ` ([0-9]{1,2})(?:st|nd|rd|th)?$`), "ymd"},
		{regexp.MustCompile(`^([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})$`), ""},
	}
)

var isoDate = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

func isDate(a string) bool { return isoDate.MatchString(a) }

// date is a day with its year in one form: as the question wants it, else as in
// ISO 8601. A day and a month in figures, either of which could be the day, stay
// as they are unless the question says which.
func (q inquiry) date(s string) (string, bool) {
	s = weekday.ReplaceAllString(s, "")
	for _, d := range dates {
		m := d.re.FindStringSubmatch(s)
		if m == nil {
			continue
		}
		order := d.order
		if order == "" {
			a, _ := strconv.Atoi(m[1])
			b, _ := strconv.Atoi(m[2])
			switch {
			case q.dates != "":
				order = q.dates
			case a > 12 && b <= 12:
				order = "dmy"
			case b > 12 && a <= 12 || a == b:
				order = "mdy"
			default:
				return "", false
			}
		}
		part := func(what string) int { return dayOrMonth(m[1+strings.Index(order, what)]) }
		day := time.Date(part("y"), time.Month(part("m")), part("d"), 0, 0, 0, 0, time.UTC)
		if day.Day() != part("d") || int(day.Month()) != part("m") {
			return "", false // February 30th
		}
		layout := map[string]string{"": "2006-01-02", "mdy": "01/02/2006", "dmy": "02/01/2006"}[q.dates]
		return day.Format(layout), true
	}
	return "", false
}

// dayOrMonth is a number or the number of a month.
func dayOrMonth(s string) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return 1 + strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(s[:3]))/3
}
