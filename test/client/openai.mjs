// Checks of the npm package openai; old marks version 4.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

const user = (content) => [{ role: 'user', content }];
const model = 'tenbit';
export const wind = {
  type: 'object',
  properties: { port: { type: 'string' } },
  required: ['port'],
  additionalProperties: false,
};
export const person = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const tools = [{ type: 'function', function: { name: 'wind', parameters: wind, strict: true } }];

// What a long answer has, more than the kernel keeps for a reader that stalls,
// and a prompt that is over the limit.
export const long = 6 << 20;
export const tooLong = 'x'.repeat(2 << 20);
// Streams that are neither read nor closed, to the end of the process.
export const abandoned = [];

export function checks(OpenAI, old = false) {
  const open = ({ base, key }, fetch, more) => new OpenAI({ baseURL: base, apiKey: key, fetch, ...more });
  const chat = (client, body, options) => client.chat.completions.create({ model, ...body }, options);
  const fails = async (promise, kind, status, code) => {
    const e = await promise.then(() => null, (e) => e);
    assert.equal(e?.constructor?.name, kind, String(e));
    assert.equal(e.status, status);
    if (code) assert.equal(e.code, code);
    assert.ok(e.headers && (old ? true : e.requestID), 'no request id');
    return e;
  };
  return {
    async chat({ good }, fetch) {
      const c = await chat(open(good, fetch), { messages: user('hello') });
      assert.equal(c.choices[0].message.content, 'Hello, sailor.');
      assert.equal(c.choices[0].finish_reason, 'stop');
      assert.ok(c.usage.total_tokens > 0);
      assert.ok(c._request_id);
    },
    async stream({ good }, fetch) {
      const s = await chat(open(good, fetch), { messages: user('count'), stream: true, stream_options: { include_usage: true } });
      let text = '', usage, finish;
      for await (const c of s) {
        text += c.choices[0]?.delta?.content ?? '';
        finish = c.choices[0]?.finish_reason ?? finish;
        if (c.usage) usage = c.usage;
      }
      assert.ok(text.startsWith('1 2 3') && text.endsWith('99 100'), text);
      assert.equal(finish, 'stop');
      assert.ok(usage.completion_tokens > 0);
    },
    async abort({ good }, fetch) {
      const s = await chat(open(good, fetch), { messages: user('slow ' + Math.random()), stream: true });
      let n = 0;
      for await (const c of s) {
        if (c.choices[0]?.delta?.content && ++n === 1) s.controller.abort();
      }
      assert.ok(n >= 1);
    },
    async 'abort, responses'({ good }, fetch) {
      const s = await open(good, fetch).responses.create({ model, input: 'slow ' + Math.random(), stream: true });
      let n = 0;
      for await (const e of s) {
        if (e.type === 'response.output_text.delta' && ++n === 1) s.controller.abort();
      }
      assert.ok(n >= 1);
    },
    async 'abandoned stream'({ good }, fetch) {
      const s = await chat(open(good, fetch), { messages: user('slow ' + Math.random()), stream: true });
      const chunks = s[Symbol.asyncIterator]();
      assert.ok((await chunks.next()).value.id);
      abandoned.push(s, chunks);
    },
    async 'a reader that stalls'({ good }, fetch) {
      const s = await chat(open(good, fetch), { messages: user('much'), stream: true });
      let n = 0;
      for await (const c of s) {
        if (n === 0) await sleep(300);
        n += c.choices[0]?.delta?.content?.length ?? 0;
      }
      assert.equal(n, long);
    },
    async tools({ good }, fetch) {
      const client = open(good, fetch);
      const messages = user('wind in Brest?');
      const first = await chat(client, { messages, tools });
      const call = first.choices[0].message.tool_calls[0];
      assert.equal(first.choices[0].finish_reason, 'tool_calls');
      assert.deepEqual(JSON.parse(call.function.arguments), { port: 'Brest' });
      messages.push(first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'NW 5' });
      const second = await chat(client, { messages, tools });
      assert.equal(second.choices[0].message.content, 'The wind is NW 5.');
    },
    async 'tools, forced'({ good }, fetch) {
      const c = await chat(open(good, fetch), { messages: user('hello'), tools, tool_choice: 'required' });
      assert.equal(c.choices[0].message.tool_calls[0].function.name, 'wind');
    },
    async 'tools, streamed'({ good }, fetch) {
      const client = open(good, fetch);
      const runner = (old ? client.beta.chat : client.chat).completions.stream({ model, messages: user('wind in Brest?'), tools });
      const c = await runner.finalChatCompletion();
      assert.equal(c.choices[0].message.tool_calls[0].function.name, 'wind');
    },
    async 'JSON schema'({ good }, fetch) {
      for (const stream of [false, true]) {
        const c = await chat(open(good, fetch), {
          messages: user('who?'), stream,
          response_format: { type: 'json_schema', json_schema: { name: 'person', strict: true, schema: person } },
        });
        let text = '';
        if (stream) for await (const d of c) text += d.choices[0]?.delta?.content ?? '';
        else text = c.choices[0].message.content;
        assert.deepEqual(JSON.parse(text), { name: 'Ada', age: 36 });
      }
    },
    async 'n and stop'({ good }, fetch) {
      const c = await chat(open(good, fetch), { messages: user('count'), n: 3, stop: [' 7'] });
      assert.deepEqual(c.choices.map((x) => x.message.content), Array(3).fill('1 2 3 4 5 6'));
      assert.deepEqual(c.choices.map((x) => x.index), [0, 1, 2]);
    },
    async limits({ good }, fetch) {
      for (const limit of [{ max_tokens: 5 }, { max_completion_tokens: 5 }]) {
        for (const stream of [false, true]) {
          const c = await chat(open(good, fetch), { messages: user('count'), stream, ...limit });
          let finish;
          if (stream) for await (const d of c) finish = d.choices[0]?.finish_reason ?? finish;
          else finish = c.choices[0].finish_reason;
          assert.equal(finish, 'length');
        }
      }
    },
    async logprobs({ good }, fetch) {
      const c = await chat(open(good, fetch), { messages: user('hello'), logprobs: true, top_logprobs: 2 });
      assert.ok(c.choices[0].logprobs.content.length > 0);
    },
    async embeddings({ good }, fetch) {
      const client = open(good, fetch);
      const packed = await client.embeddings.create({ model, input: ['one', 'three'] });
      const plain = await client.embeddings.create({ model, input: ['one', 'three'], encoding_format: 'float' });
      assert.deepEqual([...packed.data[1].embedding], [5, 1, 2, 3]);
      assert.deepEqual(packed.data.map((d) => [...d.embedding]), plain.data.map((d) => d.embedding));
      assert.equal((await client.embeddings.create({ model, input: 'one', dimensions: 2 })).data[0].embedding.length, 2);
    },
    async completions({ good }, fetch) {
      const c = await open(good, fetch).completions.create({ model, prompt: ['hello', 'hello'], echo: true });
      assert.deepEqual(c.choices.map((x) => x.text), ['helloHello, sailor.', 'helloHello, sailor.']);
    },
    async models({ good }, fetch) {
      const client = open(good, fetch);
      const all = [];
      for await (const m of client.models.list()) all.push(m.id);
      assert.deepEqual(all, [model]);
      assert.equal((await client.models.retrieve(model)).object, 'model');
    },
    async responses({ good }, fetch) {
      const client = open(good, fetch);
      const one = await client.responses.create({ model, input: 'hello', instructions: 'Be brief.' });
      assert.equal(one.output_text, 'Hello, sailor.');
      const two = await client.responses.create({ model, input: 'again', previous_response_id: one.id });
      assert.equal(two.output_text, 'You said hello.');
      assert.equal((await client.responses.retrieve(one.id)).id, one.id);
      await (client.responses.delete ?? client.responses.del).call(client.responses, one.id);
      await fails(client.responses.retrieve(one.id), 'NotFoundError', 404);
    },
    async 'responses, streamed'({ good }, fetch) {
      const s = await open(good, fetch).responses.create({ model, input: 'count', stream: true });
      let text = '', last;
      for await (const e of s) {
        if (e.type === 'response.output_text.delta') text += e.delta;
        last = e;
      }
      assert.equal(last.type, 'response.completed');
      assert.equal(last.response.output[0].content[0].text, text);
    },
    async 'responses, tools'({ good }, fetch) {
      const client = open(good, fetch);
      const flat = [{ type: 'function', name: 'wind', parameters: wind, strict: true }];
      const one = await client.responses.create({ model, input: 'wind in Brest?', tools: flat });
      const call = one.output.find((o) => o.type === 'function_call');
      assert.deepEqual(JSON.parse(call.arguments), { port: 'Brest' });
      const two = await client.responses.create({
        model, tools: flat, previous_response_id: one.id,
        input: [{ type: 'function_call_output', call_id: call.call_id, output: 'NW 5' }],
      });
      assert.equal(two.output_text, 'The wind is NW 5.');
    },
    async 'errors, no retry storm'({ good, quota, down }, fetch) {
      await fails(chat(open(good, fetch), { messages: user('hello'), temperature: 9 }), 'BadRequestError', 400);
      await fails(chat(open(good, fetch), { messages: user('hello'), model: 'gpt-9' }), 'NotFoundError', 404, 'model_not_found');
      await fails(chat(open({ ...good, key: 'tb-wrong' }, fetch), { messages: user('hello') }), 'AuthenticationError', 401, 'invalid_api_key');
      await fails(open(good, fetch).responses.create({ model, input: 'x', previous_response_id: 'resp_0' }), 'BadRequestError', 400, 'previous_response_not_found');
      assert.equal(fetch.calls, 4, 'a bad request was sent again');
      await fails(chat(open(quota, fetch), { messages: user('hello') }), 'RateLimitError', 429, 'insufficient_quota');
      assert.equal(fetch.calls, 5, 'an empty budget was asked again');
      await fails(chat(open(down, fetch), { messages: user('hello') }), 'InternalServerError', 502, 'model_unavailable');
      assert.ok(fetch.calls <= 8, `${fetch.calls} requests`);
    },
    async 'all kinds of errors'({ good, busy, broken }, fetch) {
      const client = open(good, fetch);
      await fails(client.get('/chat/completions'), 'APIError', 405, 'method_not_allowed');
      await fails(client.get('/chats'), 'NotFoundError', 404, 'unknown_url');
      await fails(chat(client, { messages: user(tooLong) }), 'APIError', 413, 'request_too_large');
      await fails(chat(client, { messages: user('hello') }, { headers: { 'Content-Type': 'text/plain' } }), 'APIError', 415, 'unsupported_media_type');
      await fails(chat(open(broken, fetch), { messages: user('hello') }), 'InternalServerError', 500, 'internal_error');
      assert.equal(fetch.calls, 5, 'what will not change was sent again');
      await fails(chat(open(busy, fetch, { maxRetries: 1 }), { messages: user('hello') }), 'InternalServerError', 503, 'overloaded');
      assert.equal(fetch.calls, 7);
    },
    async 'a stream that breaks'({ good }, fetch) {
      const s = await chat(open(good, fetch), { messages: user('break'), stream: true });
      let text = '';
      await assert.rejects(async () => {
        for await (const c of s) text += c.choices[0]?.delta?.content ?? '';
      }, /ended early/);
      assert.ok(text.length > 0);
    },
    async '100 streams'({ good }, fetch) {
      const client = open(good, fetch);
      const texts = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
        let text = '';
        for await (const c of await chat(client, { messages: user('echo ' + i), stream: true })) text += c.choices[0]?.delta?.content ?? '';
        return text;
      }));
      texts.forEach((t, i) => assert.equal(t, 'echo ' + i));
    },
  };
}
