// Runs every check with every client against an edge, and prints one JSON line
// for each: {client, check, error}; error is missing where all is well.
//
// TENBIT_BASE answers by script (clients_test.go), TENBIT_QUOTA has an empty
// budget, TENBIT_DOWN has no local model, TENBIT_BUSY has no place for another
// request, TENBIT_BROKEN has a defect; TENBIT_KEYS are their keys.
import process from 'node:process';
import * as ai from './ai.mjs';
import * as langchain from './langchain.mjs';
import { checks as openai } from './openai.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;
const keys = process.env.TENBIT_KEYS.split(' ');
const edges = {
  good: { base: process.env.TENBIT_BASE, key: keys[0] },
  quota: { base: process.env.TENBIT_QUOTA, key: keys[1] },
  down: { base: process.env.TENBIT_DOWN, key: keys[2] },
  busy: { base: process.env.TENBIT_BUSY, key: keys[3] },
  broken: { base: process.env.TENBIT_BROKEN, key: keys[4] },
};

// counting returns a fetch that counts how often it is called.
export function counting() {
  const f = (url, init) => {
    f.calls++;
    return fetch(url, init);
  };
  f.calls = 0;
  return f;
}

const clients = {
  'openai': openai((await import('openai')).default),
  'openai-v4': openai((await import('openai-v4')).default, true),
  'ai': ai.checks,
  'langchain': langchain.checks,
};
for (const [client, checks] of Object.entries(clients)) {
  for (const [check, run] of Object.entries(checks)) {
    let error;
    try {
      await run(edges, counting());
    } catch (e) {
      error = String(e?.stack ?? e).slice(0, 2000);
    }
    process.stdout.write(JSON.stringify({ client, check, error }) + '\n');
  }
}
process.exit(0); // some clients keep sockets and timers
