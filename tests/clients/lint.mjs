// The linters of Redocly and Spectral find nothing in the OpenAPI document.
// node lint.mjs DIALOGSD MODULES PAGES
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const [, modules, pages] = process.argv.slice(2);
const document = join(pages, 'openapi.yaml');
const home = mkdtempSync(join(tmpdir(), 'lint-'));

// What the command prints as JSON, whatever its exit code.
function run(name, ...words) {
  const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
  const { stdout, stderr } = spawnSync(join(modules, 'node_modules', '.bin', name), words, { cwd: home, encoding: 'utf8', env });
  try {
    return JSON.parse(stdout);
  } catch {
    assert.fail(`${name}: ${stdout}${stderr}`);
  }
}

try {
  const { problems, totals } = run('redocly', 'lint', '--extends=recommended', '--format=json', document);
  assert.deepEqual(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer]), []);
  assert.deepEqual([totals.errors, totals.warnings], [0, 0]);
  writeFileSync(join(home, 'rules.yaml'), 'extends: ["spectral:oas"]\n');
  const found = run('spectral', 'lint', '--quiet', '--format=json', '--ruleset=rules.yaml', document);
  assert.deepEqual(found.map(({ code, message, path }) => [code, message, path.join('/')]), []);
} finally {
  rmSync(home, { recursive: true });
}
console.log('both linters find nothing');
