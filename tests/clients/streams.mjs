// Clients of streams while dialogsd stops, dies and starts again: they come back by themselves, and miss nothing.
// node streams.mjs DIALOGSD MODULES
import assert from 'node:assert/strict';
import { pause, startDialogsd, until } from '../http/dialogsd.mjs';
import { makeListeners, openAll } from './listeners.mjs';
import { crowdOptions, makePeople, makePerson, send } from './people.mjs';

const [program, modules] = process.argv.slice(2);
const EACH = 10, TEXTS = 15, AWAY_MS = 2500;

async function sendSome(url, from, people, sent) {
  for (let i = 0; i < TEXTS; i++, sent.push(`text ${sent.length}`))
    for (const person of people)
      await send(url, from, person, `text ${sent.length}`);
}

const lacking = (listeners, sent) => () => listeners.filter((one) => one.heard.length < sent.length)
  .map((one) => `${one.kind} heard ${one.heard.length} of ${sent.length}${one.failed ? ` and ${one.failed}` : ''}`).join('\n');

const service = await startDialogsd(program, [...crowdOptions, '--heartbeat', '1', '--catch-up', '2']);
try {
  const anna = await makePerson(service.url);
  const people = await makePeople(service.url, 5);
  const listeners = Object.entries(makeListeners(modules)).flatMap(([kind, open]) =>
    openAll(open, service.url, people, EACH).map((one) => Object.assign(one, { kind })));
  await until(() => listeners.every((one) => one.opened), 30, lacking(listeners, ['opened']));
  await pause(2500); // signs of life: nobody takes them for messages
  const sent = [];
  await sendSome(service.url, anna, people, sent);
  await until(() => listeners.every((one) => one.heard.length >= sent.length), 30, lacking(listeners, sent));
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    await service.end(signal);
    await pause(AWAY_MS); // they try, and nobody is there
    await service.start();
    await sendSome(service.url, anna, people, sent); // before they are back
    await until(() => listeners.every((one) => one.heard.length >= sent.length), 60, lacking(listeners, sent));
  }
  for (const one of listeners) {
    assert.equal(one.failed, undefined, one.kind);
    assert.deepEqual(one.heard, sent, one.kind);
    one.close();
  }
  console.log(`${listeners.length} clients of ${Object.keys(makeListeners(modules)).length} kinds heard ${sent.length} texts each, once`);
} finally {
  assert.equal(await service.stop(), 0);
}
process.exit(0);
