// The Grafana dashboard asks for nothing but what /metrics has.
// node dashboard.mjs DIALOGSD DASHBOARD
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { startDialogsd } from './dialogsd.mjs';

const [program, dashboard] = process.argv.slice(2);
const service = await startDialogsd(program);
try {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const names = new Set(text.split('\n').filter((line) => line.startsWith('# TYPE ')).map((line) => line.split(' ')[2]));
  const { panels, templating } = JSON.parse(readFileSync(dashboard, 'utf8'));
  const queries = [...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)), ...templating.list.map(({ query }) => query)];
  const used = new Set(queries.join(' ').match(/\bdialogs(d)?_[a-z_]+/g).map((name) => name.replace(/_bucket$/, '')));
  assert.ok(used.size > 10);
  for (const name of used)
    assert.ok(names.has(name), `the dashboard asks for ${name}`);
} finally {
  assert.equal(await service.stop(), 0);
}
console.log('the dashboard agrees');
