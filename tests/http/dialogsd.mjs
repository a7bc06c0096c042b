// A dialogsd with its private server and the demo users, for tests in JavaScript.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export async function until(what, seconds, trouble) {
  for (const end = Date.now() + seconds * 1000; !(await what());) {
    if (Date.now() > end)
      throw new Error(typeof trouble === 'function' ? trouble() : trouble);
    await pause(50);
  }
}

export function makeHome() {
  const home = mkdtempSync(join(tmpdir(), 'dialogsd-page-'));
  chmodSync(home, 0o755);
  return home;
}

// Several may share a home, and so a database; who made it removes it.
export async function startDialogsd(program, options = [], home = undefined) {
  const own = home === undefined;
  const place = home ?? makeHome();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const ready = async () => (await fetch(`${url}/readyz`).catch(() => ({ ok: false }))).ok;
  let child, ended;
  const start = async () => {
    child = spawn(program, ['--port', port, '--data', join(place, 'data'), '--demo', '--log', 'off', ...options],
      { stdio: ['ignore', 'ignore', 'inherit'] });
    ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)));
    await until(async () => child.exitCode !== null || (await ready()), 60, 'dialogsd did not become ready');
    if (child.exitCode !== null)
      throw new Error('dialogsd did not start');
  };
  const end = async (signal = 'SIGTERM') => {
    child.kill(signal);
    return ended;
  };
  const stop = async () => {
    const code = await end();
    if (own)
      rmSync(place, { recursive: true, force: true });
    return code;
  };
  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, port, start, end, stop };
}
