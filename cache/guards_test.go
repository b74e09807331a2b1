package cache

import (
	"testing"
)

func TestGuard(t *testing.T) {
	for _, tt := range []struct {
		name, a, b, want string
	}{
		{"the same", "What is the capital of France?", "What is the capital of France?", ""},
		{"a paraphrase", "What is the capital of France?", "Which city is France's capital?", ""},
		{"without capitals", "what is the capital of france", "What is the capital of France?", ""},
		{"polite", "Could you please explain recursion?", "Explain recursion to me.", ""},

		{"a number", "What is 15% of 80?", "What is 16% of 80?", "number"},
		{"group commas", "How far is 1,000 meters?", "How far is 1000 meters?", ""},
		{"a superfluous zero", "Is 2.50 dollars enough?", "Is $2.5 enough?", ""},
		{"a number in words", "What are three primes?", "What are 3 primes?", ""},
		{"another in words", "Name three rivers.", "Name four rivers.", "number"},
		{"numbers in another order", "Is 3 more than 5?", "Is 5 more than 3?", "number"},
		{"an ordinal is no count", "Who was the 2nd president?", "Who was the second president?", ""},
		{"an ordinal", "Who was the 2nd president?", "Who was the 3rd president?", "number"},
		{"a number that is missing", "What changed in Python 3?", "What changed in Python?", "number"},
		{"a year", "Who won the 2014 final?", "Who won the 2018 final?", "number"},
		{"a time", "What is 5 pm in Tokyo?", "What is 5 am in Tokyo?", "unit"},
		{"negative", "What is -5 squared?", "What is 5 squared?", "number"},

		{"a unit", "How many miles is 5 km?", "How many feet is 5 km?", "unit"},
		{"units swapped", "Convert 5 miles to kilometers.", "Convert 5 kilometers to miles.", "unit"},
		{"spelled units", "Convert 5 km to miles.", "Convert 5 kilometres to miles.", ""},
		{"glued units", "What is 10kg in pounds?", "What is 10 kg in lbs?", ""},
		{"currency", "What is 20 dollars in euros?", "What is $20 in €?", ""},
		{"another currency", "What is $20 in euros?", "What is £20 in euros?", "unit"},
		{"temperature", "What is 30 °C in Fahrenheit?", "What is 30 °F in Celsius?", "unit"},

		{"a negation", "Which of these is a mammal?", "Which of these is not a mammal?", "negation"},
		{"two ways to say it", "Which bird cannot fly?", "Which bird can't fly?", ""},
		{"without", "Can I cook rice with a lid?", "Can I cook rice without a lid?", "negation"},
		{"German", "Warum ist der Himmel blau?", "Warum ist der Himmel nicht blau?", "negation"},
		{"French", "Pourquoi le ciel est bleu ?", "Pourquoi le ciel n'est pas bleu ?", "negation"},

		{"a name", "Who is the president of Kenya?", "Who is the president of Ghana?", "name"},
		{"names in another order", "How do I fly from Rome to Oslo?", "How do I fly from Oslo to Rome?", "name"},
		{"a name at the beginning", "Marie Curie was born where?", "Pierre Curie was born where?", "name"},
		{"an acronym", "How does TCP work?", "How does UDP work?", "name"},
		{"an acronym in small letters", "How does TCP work?", "How does tcp work?", ""},
		{"a name of which one is missing", "What did Einstein and Bohr say?", "What did Einstein say?", "name"},

		{"an identifier", "What does os.Open do?", "What does os.Create do?", "identifier"},
		{"a flag", "What does rm -r do?", "What does rm -i do?", "identifier"},
		{"another case", "What does getItem do?", "What does getitem do?", "identifier"},
		{"quoted or not", "What does `list_dir` do?", "What does list_dir() do?", ""},
		{"a version", "What is new in v1.2.3?", "What is new in v1.2.4?", "identifier"},
		{"a path", "What is in /etc/passwd?", "What is in /etc/shadow?", "identifier"},
		{"identifiers in another order", "Rename old_name to new_name.", "Rename new_name to old_name.", "identifier"},

		{"opposites", "What is the highest mountain?", "What is the lowest mountain?", "opposite"},
		{"a syllable", "Which stars are visible?", "Which stars are invisible?", "opposite"},
		{"before and after", "What happens before lunch?", "What happens after lunch?", "opposite"},
		{"both have both", "Is a mile longer or shorter than a league?", "A mile: shorter or longer than a league?", ""},
		{"when and where", "When did the Titanic sink?", "Where did the Titanic sink?", "asks"},
		{"how long and how far", "How long is the way to Bern?", "How far is the way to Bern?", "asks"},
		{"an article is a one", "How many pounds are in an ounce?", "How many ounces are in a pound?", "unit"},
		{"one", "How many ounces are in one pound?", "A pound has how many ounces?", ""},
		{"degrees", "What is 100 degrees Fahrenheit in Celsius?", "What is 100 degrees Celsius in Fahrenheit?", "unit"},
		{"degrees or not", "What is 100 degrees Fahrenheit in Celsius?", "100 °F is how many degrees Celsius?", ""},
		{"what year", "In what year did the Titanic sink?", "When did the Titanic sink?", ""},
		{"a unit that is counted", "How many kilometers is it to Bern?", "How far is it to Bern in kilometers?", ""},
		{"faster than", "Does sound travel faster than light?", "Does light travel faster than sound?", "direction"},
		{"from and into", "How do I get from pdf into word?", "How do I get from word into pdf?", "direction"},
		{"nothing in common", "How do I boil rice?", "How do I paint doors?", "subject"},
		{"elided", "Quelle est la capitale d'Égypte ?", "Quelle est la capitale d'Irlande ?", "name"},
		{"another language", "What is the capital of France?", "Quelle est la capitale de la France ?", "language"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := FeaturesOf(tt.a), FeaturesOf(tt.b)
			if got := Guard(a, b); got != tt.want {
				t.Errorf("%q and %q: got %q, want %q\n%+v\n%+v", tt.a, tt.b, got, tt.want, a, b)
			}
			if there, back := Guard(a, b), Guard(b, a); there != back {
				t.Errorf("%q and %q: %q one way, %q the other", tt.a, tt.b, there, back)
			}
		})
	}
}

func TestLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"What is the capital of France?":            "en",
		"Was ist die Hauptstadt von Frankreich?":    "de",
		"Quelle est la capitale de la France ?":     "fr",
		"¿Cuál es la capital de Francia?":           "es",
		"Qual è la capitale della Francia?":         "it",
		"Qual é a capital da França?":               "pt",
		"Wat is de hoofdstad van Frankrijk?":        "nl",
		"Какая столица Франции?":                    "cyrillic",
		"フランスの首都はどこですか":                             "japanese",
		"法国的首都是哪里":                                  "chinese",
		"프랑스의 수도는 어디입니까":                            "korean",
		"ما هي عاصمة فرنسا؟":                        "arabic",
		"git rebase --abort":                        "latin",
		"":                                          "latin",
		"Explain what フランス means in this sentence.": "en",
	} {
		if got := Language(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// FuzzFeatures: no text makes trouble, and every text is like itself.
func FuzzFeatures(f *testing.F) {
	for _, s := range []string{"What is 5km in `miles`?", "a.b.c (x) -- 1st, 2nd", "don’t 1/2 ½ ∞ \xff", "``` `", "U.S. $ -5 % °C"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := FeaturesOf(text)
		if why := Guard(a, FeaturesOf(text)); why != "" {
			t.Errorf("%q differs from itself: %s", text, why)
		}
	})
}
