// Clients of GET /events that others wrote. Each hands on what its user would see of it.
import { createRequire } from 'node:module';
import { join } from 'node:path';

// Two of them expect to be in a browser, and one of these tells the console of each attempt that fails.
globalThis.window = globalThis;
globalThis.document = { hidden: false, readyState: 'complete', addEventListener() {}, removeEventListener() {} };
console.error = () => {};

// A listener: `heard` are the texts in their order, `opened` whether it was let in, `failed` why it has given up for good.
const listener = () => ({ heard: [], opened: false, failed: undefined, close() {} });

const take = (one) => (event) => {
  const { text } = JSON.parse(event.data); // as pages do it: whatever comes has to be JSON
  if (text !== undefined)
    one.heard.push(text);
};

export function makeListeners(modules) {
  const require = createRequire(join(modules, 'package.json'));
  const { EventSource } = require('eventsource');
  const { EventSourcePolyfill } = require('event-source-polyfill');
  const { fetchEventSource } = require('@microsoft/fetch-event-source');

  const watch = (source, one) => {
    source.addEventListener('open', () => { one.opened = true; });
    source.addEventListener('message', take(one));
    source.addEventListener('error', (event) => {
      if (source.readyState === 2)
        one.failed = `gave up: ${event.message ?? event.status ?? 'no reason'}`;
    });
    one.close = () => source.close();
    return one;
  };

  return {
    eventsource(url, token) {
      const authorized = (to, init) => fetch(to, { ...init, headers: { ...init.headers, Authorization: `Bearer ${token}` } });
      return watch(new EventSource(url, { fetch: authorized }), listener());
    },
    'event-source-polyfill'(url, token) {
      return watch(new EventSourcePolyfill(url, { headers: { Authorization: `Bearer ${token}` } }), listener());
    },
    '@microsoft/fetch-event-source'(url, token) {
      const one = listener();
      const control = new AbortController();
      fetchEventSource(url, {
        headers: { Authorization: `Bearer ${token}` }, signal: control.signal, openWhenHidden: true,
        async onopen(answer) {
          if (answer.status !== 200)
            throw new Error(`status ${answer.status}`);
          one.opened = true;
        },
        onmessage: take(one),
        onclose() { throw new Error('again'); }, // it comes again after errors only
        onerror(error) {
          if (error instanceof SyntaxError) {
            one.failed = `${error}`;
            throw error;
          }
        },
      }).catch(() => {});
      one.close = () => control.abort();
      return one;
    },
  };
}

// Opens `count` of them, for these people in turn.
export const openAll = (open, url, people, count) =>
  Array.from({ length: count }, (_, i) => Object.assign(open(`${url}/events`, people[i % people.length].token), { person: people[i % people.length] }));
