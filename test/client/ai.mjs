// Checks of the Vercel AI SDK, by chat completions and by responses.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embedMany, generateText, isStepCount, jsonSchema, Output, RetryError, streamText, tool } from 'ai';
import { abandoned, long, person, tooLong, wind } from './openai.mjs';

const open = ({ base, key, headers }, fetch) => createOpenAI({ baseURL: base, apiKey: key, fetch, headers });
const both = async (edge, fetch, run) => {
  const provider = open(edge, fetch);
  await run(provider.chat('tenbit'));
  await run(provider.responses('tenbit'));
};
const tools = {
  wind: tool({ inputSchema: jsonSchema(wind), execute: async ({ port }) => (port === 'Brest' ? 'NW 5' : 'none') }),
};

export const checks = {
  chat: ({ good }, fetch) => both(good, fetch, async (model) => {
    const r = await generateText({ model, prompt: 'hello' });
    assert.equal(r.text, 'Hello, sailor.');
    assert.equal(r.finishReason, 'stop');
    assert.ok(r.usage.totalTokens > 0);
  }),
  stream: ({ good }, fetch) => both(good, fetch, async (model) => {
    const r = streamText({ model, prompt: 'count' });
    let text = '';
    for await (const t of r.textStream) text += t;
    assert.ok(text.startsWith('1 2 3') && text.endsWith('99 100'), text);
    assert.equal(await r.finishReason, 'stop');
  }),
  abort: ({ good }, fetch) => both(good, fetch, async (model) => {
    const leave = new AbortController();
    const r = streamText({ model, prompt: 'slow ' + Math.random(), abortSignal: leave.signal, onError() {} });
    let n = 0;
    try {
      for await (const _ of r.textStream) if (++n === 1) leave.abort();
    } catch (e) {
      assert.equal(e.name, 'AbortError');
    }
    assert.ok(n >= 1);
  }),
  'abandoned stream': ({ good }, fetch) => both(good, fetch, async (model) => {
    const r = streamText({ model, prompt: 'slow ' + Math.random(), onError() {} });
    const texts = r.textStream[Symbol.asyncIterator]();
    assert.ok((await texts.next()).value);
    abandoned.push(r, texts);
  }),
  'a reader that stalls': ({ good }, fetch) => both(good, fetch, async (model) => {
    let n = 0;
    for await (const t of streamText({ model, prompt: 'much' }).textStream) {
      if (n === 0) await sleep(300);
      n += t.length;
    }
    assert.equal(n, long);
  }),
  async 'a stream that breaks'({ good }, fetch) {
    let text = '', error;
    for await (const p of streamText({ model: open(good, fetch).chat('tenbit'), prompt: 'break', onError() {} }).fullStream) {
      if (p.type === 'text-delta') text += p.text;
      if (p.type === 'error') error = p.error;
    }
    assert.ok(text.length > 0);
    assert.match(JSON.stringify(error) + String(error), /ended early/);
  },
  tools: ({ good }, fetch) => both(good, fetch, async (model) => {
    const r = await generateText({ model, tools, prompt: 'wind in Brest?', stopWhen: isStepCount(3) });
    assert.equal(r.text, 'The wind is NW 5.');
    const s = streamText({ model, tools, prompt: 'wind in Brest?', stopWhen: isStepCount(3) });
    assert.equal(await s.text, 'The wind is NW 5.');
  }),
  'JSON schema': ({ good }, fetch) => both(good, fetch, async (model) => {
    const r = await generateText({ model, prompt: 'who?', output: Output.object({ schema: jsonSchema(person) }) });
    assert.deepEqual(r.output, { name: 'Ada', age: 36 });
  }),
  async stop({ good }, fetch) {
    const r = await generateText({ model: open(good, fetch).chat('tenbit'), prompt: 'count', stopSequences: [' 7'] });
    assert.equal(r.text, '1 2 3 4 5 6');
  },
  async limits({ good }, fetch) {
    const r = await generateText({ model: open(good, fetch).chat('tenbit'), prompt: 'count', maxOutputTokens: 5 });
    assert.equal(r.finishReason, 'length');
  },
  logprobs: ({ good }, fetch) => both(good, fetch, async (model) => {
    const r = await generateText({ model, prompt: 'hello', providerOptions: { openai: { logprobs: 2 } } });
    assert.ok(r.providerMetadata.openai.logprobs.length > 0);
  }),
  async embeddings({ good }, fetch) {
    const r = await embedMany({ model: open(good, fetch).textEmbeddingModel('tenbit'), values: ['one', 'three'] });
    assert.deepEqual(r.embeddings, [[3, 1, 2, 3], [5, 1, 2, 3]]);
  },
  async completions({ good }, fetch) {
    assert.equal((await generateText({ model: open(good, fetch).completion('tenbit'), prompt: 'hello' })).text.includes('sailor'), true);
  },
  async 'errors, no retry storm'({ good, quota, down, busy, broken }, fetch) {
    const fails = async (edge, model, status, more) => {
      const e = await generateText({ model: open(edge, fetch).chat(model), prompt: 'hello', ...more }).then(() => null, (e) => e);
      const last = RetryError.isInstance(e) ? e.lastError : e;
      assert.ok(APICallError.isInstance(last), String(e));
      assert.equal(last.statusCode, status);
    };
    await fails(good, 'tenbit', 400, { temperature: 9 });
    await fails(good, 'gpt-9', 404);
    await fails({ ...good, key: 'tb-wrong' }, 'tenbit', 401);
    await fails(good, 'tenbit', 413, { prompt: tooLong });
    await fails({ ...good, headers: { 'Content-Type': 'text/plain' } }, 'tenbit', 415);
    assert.equal(fetch.calls, 5, 'a bad request was sent again');
    await fails(quota, 'tenbit', 429, { maxRetries: 0 });
    await fails(down, 'tenbit', 502);
    assert.ok(fetch.calls <= 9, `${fetch.calls} requests`);
    fetch.calls = 0;
    await fails(broken, 'tenbit', 500, { maxRetries: 0 });
    await fails(busy, 'tenbit', 503, { maxRetries: 1 });
    assert.equal(fetch.calls, 3);
  },
  '100 streams': async ({ good }, fetch) => {
    const model = open(good, fetch).chat('tenbit');
    const texts = await Promise.all(Array.from({ length: 100 }, (_, i) => streamText({ model, prompt: 'echo ' + i }).text));
    texts.forEach((t, i) => assert.equal(t, 'echo ' + i));
  },
};
