#!/usr/bin/python3
"""Writes a trained model as GGUF, as docs/models.md lays it out.

usage: export.py large|small DIR FILE.gguf"""

import math
import os
import struct
import sys

import numpy as np
import torch

import tokens as tk

F32, F16, I8, I16, I32 = 0, 1, 24, 25, 26
KINDS = {"float32": F32, "float16": F16, "int8": I8, "int16": I16, "int32": I32, "uint8": I8}


class GGUF:
    def __init__(self):
        self.meta, self.infos, self.data, self.entries, self.tensors = b"", b"", b"", 0, 0

    @staticmethod
    def text(s):
        b = s.encode()
        return struct.pack("<Q", len(b)) + b

    def set(self, key, value):
        if isinstance(value, bool):
            v = struct.pack("<I?", 7, value)
        elif isinstance(value, int):
            v = struct.pack("<II", 4, value)
        elif isinstance(value, float):
            v = struct.pack("<If", 6, value)
        elif isinstance(value, str):
            v = struct.pack("<I", 8) + self.text(value)
        elif isinstance(value[0], str):
            v = struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(self.text, value))
        else:
            v = struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
        self.meta += self.text(key) + v
        self.entries += 1

    def tensor(self, name, array):
        self.data += b"\0" * (-len(self.data) % 32)
        dims = array.shape[::-1]
        self.infos += self.text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, KINDS[str(array.dtype)], len(self.data))
        self.data += array.tobytes()
        self.tensors += 1

    def bytes(self):
        head = b"GGUF" + struct.pack("<IQQ", 3, self.tensors, self.entries) + self.meta + self.infos
        return head + b"\0" * (-len(head) % 32) + self.data


def common(g, arch, c, tokenizer):
    g.set("general.architecture", arch)
    g.set("general.name", "tenbit " + ("small" if c["ternary"] else "large"))
    head = c["dim"] // c["heads"]
    for key, v in [("context_length", c["context"]), ("embedding_length", c["dim"]), ("block_count", c["layers"]),
                   ("feed_forward_length", c["ff"]), ("vocab_size", c["vocab"]), ("rope.dimension_count", head),
                   ("attention.head_count", c["heads"]), ("attention.head_count_kv", c["heads"])]:
        g.set(f"{arch}.{key}", v)
    g.set("tokenizer.ggml.model", "gpt2")
    g.set("tokenizer.ggml.pre", "gpt-2")
    g.set("tokenizer.ggml.tokens", tokenizer.tokens)
    g.set("tokenizer.ggml.token_type", [3] * 3 + [1] * (len(tokenizer.tokens) - 3))
    g.set("tokenizer.ggml.merges", [" ".join(m) for m in tokenizer.merges])
    g.set("tokenizer.ggml.eos_token_id", tk.END)
    g.set("tokenizer.ggml.padding_token_id", tk.END)
    g.set("tokenizer.ggml.add_bos_token", False)
    g.set("tokenizer.chat_template", "{% for m in messages %}{% if m.role == 'user' %}<|q|>{{ m.content }}<|a|>{% endif %}{% endfor %}")


MATRICES = [("q", "attn_q"), ("k", "attn_k"), ("v", "attn_v"), ("o", "attn_output"), ("gate", "ffn_gate"), ("up", "ffn_up"), ("down", "ffn_down")]


def large(g, c, w):
    g.set("general.file_type", 1)
    g.set("llama.attention.layer_norm_rms_epsilon", 1e-5)
    g.set("llama.rope.freq_base", 10000.0)
    g.tensor("token_embd.weight", w["embedding"].astype(np.float16))
    g.tensor("output_norm.weight", w["norm.weight"])
    for n in range(c["layers"]):
        for norm in ("attn_norm", "ffn_norm"):
            g.tensor(f"blk.{n}.{norm}.weight", w[f"blocks.{n}.{norm}.weight"])
        for ours, theirs in MATRICES:
            g.tensor(f"blk.{n}.{theirs}.weight", w[f"blocks.{n}.{ours}.weight"].astype(np.float16))


def fixed(v, bits):
    return np.round(np.asarray(v, dtype=np.float64) * 2.0**bits).astype(np.int32).reshape(-1)


def small(g, c, w):
    head = c["dim"] // c["heads"]
    g.set("tenbit.attention.scale", round(65536 * math.log2(math.e) / math.sqrt(head)))
    step = np.float64(np.abs(w["embedding"]).max()) / 127
    e = np.round(w["embedding"] / np.float32(step)).clip(-127, 127).astype(np.int8)
    g.tensor("token_embd.weight", e)
    g.tensor("token_embd.scale", fixed(step, 16))
    g.tensor("output.scale", fixed(step / 127, 28))
    g.tensor("output_norm.weight", fixed(w["norm.weight"], 12))
    angle = np.arange(c["context"])[:, None] * 10000.0 ** (-np.arange(0, head, 2) / head)[None]
    g.tensor("rope.cos", np.round(np.cos(angle) * 16384).astype(np.int16))
    g.tensor("rope.sin", np.round(np.sin(angle) * 16384).astype(np.int16))
    g.tensor("exp2.table", np.round(2.0 ** (24 - np.arange(256) / 256)).astype(np.int32))
    for n in range(c["layers"]):
        for norm in ("attn_norm", "attn_sub_norm", "ffn_norm", "ffn_sub_norm"):
            g.tensor(f"blk.{n}.{norm}.weight", fixed(w[f"blocks.{n}.{norm}.weight"], 12))
        for ours, theirs in MATRICES:
            m = w[f"blocks.{n}.{ours}.weight"]
            scale = np.float64(np.abs(m).mean())
            t = np.round(m / np.float32(scale)).clip(-1, 1).astype(np.int8) + 1
            t = t.reshape(m.shape[0], -1, 4).astype(np.uint8)
            g.tensor(f"blk.{n}.{theirs}.weight", t[..., 0] | t[..., 1] << 2 | t[..., 2] << 4 | t[..., 3] << 6)
            g.tensor(f"blk.{n}.{theirs}.scale", fixed(scale / 127, 32))


def main(name, folder, out):
    saved = torch.load(os.path.join(folder, name + ".pt"))
    c = saved["config"]
    w = {k: v.float().numpy() for k, v in saved["model"].items()}
    g = GGUF()
    common(g, "tenbit" if c["ternary"] else "llama", c, tk.load(os.path.join(folder, "tokens.json")))
    (small if c["ternary"] else large)(g, c, w)
    with open(out, "wb") as f:
        f.write(g.bytes())
    print(f"{out}: {os.path.getsize(out)} bytes, step {saved['step']}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
