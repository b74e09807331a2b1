// Drives the OpenAI client for the black-box tests: one JSON order a line on
// stdin, one JSON report a line on stdout.
//
// Order: {base, key, headers, body, abort}, where body is the parameter of
// chat.completions.create, or {models: true} in its place; abort is the number
// of deltas with content, or of milliseconds for a plain request, after which
// the client leaves.
// Report: {status, headers, completion, chunks, raw, models, error}; raw is the
// body as it crossed, comments included.
'use strict';
const readline = require('node:readline');
const { OpenAI } = require('openai');

// recording returns a fetch that also keeps what came back.
function recording(report) {
  return async (url, init) => {
    const resp = await fetch(url, init);
    report.status = resp.status;
    report.headers = Object.fromEntries(resp.headers);
    report.raw = '';
    if (!resp.body) return resp;
    const text = new TextDecoder();
    const tap = new TransformStream({
      transform(part, out) {
        report.raw += text.decode(part, { stream: true });
        out.enqueue(part);
      },
    });
    return new Response(resp.body.pipeThrough(tap), resp);
  };
}

async function run(order) {
  const report = {};
  const client = new OpenAI({
    baseURL: order.base,
    apiKey: order.key,
    defaultHeaders: order.headers,
    maxRetries: 0,
    fetch: recording(report),
  });
  const leave = new AbortController();
  try {
    if (order.models) {
      report.models = [];
      for await (const m of client.models.list()) report.models.push(m);
      return report;
    }
    if (order.abort && !order.body.stream) setTimeout(() => leave.abort(), order.abort);
    const answer = await client.chat.completions.create(order.body, { signal: leave.signal });
    if (!order.body.stream) {
      report.completion = answer;
      return report;
    }
    report.chunks = [];
    let deltas = 0;
    for await (const chunk of answer) {
      report.chunks.push(chunk);
      if (chunk.choices[0]?.delta?.content && ++deltas === order.abort) leave.abort();
    }
  } catch (e) {
    const { name, message, status, code, type, param } = e;
    report.error = { name: e.constructor.name || name, message, status, code, type, param };
  }
  return report;
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + '\n');
});
