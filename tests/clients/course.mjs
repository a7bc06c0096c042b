// A Postman collection in the style of the course's, run by newman: types, dates and slashes as people's collections have
// them. Then a loader of demo data, which registers more users than one address may in a minute without --demo.
// node course.mjs DIALOGSD MODULES
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startDialogsd } from '../http/dialogsd.mjs';
import { makePeople } from './people.mjs';

const [program, modules] = process.argv.slice(2);
const newman = createRequire(join(modules, 'package.json'))('newman');
const collection = JSON.parse(readFileSync(new URL('course.postman_collection.json', import.meta.url), 'utf8'));
const ROUNDS = 3, USERS = 70;

const run = (options) => new Promise((resolve, reject) =>
  newman.run(options, (error, summary) => (error ? reject(error) : resolve(summary.run))));

const service = await startDialogsd(program, ['--set', 'hash_memory_kib=8', '--set', 'hash_operations=1']);
try {
  const { failures, stats } = await run({ collection, iterationCount: ROUNDS, reporters: [],
    envVar: [{ key: 'baseUrl', value: service.url }] });
  assert.deepEqual(failures.slice(0, 5).map(({ source, error }) => [source.name, error.message]), []);
  assert.equal(stats.requests.total, ROUNDS * collection.item.length);
  await makePeople(service.url, USERS);
  console.log(`${stats.requests.total} requests, ${stats.assertions.total} assertions`);
} finally {
  assert.equal(await service.stop(), 0);
}
process.exit(0);
