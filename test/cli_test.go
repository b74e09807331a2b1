package test

import (
	"regexp"
	"strings"
	"testing"
)

// newKey makes an API key with the program and returns what its output says:
// the key for the client and the hash for the configuration.
func newKey(t testing.TB) (key, hash string) {
	t.Helper()
	out, errs, code := once(t, "", "key", "new", "-config", tree{"auth": tree{"secret": keySecret}}.write(t))
	key = regexp.MustCompile(`tb-[A-Za-z0-9_-]{32}`).FindString(out)
	hash = regexp.MustCompile(`hmac-sha256:[0-9a-f]{64}`).FindString(out)
	if code != 0 || key == "" || hash == "" {
		t.Fatalf("key new: got %d, %q, %q; want a key and its hash", code, out, errs)
	}
	return key, hash
}

func TestKeysDiffer(t *testing.T) {
	a, hashA := newKey(t)
	b, hashB := newKey(t)
	if a == b || hashA == hashB {
		t.Errorf("two keys: got %s and %s", hashA, hashB)
	}
}

// TestCheckHidesSecretsAndListsProblems runs gatewayd check.
func TestCheckHidesSecretsAndListsProblems(t *testing.T) {
	key, hash := newKey(t)
	token, _ := newKey(t)
	edge := edgeTree(t, "http://127.0.0.1:1/v1", hash, token)
	out, errs, code := once(t, "", "check", "-config", edge.write(t))
	if code != 0 || out == "" {
		t.Fatalf("a good configuration: got %d, %q", code, errs)
	}
	for _, secret := range []string{keySecret, token, key} {
		if strings.Contains(out+errs, secret) {
			t.Errorf("the secret %.8s... is shown:\n%s", secret, out)
		}
	}
	edge.set("listen", "")
	edge.set("policy.confidence", 1.5)
	edge.set("wheels", 4)
	_, errs, code = once(t, "", "check", "-config", edge.write(t))
	if code != 1 || !strings.Contains(errs, "wheels") {
		t.Errorf("an unknown key: got %d, %q; want 1 and its name", code, errs)
	}
	delete(edge, "wheels")
	_, errs, code = once(t, "", "check", "-config", edge.write(t))
	if code != 1 || !strings.Contains(errs, "listen") || !strings.Contains(errs, "policy.confidence: 1.5") {
		t.Errorf("two problems: got %d, %q; want 1 and both", code, errs)
	}
}

func TestUsage(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		code int
	}{
		{"nothing", nil, 2},
		{"an unknown command", []string{"sail"}, 2},
		{"an unknown flag", []string{"edge", "-sail"}, 2},
		{"no configuration", []string{"origin"}, 2},
		{"a configuration that is not there", []string{"edge", "-config", "nowhere.yaml"}, 1},
		{"version", []string{"version"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, errs, code := once(t, "", tt.args...)
			if code != tt.code || out+errs == "" {
				t.Errorf("got %d, %q, %q; want %d and a word", code, out, errs, tt.code)
			}
		})
	}
}
