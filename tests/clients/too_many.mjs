// Clients of streams whose user has as many as may be: they come again, and are let in once there is room.
// node too_many.mjs DIALOGSD MODULES
import assert from 'node:assert/strict';
import { startDialogsd, until } from '../http/dialogsd.mjs';
import { makeListeners } from './listeners.mjs';
import { crowdOptions, makePerson, send } from './people.mjs';

const [program, modules] = process.argv.slice(2);

const service = await startDialogsd(program, [...crowdOptions, '--streams-per-user', '1']);
const streams = async () => Number(/^dialogsd_streams (\d+)$/m.exec(await (await fetch(`${service.url}/metrics`)).text())[1]);
try {
  const anna = await makePerson(service.url);
  const pairs = [];
  for (const [kind, open] of Object.entries(makeListeners(modules))) {
    const person = await makePerson(service.url);
    const first = open(`${service.url}/events`, person.token);
    await until(() => first.opened, 30, `${kind} was not let in`);
    const second = open(`${service.url}/events`, person.token);
    await until(() => second.opened || second.failed, 30, `${kind} got no answer`);
    assert.equal(second.failed, undefined, kind);
    pairs.push({ kind, person, first, second });
  }
  assert.equal(await streams(), pairs.length);
  for (const { first } of pairs)
    first.close();
  await until(async () => (await streams()) === 0, 30, 'streams stay');
  await until(async () => (await streams()) === pairs.length, 120, 'they did not come again');
  for (const { kind, person, second } of pairs) {
    await send(service.url, anna, person, 'here again');
    await until(() => second.heard.length === 1, 30, `${kind} heard nothing`);
    second.close();
  }
  console.log(`${pairs.length} kinds of clients came again`);
} finally {
  assert.equal(await service.stop(), 0);
}
process.exit(0);
