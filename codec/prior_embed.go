package codec

import (
	_ "embed"
	"sync"
)

// The artifact that `gatewayd codec train` made.
//
//go:embed prior.bin
var priorData string

var embedded = sync.OnceValue(func() *prior {
	m, err := openPrior(priorData)
	if err != nil {
		panic(err) // the binary was built from something else
	}
	return m
})
