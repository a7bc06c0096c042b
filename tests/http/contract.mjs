// Every call of the OpenAPI document, made from the document: each answer has a status, a type and a body that it names.
// node contract.mjs DIALOGSD MODULES PAGES [OPTION...]: the options are dialogsd's
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startDialogsd } from './dialogsd.mjs';

const [program, modules, pages, ...options] = process.argv.slice(2);
const require = createRequire(join(modules, 'package.json'));
const SwaggerParser = require('@apidevtools/swagger-parser');
const { default: Ajv } = require('ajv-draft-04');

const document = await SwaggerParser.dereference(join(pages, 'openapi.yaml'));
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const ajv = new Ajv({ strict: false, formats: { uuid, 'date-time': time, date: /^\d{4}-\d\d-\d\d$/, password: true } });
const schemas = new Map();
const valid = (schema, value) => {
  if (!schemas.has(schema))
    schemas.set(schema, ajv.compile(schema));
  const check = schemas.get(schema);
  assert.ok(check(value), `${JSON.stringify(value)}: ${ajv.errorsText(check.errors)}`);
};

let service = await startDialogsd(program, options);
const seen = new Set();
let token = '';

// What a call is made of when nothing else is said: the examples of the document.
const example = (schema) => schema.example ?? schema.default
  ?? (schema.type === 'object' ? Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, example(each)])) : 'x');

async function read(answer, path) {
  if (!path.startsWith('/events') || answer.status !== 200)
    return answer.text();
  const { value } = await answer.body.getReader().read(); // its beginning: a stream has no end
  return new TextDecoder().decode(value);
}

// Makes the call of the document, changed as `change` says, and holds the answer against the document.
async function make(path, method, change = {}) {
  const operation = document.paths[path][method];
  const parameters = (operation.parameters ?? []).filter(({ required }) => required);
  const value = (each) => encodeURIComponent(change[each.name] ?? each.example ?? example(each.schema));
  let url = path;
  for (const each of parameters.filter((one) => one.in === 'path'))
    url = url.replace(`{${each.name}}`, value(each));
  const query = change.query ?? parameters.filter((one) => one.in === 'query').map((each) => `${each.name}=${value(each)}`).join('&');
  const headers = { ...(operation.security?.length && { Authorization: `Bearer ${token}` }), ...change.headers };
  const content = operation.requestBody?.content['application/json'];
  const body = change.body ?? (content && JSON.stringify(example(content.schema)));
  if (body !== undefined)
    headers['Content-Type'] ??= 'application/json';
  const answer = await fetch(`${service.url}${url}${query ? `?${query}` : ''}`, { method: method.toUpperCase(), headers, body });
  const text = await read(answer, path);
  const named = operation.responses[answer.status];
  const name = `${method} ${path} ${answer.status}`;
  assert.ok(named, `${name} is not in the document: ${text}`);
  const type = answer.headers.get('Content-Type')?.split(';')[0];
  if (!named.content)
    assert.equal(text, '', `${name} has a body`);
  else
    assert.ok(named.content[type], `${name} has the type ${type}`);
  if (type === 'application/json')
    valid(named.content[type].schema, JSON.parse(text));
  for (const [header, { required }] of Object.entries(named.headers ?? {}))
    assert.ok(!required || answer.headers.has(header), `${name} has no ${header}`);
  assert.ok(answer.headers.get('X-Request-Id'), name);
  seen.add(name);
  return { status: answer.status, text };
}

async function expect(status, path, method, change) {
  const answer = await make(path, method, change);
  assert.equal(answer.status, status, `${method} ${path} ${JSON.stringify(change)}: ${answer.text}`);
  return answer.text;
}

// Each call as its examples have it; giving the token back comes last.
async function good() {
  token = JSON.parse(await expect(200, '/login', 'post')).token;
  const all = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => [path, method]));
  await expect(200, '/dialog/{user_id}/send', 'post', { headers: { 'Idempotency-Key': 'contract' } });
  for (const [path, method] of all.filter(([path]) => path !== '/logout'))
    await expect(200, path, method);
  await expect(200, '/dialog/{user_id}/list', 'get', { query: 'limit=1&before=' });
  return all;
}

// Whatever the document says may go wrong with a call, as far as it can be brought about from outside.
async function bad(all) {
  for (const [path, method] of all) {
    const { responses, requestBody, security, parameters = [] } = document.paths[path][method];
    if (responses[406])
      await expect(406, path, method, { headers: { Accept: 'image/png' } });
    if (responses[415])
      await expect(415, path, method, { headers: { 'Content-Type': 'text/csv' }, body: 'a,b' });
    if (responses[413])
      await expect(413, path, method, { body: JSON.stringify({ text: 'x'.repeat(1e6) }) });
    if (security?.length)
      await expect(401, path, method, { headers: { Authorization: 'Bearer x' } });
    if (requestBody)
      await expect(400, path, method, { body: '[' });
    for (const each of parameters.filter((one) => one.in === 'path'))
      await expect(400, path, method, { [each.name]: 'nobody' });
  }
  const nobody = '00000000-0000-4000-8000-000000000000';
  await expect(400, '/user/search', 'get', { query: 'first_name=A' });
  await expect(400, '/events', 'get', { query: 'after=x' });
  await expect(404, '/user/get/{id}', 'get', { id: nobody });
  await expect(404, '/dialog/{user_id}/send', 'post', { user_id: nobody });
  await expect(404, '/login', 'post', { body: JSON.stringify({ id: nobody, password: 'x' }) });
  await expect(422, '/dialog/{user_id}/send', 'post', { headers: { 'Idempotency-Key': 'contract' }, body: '{"text":"other"}' });
  const wrong = { body: JSON.stringify({ id: '387ac1c1-6581-4ace-a113-707c8585fe28', password: 'wrong' }) };
  for (let i = 0; i < 10; i++)
    await expect(401, '/login', 'post', wrong);
  await expect(429, '/login', 'post', wrong);
}

// What is switched off is said to be.
async function withoutFeeds() {
  assert.equal(await service.stop(), 0);
  service = await startDialogsd(program, [...options, '--set', 'feed=off']);
  token = JSON.parse(await expect(200, '/login', 'post')).token;
  await expect(501, '/events', 'get');
}

try {
  await bad(await good());
  await expect(200, '/logout', 'post');
  await expect(401, '/logout', 'post');
  await withoutFeeds();
} finally {
  assert.equal(await service.stop(), 0);
}
console.log(`${seen.size} kinds of answers agree`);
process.exit(0);
