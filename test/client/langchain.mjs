// Checks of @langchain/openai, by chat completions and by responses.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { abandoned, long, person, tooLong, wind } from './openai.mjs';

const settings = ({ base, key }, fetch, more) => ({ model: 'tenbit', apiKey: key, configuration: { baseURL: base, fetch }, maxRetries: 2, ...more });
const chat = (edge, fetch, more) => new ChatOpenAI(settings(edge, fetch, more));
const both = async (edge, fetch, run) => {
  await run(chat(edge, fetch));
  await run(chat(edge, fetch, { useResponsesApi: true }));
};
const tools = [{ type: 'function', function: { name: 'wind', parameters: wind } }];

export const checks = {
  chat: ({ good }, fetch) => both(good, fetch, async (m) => {
    const r = await m.invoke('hello');
    assert.equal(r.text, 'Hello, sailor.');
    assert.ok(r.usage_metadata.total_tokens > 0);
  }),
  stream: ({ good }, fetch) => both(good, fetch, async (m) => {
    let text = '';
    for await (const c of await m.stream('count')) text += c.text;
    assert.ok(text.startsWith('1 2 3') && text.endsWith('99 100'), text);
  }),
  abort: ({ good }, fetch) => both(good, fetch, async (m) => {
    const leave = new AbortController();
    let n = 0;
    try {
      for await (const c of await m.stream('slow ' + Math.random(), { signal: leave.signal })) if (c.text && ++n === 1) leave.abort();
    } catch (e) {
      assert.match(String(e), /abort/i);
    }
    assert.ok(n >= 1);
  }),
  'abandoned stream': ({ good }, fetch) => both(good, fetch, async (m) => {
    const chunks = (await m.stream('slow ' + Math.random()))[Symbol.asyncIterator]();
    assert.ok((await chunks.next()).value);
    abandoned.push(chunks);
  }),
  'a reader that stalls': ({ good }, fetch) => both(good, fetch, async (m) => {
    let n = 0;
    for await (const c of await m.stream('much')) {
      if (n === 0) await sleep(300);
      n += c.text.length;
    }
    assert.equal(n, long);
  }),
  async 'a stream that breaks'({ good }, fetch) {
    let text = '';
    await assert.rejects(async () => {
      for await (const c of await chat(good, fetch).stream('break')) text += c.text;
    }, /ended early/);
    assert.ok(text.length > 0);
  },
  async limits({ good }, fetch) {
    const r = await chat(good, fetch, { maxTokens: 5 }).invoke('count');
    assert.equal(r.response_metadata.finish_reason, 'length');
  },
  tools: ({ good }, fetch) => both(good, fetch, async (m) => {
    const bound = m.bindTools(tools);
    const said = [new HumanMessage('wind in Brest?')];
    const r = await bound.invoke(said);
    assert.deepEqual(r.tool_calls[0].args, { port: 'Brest' });
    said.push(r, new ToolMessage({ content: 'NW 5', tool_call_id: r.tool_calls[0].id }));
    assert.equal((await bound.invoke(said)).text, 'The wind is NW 5.');
  }),
  async 'JSON schema'({ good }, fetch) {
    for (const method of ['jsonSchema', 'functionCalling', 'jsonMode']) {
      assert.deepEqual(await chat(good, fetch).withStructuredOutput(person, { method, name: 'person' }).invoke('who?'), { name: 'Ada', age: 36 });
    }
  },
  async 'n and stop'({ good }, fetch) {
    const r = await chat(good, fetch, { n: 3, stop: [' 7'] }).generate([[new HumanMessage('count')]]);
    assert.deepEqual(r.generations[0].map((g) => g.text), Array(3).fill('1 2 3 4 5 6'));
  },
  async logprobs({ good }, fetch) {
    const r = await chat(good, fetch, { logprobs: true, topLogprobs: 2 }).invoke('hello');
    assert.ok(r.response_metadata.logprobs.content.length > 0);
  },
  async embeddings({ good }, fetch) {
    const r = await new OpenAIEmbeddings(settings(good, fetch)).embedDocuments(['one', 'three']);
    assert.deepEqual(r, [[3, 1, 2, 3], [5, 1, 2, 3]]);
  },
  async completions({ good }, fetch) {
    assert.ok((await new OpenAI(settings(good, fetch)).invoke('hello')).includes('sailor'));
  },
  async 'errors, no retry storm'({ good, quota, down, busy, broken }, fetch) {
    const fails = async (edge, status, more, prompt = 'hello', options) => {
      const e = await chat(edge, fetch, more).invoke(prompt, { options }).then(() => null, (e) => e);
      assert.equal(e?.status, status, String(e));
    };
    await fails(good, 400, { temperature: 9 });
    await fails(good, 404, { model: 'gpt-9' });
    await fails({ ...good, key: 'tb-wrong' }, 401);
    // It tries again by itself what it doesn't know.
    await fails(good, 413, { maxRetries: 0 }, tooLong);
    await fails(good, 415, { maxRetries: 0 }, 'hello', { headers: { 'Content-Type': 'text/plain' } });
    assert.equal(fetch.calls, 5, 'a bad request was sent again');
    await fails(quota, 429);
    assert.ok(fetch.calls <= 8, `${fetch.calls} requests`);
    await fails(down, 502, { maxRetries: 1 });
    assert.ok(fetch.calls <= 11, `${fetch.calls} requests`);
    fetch.calls = 0;
    await fails(broken, 500, { maxRetries: 0 });
    await fails(busy, 503, { maxRetries: 0 });
    assert.equal(fetch.calls, 2);
  },
  async '100 streams'({ good }, fetch) {
    const m = chat(good, fetch);
    const texts = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
      let text = '';
      for await (const c of await m.stream('echo ' + i)) text += c.text;
      return text;
    }));
    texts.forEach((t, i) => assert.equal(t, 'echo ' + i));
  },
};
