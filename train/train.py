#!/usr/bin/python3
"""Trains one of the two embedded models. See README.md for the commands.

usage: train.py large|small QUESTIONS.jsonl DEV.jsonl DIR MINUTES [KIND=N...]

Shows questions of a KIND N times as often.

Writes DIR/NAME.pt, DIR/NAME.csv (the curve) and DIR/tokens.json. An interrupted
run goes on where it was."""

import csv
import json
import math
import os
import random
import sys
import time

import torch

import tokens as tk
from model import Model

CONFIGS = {
    "large": dict(dim=192, layers=4, heads=6, ff=384, ternary=False, context=512),
    "small": dict(dim=80, layers=4, heads=4, ff=160, ternary=True, context=512),
}
VOCAB = 768
TOKENS = 1800  # a step, padding included
HEAD = 0.1  # weight of the question's own tokens: names that occur twice teach copying
MUON, ADAM = {"large": 0.02, "small": 0.02}, {"large": 2e-3, "small": 2e-3}


def questions(name):
    with open(name) as f:
        for line in f:
            yield json.loads(line)


def encoded(tokenizer, q):
    """Token ids and the index of the first answer token."""
    head = [tk.QUESTION] + tokenizer.encode(q["Text"]) + [tk.ANSWER]
    return head + tokenizer.encode(q["Working"]) + [tk.END], len(head)


def batches(data, often, rng):
    """Endless batches of TOKENS or less, of sequences about equally long."""
    while True:
        order = [i for i, n in enumerate(often) for _ in range(n)]
        rng.shuffle(order)
        for at in range(0, len(order), 2000):
            chunk = sorted(order[at : at + 2000], key=lambda i: (len(data[i][0]), i))
            groups, group = [], []
            for i in chunk:
                if (len(group) + 1) * len(data[i][0]) > TOKENS:
                    groups.append(group)
                    group = []
                group.append(i)
            rng.shuffle(groups)
            yield from groups


def padded(data, group):
    n = max(len(data[i][0]) for i in group) - 1
    x = torch.zeros(len(group), n, dtype=torch.long)
    y = torch.full((len(group), n), -1)
    w = torch.ones(len(group), n)
    for row, i in enumerate(group):
        ids, first = data[i]
        x[row, : len(ids) - 1] = torch.tensor(ids[:-1])
        y[row, : len(ids) - 1] = torch.tensor(ids[1:])
        w[row, : first - 1] = HEAD
    return x, y, w


class Muon:
    """Momentum made orthogonal (Jordan et al., 2024) for the matrices, AdamW for the rest."""

    def __init__(self, model, name):
        self.matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and n != "embedding"]
        rest = [p for n, p in model.named_parameters() if p.ndim != 2 or n == "embedding"]
        self.momentum = [torch.zeros_like(p) for p in self.matrices]
        self.rate, self.adam_rate = MUON[name], ADAM[name]
        self.adam = torch.optim.AdamW(rest, lr=self.adam_rate, betas=(0.9, 0.98), weight_decay=0.0)

    def step(self, part):
        for g in self.adam.param_groups:
            g["lr"] = self.adam_rate * part
        self.adam.step()
        with torch.no_grad():
            for p, m in zip(self.matrices, self.momentum):
                m.mul_(0.95).add_(p.grad)
                g = p.grad + 0.95 * m
                wide = g.shape[0] <= g.shape[1]
                x = g if wide else g.t()
                x = x / (x.norm() + 1e-7)
                for _ in range(5):
                    a = x @ x.t()
                    x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
                x = x if wide else x.t()
                p.mul_(1 - self.rate * part * 0.01)
                p.add_(x, alpha=-self.rate * part * max(1, p.shape[0] / p.shape[1]) ** 0.5)

    def state(self):
        return {"momentum": self.momentum, "adam": self.adam.state_dict()}

    def load(self, s):
        for m, v in zip(self.momentum, s["momentum"]):
            m.copy_(v)
        self.adam.load_state_dict(s["adam"])


def answers(model, tokenizer, qs, limit=180):
    """Greedy answers to questions, all at once; returns how many are right by kind."""
    by_kind = {}
    with torch.no_grad():
        for q in qs:
            q["ids"] = [tk.QUESTION] + tokenizer.encode(q["Text"]) + [tk.ANSWER]
        # The same length together, so that nothing needs padding.
        lengths = {}
        for q in qs:
            lengths.setdefault(len(q["ids"]), []).append(q)
        for group in lengths.values():
            x = torch.tensor([q["ids"] for q in group])
            first = x.shape[1]
            done = torch.zeros(len(group), dtype=torch.bool)
            while x.shape[1] - first < limit and not done.all():
                h, e = model.hidden(x)
                nxt = (h[:, -1] @ e.t()).argmax(-1)
                x = torch.cat((x, nxt[:, None]), 1)
                done |= nxt == tk.END
            for q, row in zip(group, x.tolist()):
                row = row[first:]
                row = row[: row.index(tk.END)] if tk.END in row else row
                n = by_kind.setdefault(q["Kind"], [0, 0])
                n[0] += tokenizer.decode(row).split("Answer: ")[-1] == q["Working"].split("Answer: ")[-1]
                n[1] += 1
    return by_kind


def main(name, train, dev, folder, minutes, more):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "tokens.json")
    if not os.path.exists(path):
        some = [q for q, _ in zip(questions(train), range(20000))]
        tk.save(tk.learn([t for q in some for t in (q["Text"], q["Working"])], VOCAB), path)
    tokenizer = tk.load(path)
    config = dict(CONFIGS[name], vocab=len(tokenizer.tokens))
    data, often = [], []
    for q in questions(train):
        data.append(encoded(tokenizer, q))
        often.append(more.get(q["Kind"], 1))
    tests = list(questions(dev))
    model = Model(config)
    optimiser = Muon(model, name)
    spent, step, seen = 0.0, 0, 0
    point = os.path.join(folder, name + ".pt")
    if os.path.exists(point):
        saved = torch.load(point)
        model.load_state_dict(saved["model"])
        optimiser.load(saved["optimiser"])
        spent, step, seen = saved["spent"], saved["step"], saved["seen"]
    print(f"{name}: {sum(p.numel() for p in model.parameters()) / 1e6:.3f}M parameters, {len(data)} questions, "
          f"{sum(len(d[0]) for d in data) / len(data):.0f} tokens each, {len(tokenizer.tokens)} in the vocabulary", flush=True)
    budget, mean, last = minutes * 60, 0.0, time.process_time()
    stream = batches(data, often, random.Random(step + 1))
    next_test = spent + budget / 8
    while spent < budget:
        group = next(stream)
        loss, answer = model.loss(*padded(data, group))
        model.zero_grad()
        loss.backward()
        part = min(1, (step + 1) / 50) * min(1, (1 - spent / budget) / 0.75)
        optimiser.step(max(part, 0.0))
        step += 1
        seen += len(group)
        mean = answer.item() if mean == 0 else 0.98 * mean + 0.02 * answer.item()
        now = time.process_time()
        spent, last = spent + now - last, now
        if step % 50 == 0:
            with open(os.path.join(folder, name + ".csv"), "a") as f:
                csv.writer(f).writerow([step, seen, round(spent), round(mean, 5), ""])
            print(f"step {step} questions {seen} {spent:.0f} s loss {mean:.4f}", flush=True)
        if spent >= next_test or spent >= budget:
            by_kind = answers(model, tokenizer, tests[:100])
            right = sum(a for a, _ in by_kind.values()) / sum(n for _, n in by_kind.values())
            print(f"dev {100 * right:.1f} %", {k: f"{a}/{n}" for k, (a, n) in sorted(by_kind.items())}, flush=True)
            with open(os.path.join(folder, name + ".csv"), "a") as f:
                csv.writer(f).writerow([step, seen, round(spent), round(mean, 5), round(100 * right, 1)])
            next_test = spent + budget / 8
            torch.save({"model": model.state_dict(), "optimiser": optimiser.state(), "config": config,
                        "spent": spent, "step": step, "seen": seen}, point)
            last = time.process_time()


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    main(*sys.argv[1:5], float(sys.argv[5]), {k: int(n) for k, n in (a.split("=") for a in sys.argv[6:])})
