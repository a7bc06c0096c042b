// Clients that are made from the OpenAPI document, behind a proxy that serves dialogsd below /api/.
// node generated.mjs DIALOGSD MODULES PAGES
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { freePort, makeHome, startDialogsd, until } from '../http/dialogsd.mjs';

const [program, modules, pages] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const home = makeHome();
const anna = '387ac1c1-6581-4ace-a113-707c8585fe28', boris = 'aa45b640-d501-4101-83f2-de96b672129f';

// What every client does: the calls of the course, by the client's own names for them. Each call returns its data.
async function useAll(name, api) {
  const { user_id: id } = await api.register({ first_name: name, second_name: 'Client', birthdate: '1990-05-01', password: 'string-1' });
  const user = await api.getUser(id);
  assert.deepEqual([user.id, user.first_name, user.birthdate], [id, name, '1990-05-01'], name);
  assert.deepEqual((await api.searchUsers(name, 'Cl')).map((each) => each.id), [id], name);
  const { token } = await api.login({ id: anna, password: 'string' });
  await api.sendMessage(token, boris, { text: `from ${name}` });
  const list = await api.listMessages(token, boris);
  assert.equal(list.at(-1).text, `from ${name}`, name);
  assert.equal((await api.listMessages(token, boris, 1)).length, 1, name);
}

// It reads the document where the service shows it, and takes the server from there; it names every type of an answer.
async function swaggerClient(url) {
  const SwaggerClient = require('swagger-client');
  const client = await SwaggerClient(`${url}/swagger/openapi.json`);
  const call = async (operationId, parameters, requestBody, token) => {
    const { status, body } = await client.execute({ operationId, parameters, requestBody,
      ...(token && { securities: { authorized: { bearerAuth: { value: token } } } }) });
    assert.equal(status, 200);
    return body;
  };
  return {
    register: (body) => call('register', {}, body),
    getUser: (id) => call('getUser', { id }),
    searchUsers: (first_name, last_name) => call('searchUsers', { first_name, last_name }),
    login: (body) => call('login', {}, body),
    sendMessage: (token, user_id, body) => call('sendMessage', { user_id }, body, token),
    listMessages: (token, user_id, limit) => call('listMessages', { user_id, limit }, undefined, token),
  };
}

async function openapiFetch(url) {
  const { default: createClient } = require('openapi-fetch');
  const client = createClient({ baseUrl: `${url}/` });
  const headers = (token) => ({ Authorization: `Bearer ${token}` });
  const good = async (answer) => {
    const { data, error, response } = await answer;
    assert.equal(response.status, 200, JSON.stringify(error));
    return data;
  };
  return {
    register: (body) => good(client.POST('/user/register', { body })),
    getUser: (id) => good(client.GET('/user/get/{id}', { params: { path: { id } } })),
    searchUsers: (first_name, last_name) => good(client.GET('/user/search', { params: { query: { first_name, last_name } } })),
    login: (body) => good(client.POST('/login', { body })),
    sendMessage: (token, user_id, body) => good(client.POST('/dialog/{user_id}/send', { body, params: { path: { user_id } }, headers: headers(token), parseAs: 'text' })),
    listMessages: (token, user_id, limit) => good(client.GET('/dialog/{user_id}/list', { params: { path: { user_id }, query: { limit } }, headers: headers(token) })),
  };
}

// It writes a client in TypeScript, which esbuild, that it brings along, makes runnable.
async function orval(url) {
  copyFileSync(join(pages, 'openapi.yaml'), join(home, 'openapi.yaml'));
  writeFileSync(join(home, 'orval.config.cjs'), `module.exports = { dialogs: { input: './openapi.yaml', output: {
    target: './client.ts', client: 'fetch', baseUrl: ${JSON.stringify(url)} } } };`);
  execFileSync(process.execPath, [join(modules, 'node_modules', 'orval', 'dist', 'bin', 'orval.js'), '--config', 'orval.config.cjs'],
    { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] });
  require('esbuild').buildSync({ entryPoints: [join(home, 'client.ts')], outfile: join(home, 'client.mjs'), format: 'esm' });
  const client = await import(pathToFileURL(join(home, 'client.mjs')));
  const good = async (answer) => {
    const { data, status } = await answer;
    assert.equal(status, 200, JSON.stringify(data));
    return data;
  };
  const init = (token) => ({ headers: { Authorization: `Bearer ${token}` } });
  return {
    register: (body) => good(client.register(body)),
    getUser: (id) => good(client.getUser(id)),
    searchUsers: (first_name, last_name) => good(client.searchUsers({ first_name, last_name })),
    login: (body) => good(client.login(body)),
    sendMessage: (token, id, body) => good(client.sendMessage(id, body, init(token))),
    listMessages: (token, id, limit) => good(client.listMessages(id, limit ? { limit } : undefined, init(token))),
  };
}

async function startPrefix(service) {
  const port = await freePort();
  const file = join(home, 'nginx.conf');
  writeFileSync(file, `daemon off; master_process off; pid ${home}/nginx.pid; error_log stderr crit;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fastcgi;
    uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
    server { listen 127.0.0.1:${port}; location /api/ { proxy_pass ${service.url}/; } }
}`);
  const child = spawn('nginx', ['-p', home, '-e', 'stderr', '-c', file], { stdio: ['ignore', 'inherit', 'inherit'] });
  const url = `http://127.0.0.1:${port}/api`;
  await until(async () => fetch(`${url}/healthz`).then(({ ok }) => ok, () => false), 20, 'nginx does not answer');
  return { url, stop: () => child.kill() };
}

const service = await startDialogsd(program);
const proxy = await startPrefix(service);
try {
  for (const [name, make] of Object.entries({ swaggerClient, openapiFetch, orval }))
    await useAll(name, await make(proxy.url));
} finally {
  proxy.stop();
  assert.equal(await service.stop(), 0);
  rmSync(home, { recursive: true, force: true });
}
console.log('three clients made from the document work below /api/');
process.exit(0);
