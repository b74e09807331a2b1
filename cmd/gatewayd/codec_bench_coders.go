package main

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/dict"
	"github.com/klauspost/compress/zstd"

	"tenbit/codec"
)

// benchCoders are our models and what they are measured against. The dictionary
// is trained on files, if there are any.
func benchCoders(dictFrom []string) ([]benchCoder, error) {
	list := []benchCoder{ours(codec.Default()), ours(codec.Order2()), {
		name:   "plain",
		pack:   func(text, _ []byte) ([]byte, error) { return codec.PackPlain(text), nil },
		unpack: func(p, _ []byte, size int) ([]byte, error) { return codec.Unpack(codec.Default(), p, size) },
	}}
	bare, err := zstdCoder("zstd-19", nil)
	if err != nil {
		return nil, err
	}
	list = append(list, bare)
	if len(dictFrom) > 0 {
		d, err := trainDictionary(dictFrom)
		if err != nil {
			return nil, err
		}
		c, err := zstdCoder("zstd-19+dict", d)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return append(list, benchCoder{name: "brotli-11", pack: brotliPack, unpack: func(p, _ []byte, _ int) ([]byte, error) {
		return io.ReadAll(brotli.NewReader(bytes.NewReader(p)))
	}}), nil
}

// ours is one of our models in its container.
func ours(m codec.Model) benchCoder {
	return benchCoder{
		name: m.Name(), primed: true, model: m,
		pack: func(text, context []byte) ([]byte, error) { return codec.Pack(m, text, contexts(context)...), nil },
		unpack: func(p, context []byte, size int) ([]byte, error) {
			return codec.Unpack(m, p, size, contexts(context)...)
		},
	}
}

func zstdCoder(name string, dictionary []byte) (benchCoder, error) {
	eo := []zstd.EOption{zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(19)), zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1)}
	do := []zstd.DOption{zstd.WithDecoderConcurrency(1)}
	if dictionary != nil {
		eo, do = append(eo, zstd.WithEncoderDict(dictionary)), append(do, zstd.WithDecoderDicts(dictionary))
	}
	enc, err := zstd.NewWriter(nil, eo...)
	if err != nil {
		return benchCoder{}, err
	}
	dec, err := zstd.NewReader(nil, do...)
	if err != nil {
		return benchCoder{}, err
	}
	return benchCoder{
		name:   name,
		pack:   func(text, _ []byte) ([]byte, error) { return enc.EncodeAll(text, nil), nil },
		unpack: func(p, _ []byte, _ int) ([]byte, error) { return dec.DecodeAll(p, nil) },
	}, nil
}

// Of the dictionary: its size in bytes, and the share of answers it is trained on.
const (
	dictionarySize  = 110 << 10
	dictionaryEvery = 40
)

func trainDictionary(files []string) ([]byte, error) {
	var samples [][]byte
	n := 0
	for _, name := range files {
		texts, err := readCorpus(name)
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			if n++; n%dictionaryEvery == 0 && len(t.Response) > 64 {
				samples = append(samples, []byte(t.Response))
			}
		}
	}
	d, err := dict.BuildZstdDict(samples, dict.Options{
		MaxDictSize: dictionarySize, HashBytes: 6, ZstdDictID: 1, ZstdLevel: zstd.SpeedBestCompression,
	})
	if err != nil {
		return nil, fmt.Errorf("train a dictionary on %d answers: %w", len(samples), err)
	}
	return d, nil
}

// selfCheck times what a sender does before it sends: it decodes its own
// codeword, with a copy of the predictor that it has primed anyway.
func selfCheck(m codec.Model, text []byte, context [][]byte) (time.Duration, error) {
	primed := m.Predictor(context...)
	check := codec.Fork(primed)
	e := codec.NewEncoder()
	e.Write(primed, text)
	e.EndText(primed)
	word := append(e.Take(), e.Finish()...)
	start := time.Now()
	d := codec.NewDecoder()
	d.Feed(word)
	d.End()
	got, _, err := d.Text(check, nil, len(text))
	if err == nil && !bytes.Equal(got, text) {
		err = codec.ErrCorrupt
	}
	return time.Since(start), err
}

func brotliPack(text, _ []byte) ([]byte, error) {
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, brotli.BestCompression)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
