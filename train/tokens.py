"""Byte-level BPE of GPT-2's kind: learnt from questions, digits kept single."""

import collections
import json
import re

CONTROL = ["<|end|>", "<|q|>", "<|a|>"]
END, QUESTION, ANSWER = 0, 1, 2
# The texts are ASCII, so the classes of letters and digits are spelt out.
PIECE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s", re.S)


def byte_alphabet():
    """GPT-2's printable stand-in for each byte."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {b: chr(b) for b in plain}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + extra)
            extra += 1
    return table


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        letters = byte_alphabet()
        self.tokens = CONTROL + [letters[b] for b in range(256)] + [a + b for a, b in self.merges]
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.rank = {m: i for i, m in enumerate(self.merges)}
        self.letters = letters
        self.bytes = {c: b for b, c in letters.items()}
        self.cache = {}

    def piece(self, text):
        if text not in self.cache:
            parts = [self.letters[b] for b in text.encode()]
            while True:
                pairs = [(self.rank.get(p, 1 << 30), i) for i, p in enumerate(zip(parts, parts[1:]))]
                best = min(pairs, default=(1 << 30, 0))
                if best[0] == 1 << 30:
                    break
                i = best[1]
                parts[i : i + 2] = [parts[i] + parts[i + 1]]
            self.cache[text] = [self.ids[p] for p in parts]
        return self.cache[text]

    def encode(self, text):
        return [t for m in PIECE.finditer(text) for t in self.piece(m.group())]

    def decode(self, ids):
        return bytes(self.bytes[c] for i in ids if i >= 3 for c in self.tokens[i]).decode("utf-8", "replace")


def learn(texts, size):
    """Merges until there are size tokens, and [whole]; ties go to the pair that sorts first."""
    letters = byte_alphabet()
    pieces = collections.Counter(m.group() for t in texts for m in PIECE.finditer(t) if not re.search("[0-9]", m.group()))
    words = [([letters[b] for b in p.encode()], n) for p, n in sorted(pieces.items())]
    merges = []
    while len(merges) < size - 256 - len(CONTROL):
        pairs = collections.Counter()
        for parts, n in words:
            for p in zip(parts, parts[1:]):
                pairs[p] += n
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if pairs[best] < 20:
            break
        merges.append(best)
        for parts, _ in words:
            i = 0
            while i + 1 < len(parts):
                if (parts[i], parts[i + 1]) == best:
                    parts[i : i + 2] = [parts[i] + parts[i + 1]]
                i += 1
    return whole(Tokenizer(merges), pieces)


def whole(tokenizer, pieces):
    """Adds merges until each word that often starts a line or a string is one
    token, as the same word behind a space is: what a model copies should not
    change its spelling on the way."""
    common = sorted(p for p, n in pieces.items() if n >= 50 and p.isalpha() and " " + p in pieces)
    for p in common:
        parts = tokenizer.piece(p)
        merges = list(tokenizer.merges)
        left = tokenizer.tokens[parts[0]]
        for t in parts[1:]:
            merges.append((left, tokenizer.tokens[t]))
            left += tokenizer.tokens[t]
        tokenizer = Tokenizer(merges)
    return tokenizer


def save(tokenizer, name):
    with open(name, "w") as f:
        json.dump([list(m) for m in tokenizer.merges], f)


def load(name):
    with open(name) as f:
        return Tokenizer(json.load(f))
