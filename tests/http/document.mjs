// The OpenAPI document is valid, agrees with the routes of dialogsd, and has all that customary clients know.
// node document.mjs DIALOGSD MODULES PAGES
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [dialogsd, modules, pages] = process.argv.slice(2);
const SwaggerParser = createRequire(join(modules, 'package.json'))('@apidevtools/swagger-parser');

const fromYaml = await SwaggerParser.parse(join(pages, 'openapi.yaml'));
const fromJson = JSON.parse(readFileSync(join(pages, 'openapi.json'), 'utf8'));
assert.deepEqual(fromYaml, fromJson, 'openapi.yaml and openapi.json differ');
const document = await SwaggerParser.validate(join(pages, 'openapi.yaml'));
assert.equal(document.openapi, '3.0.3');

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })));

// The routes and the document: the same calls.
const routes = execFileSync(dialogsd, ['--routes'], { encoding: 'utf8' }).trim().split('\n');
assert.deepEqual(routes.toSorted(), operations.map(({ name }) => name).toSorted());

// What clients of the customary specification know, and which codes they are ready for.
const known = {
  'POST /login': { codes: ['200', '400', '404', '500', '503'], body: ['id', 'password'] },
  'POST /user/register': { codes: ['200', '400', '500', '503'],
    body: ['first_name', 'second_name', 'birthdate', 'biography', 'city', 'password'] },
  'GET /user/get/{id}': { codes: ['200', '400', '404', '500', '503'], parameters: ['id'] },
  'GET /user/search': { codes: ['200', '400', '500', '503'], parameters: ['first_name', 'last_name'] },
  'POST /dialog/{user_id}/send': { codes: ['200', '400', '401', '500', '503'], body: ['text'], parameters: ['user_id'], token: true },
  'GET /dialog/{user_id}/list': { codes: ['200', '400', '401', '500', '503'], parameters: ['user_id'], token: true },
};
for (const [name, { codes, body = [], parameters = [], token = false }] of Object.entries(known)) {
  const { operation } = operations.find((one) => one.name === name);
  for (const code of codes)
    assert.ok(operation.responses[code], `${name} has no ${code}`);
  // One type: clients made from the document take the first, or ask which.
  assert.deepEqual(Object.keys(operation.requestBody?.content ?? {}), body.length ? ['application/json'] : [], name);
  if (body.length)
    assert.deepEqual(Object.keys(operation.requestBody.content['application/json'].schema.properties), body, name);
  const required = (operation.parameters ?? []).filter((parameter) => parameter.required).map((parameter) => parameter.name);
  assert.deepEqual(required, parameters, `${name}: required parameters`);
  assert.deepEqual(operation.security ?? [], token ? [{ bearerAuth: [] }] : [], `${name}: security`);
}
assert.deepEqual(document.components.schemas.DialogMessage.required.slice(0, 3), ['from', 'to', 'text']);
assert.deepEqual(document.components.securitySchemes.bearerAuth.scheme, 'bearer');
assert.equal(document.paths['/dialog/{user_id}/send'].post.responses['200'].content, undefined, 'send answers with a body');

// Ours: every call has a name, a tag, and errors that look like errors.
const ids = operations.map(({ operation }) => operation.operationId);
assert.equal(new Set(ids).size, ids.length, 'operationIds are not unique');
for (const { name, operation } of operations) {
  assert.ok(operation.summary && operation.tags.length === 1, name);
  for (const [code, response] of Object.entries(operation.responses)) {
    if (code === '200')
      continue;
    const schema = response.content?.['application/json']?.schema;
    assert.deepEqual(Object.keys(schema?.properties ?? {}), ['message', 'request_id', 'code', 'fate'], `${name} ${code}`);
    assert.ok(!((code >= 500 && code !== '501') || code === '429') || response.headers['Retry-After'], `${name} ${code}: no Retry-After`);
  }
}
console.log(`${routes.length} calls agree`);
