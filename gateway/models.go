package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"
)

type modelObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// models serves GET /v1/models.
func (g *Gateway) models(w http.ResponseWriter, _ *http.Request, c *call) error {
	list := struct {
		Object string        `json:"object"`
		Data   []modelObject `json:"data"`
	}{Object: "list", Data: []modelObject{}}
	for _, m := range g.Models {
		list.Data = append(list.Data, modelObject{ID: m, Object: "model", OwnedBy: "tenbit"})
	}
	return writeJSON(w, c, list)
}

// model serves GET /v1/models/{model}; the name may hold slashes.
func (g *Gateway) model(w http.ResponseWriter, r *http.Request, c *call) error {
	name := chi.URLParam(r, "*")
	if plain, err := url.PathUnescape(name); err == nil && r.URL.RawPath != "" {
		name = plain
	}
	if !slices.Contains(g.Models, name) {
		return unknownModel()
	}
	return writeJSON(w, c, modelObject{ID: name, Object: "model", OwnedBy: "tenbit"})
}

func unknownModel() *Error {
	return &Error{Status: http.StatusNotFound, Type: "invalid_request_error", Code: "model_not_found", Param: "model", Msg: "The model does not exist or you do not have access to it. GET /v1/models lists those that do."}
}

// writeJSON answers a call.
func writeJSON(w http.ResponseWriter, c *call, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a response: %w", err)
	}
	c.release()
	send(w, http.StatusOK, b)
	return nil
}

// send writes a whole JSON response and lets it leave at once: the log and what
// else follows are not for the client to wait for.
func send(w http.ResponseWriter, status int, b []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))           // the client may have left
	_ = http.NewResponseController(w).Flush() // as before
}
