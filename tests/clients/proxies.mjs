// EventSource clients behind nginx and HAProxy, with the settings of docs/operations.md and with their own defaults.
// node proxies.mjs DIALOGSD MODULES
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, makeHome, pause, startDialogsd, until } from '../http/dialogsd.mjs';
import { makeListeners, openAll } from './listeners.mjs';
import { crowdOptions, makePeople, makePerson, send } from './people.mjs';

const [program, modules] = process.argv.slice(2);
const CROWD = 200, AWAY_MS = 3000;
const open = makeListeners(modules).eventsource;
const home = makeHome();

// ---- The proxies ----

const blocks = [...readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8').matchAll(/^```\w*\n([\s\S]*?)^```$/gm)]
  .map(([, block]) => block);
const documented = (part) => blocks.find((block) => block.includes(part)) ?? assert.fail(`operations.md has no "${part}"`);

const nginx = (port, upstream, locations) => ['nginx', '-p', home, '-e', 'stderr', '-c', `
daemon off; master_process off; pid ${home}/nginx-${port}.pid; error_log stderr crit;
events { worker_connections 2048; }
http {
    access_log off;
    client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fastcgi;
    uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
    ${upstream}
    server {
        listen 127.0.0.1:${port};
        ${locations}
    }
}`];

const plainNginx = (port, place) =>
  nginx(port, `upstream dialogsd { server 127.0.0.1:${place}; }`, 'location / { proxy_pass http://dialogsd; }');

function documentedNginx(port, places) {
  const [upstream, ...location] = documented('upstream dialogsd').split('\n');
  const servers = upstream.replace('10.0.0.1:5000', `127.0.0.1:${places[0]}`).replace('10.0.0.2:5000', `127.0.0.1:${places.at(-1)}`);
  return nginx(port, servers, `${location.join('\n')}${documented('location = /events')}`);
}

const haproxy = (port, places, parts) => ['haproxy', '-q', '-f', `
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
${parts ?? `listen dialogs
    bind 127.0.0.1:${port}
${places.map((place, i) => `    server s${i} 127.0.0.1:${place}`).join('\n')}`}
`];

function documentedHaproxy(port, places) {
  const again = join(home, 'again.http');
  writeFileSync(again, documented('HTTP/1.1 200 OK'));
  return haproxy(port, places, documented('backend events').replace('bind :80', `bind 127.0.0.1:${port}`)
    .replaceAll('10.0.0.1:5000', `127.0.0.1:${places[0]}`).replaceAll('10.0.0.2:5000', `127.0.0.1:${places.at(-1)}`)
    .replaceAll('/etc/haproxy/again.http', again));
}

// Starts it with the configuration that is the last of its words, and waits until it listens.
async function startProxy(make, ...rest) {
  const port = await freePort();
  const words = make(port, ...rest);
  const file = join(home, `${words[0]}-${port}.conf`);
  writeFileSync(file, words.pop());
  const child = spawn(words[0], [...words.slice(1), file], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.on('error', (error) => { throw new Error(`${words[0]} cannot be started: ${error.message}`); });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => child.exitCode === null && fetch(`${url}/healthz`).then(() => true, () => false), 20,
    `${words[0]} does not answer`);
  return { url, async stop() { child.kill(); await ended; } };
}

// ---- What happens behind them ----

const tell = async (service, people, text) => {
  for (const person of people.slice(1))
    await send(service.url, people[0], person, text);
};

const lacking = (listeners, text) => () => {
  const without = listeners.filter((one) => !one.heard.includes(text));
  return `${without.length} of ${listeners.length} did not hear "${text}"; the first ${without[0]?.failed ?? 'still tries'}`;
};

const heard = (listeners, text) =>
  until(() => listeners.every((one) => one.heard.includes(text)), 60, lacking(listeners, text));

async function crowd(url, people, size = CROWD) {
  const listeners = openAll(open, url, people.slice(1), size);
  await until(() => listeners.every((one) => one.opened), 60, () => 'not all were let in');
  return listeners;
}

// The only dialogsd is away for a while. How many came back; none of those may have missed anything.
async function outage(name, proxy, service, people) {
  const listeners = await crowd(proxy.url, people);
  await tell(service, people, `${name} before`);
  await heard(listeners, `${name} before`);
  await service.end();
  await pause(AWAY_MS);
  await service.start();
  await tell(service, people, `${name} after`);
  await until(() => listeners.every((one) => one.failed || one.heard.includes(`${name} after`)), 60, lacking(listeners, `${name} after`));
  const back = listeners.filter((one) => !one.failed);
  for (const one of back)
    assert.deepEqual(one.heard, [`${name} before`, `${name} after`], name);
  listeners.forEach((one) => one.close());
  await proxy.stop();
  console.log(`${name}: ${back.length} of ${listeners.length} came back`);
  return back.length;
}

// Two replicas are restarted, one after the other; a text is sent at every step.
async function rolling(name, proxy, services, people) {
  const listeners = await crowd(proxy.url, people, 40);
  const texts = [];
  const step = async (service) => {
    texts.push(`${name} ${texts.length}`);
    await tell(service, people, texts.at(-1));
    await heard(listeners, texts.at(-1));
  };
  await step(services[0]);
  for (const [i, service] of services.entries()) {
    await service.end();
    await step(services[1 - i]);
    await service.start();
    await step(service);
  }
  for (const one of listeners) {
    assert.equal(one.failed, undefined);
    assert.deepEqual(one.heard, texts);
    one.close();
  }
  await proxy.stop();
  console.log(`${name}: ${listeners.length} of ${listeners.length} came back, twice`);
}

// The median of the milliseconds from a send to its event.
async function delay(proxy, service, people) {
  const [one] = await crowd(proxy.url, people, 1);
  const took = [];
  for (let i = 0; i < 15; i++) {
    const from = performance.now();
    await send(service.url, people[0], one.person, `delay ${i}`);
    while (one.heard.length <= i)
      await new Promise((resolve) => setImmediate(resolve));
    took.push(performance.now() - from);
  }
  one.close();
  await proxy.stop();
  return took.sort((a, b) => a - b)[7];
}

const options = [...crowdOptions, '--proxied', '--catch-up', '1'];
const services = [await startDialogsd(program, options, home)];
try {
  const [service] = services;
  const people = [await makePerson(service.url), ...(await makePeople(service.url, 10))];
  const place = service.port;
  assert.equal(await outage('nginx as documented', await startProxy(documentedNginx, [place]), service, people), CROWD);
  assert.equal(await outage('HAProxy as documented', await startProxy(documentedHaproxy, [place]), service, people), CROWD);
  await outage('nginx by default', await startProxy(plainNginx, place), service, people);
  await outage('HAProxy by default', await startProxy(haproxy, [place]), service, people);

  const slow = await delay(await startProxy(haproxy, [place]), service, people);
  const quick = await delay(await startProxy(documentedHaproxy, [place]), service, people);
  console.log(`HAProxy: ${slow.toFixed(1)} ms from a send to its event by default, ${quick.toFixed(1)} ms as documented`);
  assert.ok(quick < slow, 'option http-no-delay does not help');

  services.push(await startDialogsd(program, options, home));
  const places = services.map(({ port }) => port);
  await rolling('nginx as documented, two replicas', await startProxy(documentedNginx, places), services, people);
  await rolling('HAProxy as documented, two replicas', await startProxy(documentedHaproxy, places), services, people);
} finally {
  for (const service of services)
    assert.equal(await service.stop(), 0);
  rmSync(home, { recursive: true, force: true });
}
process.exit(0);
