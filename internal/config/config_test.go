package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The examples are valid and name every key, so that they are the manual.
func TestExamplesNameEveryKey(t *testing.T) {
	edge, origin := DefaultEdge(), DefaultOrigin()
	for _, tt := range []struct {
		file   string
		config interface{ Validate() error }
	}{
		{"edge.yaml", &edge},
		{"origin.yaml", &origin},
	} {
		path := filepath.Join("..", "..", "configs", tt.file)
		if err := Load(path, tt.config, nil); err != nil {
			t.Fatal(err)
		}
		if err := tt.config.Validate(); err != nil {
			t.Errorf("%s: %v", tt.file, err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := yaml.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		missing(t, tt.file, reflect.TypeOf(tt.config).Elem(), doc)
	}
}

// missing reports keys of typ that doc does not name.
func missing(t *testing.T, at string, typ reflect.Type, doc any) {
	switch typ.Kind() {
	case reflect.Slice:
		list, _ := doc.([]any)
		if typ.Elem().Kind() == reflect.Struct && len(list) > 0 {
			missing(t, at+"[0]", typ.Elem(), list[0])
		}
	case reflect.Struct:
		m, _ := doc.(map[string]any)
		for i := range typ.NumField() {
			key := typ.Field(i).Tag.Get("yaml")
			v, ok := m[key]
			if !ok {
				t.Errorf("%s.%s is not named", at, key)
				continue
			}
			missing(t, at+"."+key, typ.Field(i).Type, v)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, yaml, env, want string
	}{
		{"unknown key", "lisen: x", "", "lisen"},
		{"wrong type", "limits: {body: many}", "", "many"},
		{"malformed environment", "", "TENBIT_LIMITS_BODY=many", "TENBIT_LIMITS_BODY"},
		{"a list of objects", "", "TENBIT_TENANTS=[]", "TENBIT_TENANTS: only the file"},
		{"windows", "", "TENBIT_GLOBAL_WINDOWS=1000", "TENBIT_GLOBAL_WINDOWS: only the file"},
		{"empty number", "", "TENBIT_LIMITS_BODY=", "TENBIT_LIMITS_BODY"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.yaml")
			if err := os.WriteFile(path, []byte(tt.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			c := DefaultEdge()
			err := Load(path, &c, []string{tt.env})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that names %s", err, tt.want)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	c := DefaultEdge()
	if err := override(&c, []string{"TENBIT_LOCAL_URL=http://x", "TENBIT_LIMITS_BODY=4096", "TENBIT_REMOTE_TIMEOUT=3s", "TENBIT_AUTH_SECRET=s: {"}); err != nil {
		t.Fatal(err)
	}
	if c.Local.URL != "http://x" || c.Limits.Body != 4096 || c.Remote.Timeout.Seconds() != 3 || c.Auth.Secret != "s: {" {
		t.Errorf("got %+v", c)
	}
}

func TestListsFromTheEnvironment(t *testing.T) {
	c := DefaultEdge()
	c.CORS = []string{"https://chat.example"}
	if err := override(&c, []string{"TENBIT_POLICY_MODES=accept, select", "TENBIT_MODELS=small", "TENBIT_CORS="}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.Policy.Modes, []string{"accept", "select"}) || !slices.Equal(c.Models, []string{"small"}) || len(c.CORS) != 0 {
		t.Errorf("got %q, %q, %q", c.Policy.Modes, c.Models, c.CORS)
	}
}

// All problems come at once, with their keys.
func TestValidateNamesAll(t *testing.T) {
	c := DefaultEdge()
	c.Listen = ""
	c.Local.Kind = "ollama"
	c.Policy.Confidence = 1.5
	c.Auth.Secret = "short"
	err := c.Validate()
	for _, want := range []string{"listen: must be set", "policy.confidence: 1.5 is not between 0 and 1", "auth.secret", "tenants", "local.model"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in:\n%v", want, err)
		}
	}
}

// The public example secret is for loopback only.
func TestExampleSecret(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "0.0.0.0:1": false, ":1": false, "10.0.0.1:1": false} {
		var p problems
		p.auth(Auth{exampleSecret}, listen)
		if got := len(p) == 0; got != ok {
			t.Errorf("%s: accepted %v, want %v", listen, got, ok)
		}
	}
}

func TestSecretsAreHidden(t *testing.T) {
	c := DefaultEdge()
	c.Auth.Secret, c.Remote.Token = "hush hush", "hush hush"
	out, err := Show(c)
	if err != nil || strings.Contains(string(out), "hush") {
		t.Errorf("%v:\n%s", err, out)
	}
}
