"""The two models, as docs/models.md describes them, in PyTorch.

The large one is a plain Llama block. The small one has ternary weights and 8-bit
activations (BitNet b1.58, arXiv 2402.17764), trained straight through."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def rope(x, cos, sin):
    """Rotates adjacent pairs; x is (batch, heads, time, head)."""
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


def codes(x):
    """8-bit codes of the last dimension, as their values; straight through."""
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-6) / 127
    return x + (torch.round(x / scale) * scale - x).detach()


def ternary(w):
    """-1, 0 and 1 times the mean magnitude; straight through."""
    scale = w.abs().mean().clamp(min=1e-6)
    return w + (torch.round(w / scale).clamp(-1, 1) * scale - w).detach()


class Norm(nn.Module):
    def __init__(self, n, quantised=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.quantised = quantised

    def forward(self, x):
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight
        return codes(x) if self.quantised else x


class Linear(nn.Module):
    def __init__(self, n, m, quantised):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(m, n) / math.sqrt(n))
        self.quantised = quantised

    def forward(self, x):
        return F.linear(x, ternary(self.weight) if self.quantised else self.weight)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, f, q = c["dim"], c["ff"], c["ternary"]
        self.heads = c["heads"]
        self.ternary = q
        self.attn_norm, self.ffn_norm = Norm(d, q), Norm(d, q)
        if q:
            self.attn_sub_norm, self.ffn_sub_norm = Norm(d, True), Norm(f, True)
        self.q, self.k, self.v, self.o = (Linear(d, d, q) for _ in range(4))
        self.gate, self.up, self.down = Linear(d, f, q), Linear(d, f, q), Linear(f, d, q)
        for w in (self.o, self.down):
            w.weight.data *= 1 / math.sqrt(2 * c["layers"]) if not q else 1

    def forward(self, x, cos, sin, mask):
        b, t, d = x.shape
        h = self.attn_norm(x)
        q, k, v = (w(h).view(b, t, self.heads, -1).transpose(1, 2) for w in (self.q, self.k, self.v))
        q, k = rope(q, cos, sin), rope(k, cos, sin)
        p = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + mask).softmax(-1)
        h = (p @ v).transpose(1, 2).reshape(b, t, d)
        if self.ternary:
            h = self.attn_sub_norm(h)
        x = x + self.o(h)
        h = self.ffn_norm(x)
        if self.ternary:
            h = self.ffn_sub_norm(F.relu(self.gate(h)) * self.up(h))
        else:
            h = F.silu(self.gate(h)) * self.up(h)
        return x + self.down(h)


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = c = config
        self.embedding = nn.Parameter(torch.randn(c["vocab"], c["dim"]) * (0.02 if not c["ternary"] else 0.1))
        self.blocks = nn.ModuleList(Block(c) for _ in range(c["layers"]))
        self.norm = Norm(c["dim"], c["ternary"])
        head = c["dim"] // c["heads"]
        angle = torch.arange(c["context"])[:, None] * 10000.0 ** (-torch.arange(0, head, 2) / head)[None]
        self.register_buffer("cos", angle.cos(), False)
        self.register_buffer("sin", angle.sin(), False)
        self.register_buffer("mask", torch.full((c["context"], c["context"]), -1e9).triu(1), False)

    def table(self):
        """The embedding; the small one's has 8 bits and one scale."""
        e = self.embedding
        if not self.config["ternary"]:
            return e
        scale = e.abs().max() / 127
        return e + (torch.round(e / scale) * scale - e).detach()

    def hidden(self, tokens):
        t = tokens.shape[1]
        e = self.table()
        x = F.embedding(tokens, e)
        for b in self.blocks:
            x = b(x, self.cos[:t], self.sin[:t], self.mask[:t, :t])
        return self.norm(x), e

    def loss(self, tokens, targets, weights):
        """Mean natural-log loss where targets is not -1, weighted; and that of
        the tokens of weight 1 alone."""
        x, e = self.hidden(tokens)
        at = targets >= 0
        w = weights[at]
        each = F.cross_entropy(x[at] @ e.t(), targets[at], reduction="none")
        answer = each[w == 1].mean()
        return (each * w).sum() / (w == 1).sum(), answer.detach()
