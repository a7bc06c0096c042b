// A dialogsd with its private server and the demo users, for tests in JavaScript.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

export async function startDialogsd(program, options = []) {
  const data = mkdtempSync(join(tmpdir(), 'dialogsd-page-'));
  chmodSync(data, 0o755);
  const port = await freePort();
  const child = spawn(program, ['--port', port, '--data', join(data, 'data'), '--demo', '--log', 'off', ...options],
    { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
  const url = `http://127.0.0.1:${port}`;
  const ready = async () => (await fetch(`${url}/readyz`).catch(() => ({ ok: false }))).ok;
  const stop = async () => {
    child.kill('SIGTERM');
    const code = await ended;
    rmSync(data, { recursive: true, force: true });
    return code;
  };
  for (const end = Date.now() + 60000; !(await ready());) {
    if (Date.now() > end || child.exitCode !== null) {
      await stop();
      throw new Error('dialogsd did not become ready');
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, stop };
}
