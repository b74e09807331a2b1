package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tenbit"
)

// offers are the tools of a response as a chat has them.
type offers struct {
	tools []map[string]any
	at    []string         // where each was given
	names map[string]place // what the names of tools in namespaces stand for
	out   []string         // kinds of tools that are left out
}

// place is where a tool of a namespace is.
type place struct{ namespace, name string }

// offersOf reads the tools of a response. Those of a namespace become tools of
// their own. A search of the web, which OpenAI runs itself, is left out where
// there is another tool: agents offer it with all of theirs.
func offersOf(tools []exact) (offers, error) {
	of := offers{names: map[string]place{}}
	for i, t := range tools {
		at := fmt.Sprintf("tools[%d]", i)
		switch kind, _ := t["type"].(string); {
		case kind == "namespace":
			if err := of.space(t, at); err != nil {
				return of, err
			}
		case strings.HasPrefix(kind, "web_search"):
			if !slices.Contains(of.out, kind) {
				of.out = append(of.out, kind)
			}
		default:
			if err := of.add(t, at); err != nil {
				return of, err
			}
		}
	}
	if len(of.tools) == 0 && len(of.out) > 0 {
		return of, unknownTool("tools[0]")
	}
	return of, nil
}

func unknownTool(at string) *Error {
	return invalid(at+".type", "unsupported_value", "Only functions and custom tools are supported, and namespaces of them.")
}

func (of *offers) add(t map[string]any, at string) error {
	kind, _ := t["type"].(string)
	if kind != "function" && kind != "custom" {
		return unknownTool(at)
	}
	of.tools, of.at = append(of.tools, map[string]any{"type": kind, kind: without(t, "type")}), append(of.at, at)
	return nil
}

// param is what the chat calls a field of a tool as the client wrote it.
func (of offers) param(chat string) string {
	for i, at := range of.at {
		if rest, ok := strings.CutPrefix(chat, fmt.Sprintf("tools[%d]", i)); ok {
			return at + strings.TrimPrefix(strings.TrimPrefix(rest, ".function"), ".custom")
		}
	}
	return chat
}

func (of *offers) space(t map[string]any, at string) error {
	namespace, _ := t["name"].(string)
	inside, _ := t["tools"].([]any)
	if namespace == "" || len(inside) == 0 {
		return invalid(at, "", "Expected a namespace with a name and tools.")
	}
	for i, v := range inside {
		at := fmt.Sprintf("%s.tools[%d]", at, i)
		tool, _ := v.(map[string]any)
		name, _ := tool["name"].(string)
		if name == "" {
			return invalid(at+".name", "", "Expected a tool with a name.")
		}
		long := spaced(namespace, name)
		tool = maps.Clone(tool)
		tool["name"] = long
		of.names[long] = place{namespace, name}
		if err := of.add(tool, at); err != nil {
			return err
		}
	}
	return nil
}

// maxName is the longest name of a tool in a chat, in bytes.
const maxName = 64

// spaced is the name that a tool of a namespace has in a chat.
func spaced(namespace, name string) string {
	if namespace == "" {
		return name
	}
	long := namespace + "__" + name
	if len(long) > maxName {
		sum := sha256.Sum256([]byte(long))
		long = long[:maxName-9] + "_" + hex.EncodeToString(sum[:4])
	}
	return long
}

// chat puts the tools and the choice among them into a chat request.
func (of offers) chat(choice json.RawMessage, out map[string]any) error {
	if len(of.tools) > 0 {
		out["tools"] = of.tools
	}
	if len(choice) == 0 || string(choice) == "null" {
		return nil
	}
	var c struct {
		Type, Name, Namespace, Mode string
		Tools                       []exact
	}
	switch err := json.Unmarshal(choice, &c); {
	case err != nil || c.Type == "": // a string, or what the chat refuses
		out["tool_choice"] = choice
	case c.Type == "function", c.Type == "custom":
		out["tool_choice"] = map[string]any{"type": c.Type, c.Type: map[string]string{"name": spaced(c.Namespace, c.Name)}}
	case c.Type == "allowed_tools":
		var allowed []any
		for _, t := range c.Tools {
			allowed = append(allowed, of.allowed(t)...)
		}
		out["tool_choice"] = map[string]any{"type": c.Type, c.Type: map[string]any{"mode": c.Mode, "tools": allowed}}
	default:
		return invalid("tool_choice.type", "unsupported_value", "Expected function, custom or allowed_tools.")
	}
	return nil
}

// allowed are the tools that one of allowed_tools means: all, for a namespace.
func (of offers) allowed(t map[string]any) (list []any) {
	kind, _ := t["type"].(string)
	name, _ := t["name"].(string)
	namespace, _ := t["namespace"].(string)
	if kind != "namespace" {
		t = without(without(t, "type"), "namespace")
		t["name"] = spaced(namespace, name)
		return []any{map[string]any{"type": kind, kind: t}}
	}
	for _, tool := range of.tools {
		kind := tool["type"].(string)
		inner := tool[kind].(map[string]any)
		if long, _ := inner["name"].(string); of.names[long].namespace == name {
			list = append(list, map[string]any{"type": kind, kind: map[string]string{"name": long}})
		}
	}
	return list
}

// calls are the calls of an answer, in the namespaces that they were offered in.
func (of offers) calls(a tenbit.Answer) (calls []outputCall) {
	for _, t := range callsOf(a.Message) {
		c := outputCall{toolCall: t}
		for _, name := range []*string{&c.Function.Name, &c.Custom.Name} {
			if p, ok := of.names[*name]; ok {
				c.Namespace, *name = p.namespace, p.name
			}
		}
		calls = append(calls, c)
	}
	return calls
}

// tools are the tools as they were given, without those that are left out and
// with what is the default elsewhere.
func (in responseRequest) tools() []any {
	out := []any{}
	for _, t := range in.Tools {
		if kind, _ := t["type"].(string); slices.Contains(in.offers.out, kind) {
			continue
		}
		t = without(t, "")
		if t["type"] == "function" {
			for _, k := range []string{"strict", "parameters"} {
				if _, ok := t[k]; !ok {
					t[k] = nil
				}
			}
		}
		out = append(out, t)
	}
	return out
}
