package tenbit

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
)

// TestReadIsExact: names of another case, or of letters that fold to others, are
// names of their own.
func TestReadIsExact(t *testing.T) {
	r, err := ParseRequest([]byte(`{"model":"m","messages":[{"role":"user","content":"a"}],"Seed":7,"meſſages":[],"ſeed":8,"TOP_P":1,"n":2}`))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Messages []json.RawMessage `json:"messages"`
		Seed     int               `json:"seed"`
		TopP     float64           `json:"top_p"`
		N        int               `json:"n"`
		model    string
	}
	if err := r.Read(&got); err != nil || len(got.Messages) != 1 || got.Seed != 0 || got.TopP != 0 || got.N != 2 || got.model != "" {
		t.Errorf("got %+v, %v", got, err)
	}
	var wrong struct {
		Messages []struct {
			Role int `json:"role"`
		} `json:"messages"`
	}
	typ := new(json.UnmarshalTypeError)
	if err := r.Read(&wrong); !errors.As(err, &typ) || typ.Field != "messages.role" {
		t.Errorf("another type: got %v, want the field's name", err)
	}
	if err := (Request{}).Read(&got); err == nil {
		t.Error("a request without a body was read")
	}
}

func TestInteger(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Integer
		ok   bool
	}{
		{"5", 5, true},
		{"5.0", 5, true},
		{"5e0", 5, true},
		{"-50E-1", -5, true},
		{"9007199254740993", 1<<53 + 1, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"9223372036854775807.0", math.MaxInt64, true},
		{"-9223372036854775808", math.MinInt64, true},
		{"-9.223372036854775808e18", math.MinInt64, true},
		{"1e19", 0, false},
		{"1e999", 0, false},
		{"5.5", 0, false},
		{`"5"`, 0, false},
		{"true", 0, false},
	} {
		var got struct{ N Integer }
		if err := json.Unmarshal([]byte(`{"N":`+tt.text+`}`), &got); (err == nil) != tt.ok || got.N != tt.want {
			t.Errorf("%s: got %d, %v; want %d", tt.text, got.N, err, tt.want)
		}
	}
}
