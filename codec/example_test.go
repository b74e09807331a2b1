package codec_test

import (
	"fmt"

	"tenbit/codec"
)

func ExampleEncoder() {
	prompt := []byte("Name a prime above 40.")

	e := codec.NewEncoder()
	e.Symbol(2, []uint32{10, 20, 30}) // both ends know the odds
	text := codec.Default().Predictor(prompt)
	e.Write(text, []byte("A prime above 40 is 41."))
	e.EndText(text)
	codeword := append(e.Take(), e.Finish()...)

	d := codec.NewDecoder()
	d.Feed(codeword)
	d.End()
	mode, _ := d.Symbol([]uint32{10, 20, 30})
	out, done, _ := d.Text(codec.Default().Predictor(prompt), nil, 1000)
	fmt.Println(mode, string(out), done, d.Finish())
	// Output: 2 A prime above 40 is 41. true <nil>
}

func ExamplePack() {
	prompt := []byte("What is the capital of France?")
	packed := codec.Pack(codec.Default(), []byte("The capital of France is Paris."), prompt)
	answer, err := codec.Unpack(codec.Default(), packed, 1000, prompt)
	fmt.Println(string(answer), err)
	// Output: The capital of France is Paris. <nil>
}

func ExampleWholeRunes() {
	part := []byte("caf\xc3") // a character is cut
	fmt.Println(string(part[:codec.WholeRunes(part)]))
	// Output: caf
}
