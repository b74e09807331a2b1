//go:build tools

// Package ollama pins what build.sh builds. The blank import keeps malgo in
// go.mod: its module carries miniaudio.h, which Ollama's C++ includes and its
// own module zip lacks.
package ollama

import _ "github.com/gen2brain/malgo"
