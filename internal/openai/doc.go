// Package openai asks any server that speaks OpenAI's chat completions API.
//
// It differs from the usual client in what the gateway needs: the content
// arrives byte for byte, invalid UTF-8 included; an answer without its end is an
// error; a cancelled context closes the connection at once; and the bytes of
// each request are counted at the connection, below TLS.
package openai
