/*
 * Our tokens against another implementation: npm's `paseto`, which signs with OpenSSL, and
 * @stablelib/blake2b for key ids.
 *
 *   node paseto.mjs PACKAGES TOOL [VECTORS...]
 *
 * PACKAGES has node_modules; TOOL is tests/peer/paseto_tool.c; VECTORS are files in the format of
 * the PASETO standard's test vectors (v4.json), checked as well.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'

const [packages, tool, ...files] = process.argv.slice(2)
const require = createRequire(join(resolve(packages), 'package.json'))
const { V2, V3, V4 } = require('paseto')
const { BLAKE2b } = require('@stablelib/blake2b')

const scratch = mkdtempSync(join(tmpdir(), 'dialogs-test-'))
after(() => rmSync(scratch, { recursive: true }))

const run = (...args) => execFileSync(tool, args, { encoding: 'utf8' }).slice(0, -1).split('\n')
const hex = (value) => Buffer.from(value).toString('hex')

const secretBytes = (key) => V4.keyObjectToBytes(key)
const publicBytes = (key) => secretBytes(key).subarray(32)

/* One case in the standard's format. */
function check(vector) {
  const key = vector['public-key'] ?? hex(randomBytes(32))
  const opened = run('open', key, vector.token, hex(vector['implicit-assertion']))
  if (vector['expect-fail'] || !vector.token.startsWith('v4.public.')) {
    assert.deepEqual(opened, ['refused'], vector.name)
    return
  }
  assert.deepEqual(opened.map((line) => Buffer.from(line, 'hex').toString()), [vector.payload, vector.footer], vector.name)
  const signed = run('sign', vector['secret-key'], hex(vector.payload), hex(vector.footer), hex(vector['implicit-assertion']))
  assert.deepEqual(signed, [vector.token], vector.name)
}

async function vectorOf(name, key, payload, footer, assertion) {
  const options = { ...(footer && { footer }), ...(assertion && { assertion }) }
  return {
    name,
    'expect-fail': false,
    'public-key': hex(publicBytes(key)),
    'secret-key': hex(secretBytes(key)),
    token: await V4.sign(Buffer.from(payload), key, options),
    payload,
    footer,
    'implicit-assertion': assertion,
  }
}

test('signs as the other does, byte for byte', async () => {
  const payloads = ['{}', '{"text":"ž漢🙂","exp":"2039-01-01T00:00:00+00:00"}', 'x'.repeat(2000)]
  const extras = ['', '{"kid":"a key"}', 'é'.repeat(40)]
  for (const payload of payloads)
    for (const footer of extras)
      for (const assertion of extras) check(await vectorOf('generated', await V4.generateKey('public'), payload, footer, assertion))
})

test('refuses what the other made for somebody else', async () => {
  const key = await V4.generateKey('public')
  const good = await vectorOf('good', key, '{"data":"x"}', 'footer', 'assertion')
  const refuse = (name, changes) => check({ ...good, name, 'expect-fail': true, ...changes })
  check(good)
  refuse('another assertion', { 'implicit-assertion': 'another' })
  refuse('no assertion', { 'implicit-assertion': '' })
  refuse('another key', { 'public-key': hex(randomBytes(32)) })
  refuse('padded', { token: `${good.token}=` })
  refuse('no footer', { token: good.token.split('.').slice(0, 3).join('.') })
  refuse('another footer', { token: good.token.replace(/[^.]*$/, Buffer.from('another').toString('base64url')) })
  const old = await V2.generateKey('public')
  refuse('v2.public', { token: await V2.sign({ a: 1 }, old), 'public-key': hex(V2.keyObjectToBytes(old).subarray(32)), 'implicit-assertion': '' })
  refuse('v3.public', { token: await V3.sign({ a: 1 }, await V3.generateKey('public')), 'implicit-assertion': '' })
  refuse('v3.local', { token: await V3.encrypt({ a: 1 }, await V3.generateKey('local')), 'implicit-assertion': '' })
})

test('key ids', async () => {
  for (let i = 0; i < 8; i++) {
    const bytes = publicBytes(await V4.generateKey('public'))
    const digest = new BLAKE2b(33).update(Buffer.from(`k4.pid.k4.public.${bytes.toString('base64url')}`)).digest()
    assert.deepEqual(run('id', hex(bytes)), [`k4.pid.${Buffer.from(digest).toString('base64url')}`])
  }
})

/* A key file of one PASERK that the other made. */
async function keyFile() {
  const pair = await V4.generateKey('public', { format: 'paserk' })
  const file = join(scratch, randomUUID())
  writeFileSync(file, `# made by the other\n${pair.secretKey}\n`, { mode: 0o600 })
  const [id] = run('id', hex(Buffer.from(pair.publicKey.slice(10), 'base64url')))
  return { ...pair, file, footer: { kid: id } }
}

test('the other verifies our tokens', async () => {
  const keys = await keyFile()
  const user = randomUUID()
  const [token] = run('issue', keys.file, 'our issuer', user, '3600')
  const { payload, footer } = await V4.verify(token, keys.publicKey, { issuer: 'our issuer', subject: user, complete: true })
  assert.deepEqual(JSON.parse(footer), keys.footer)
  assert.equal(Date.parse(payload.exp) - Date.parse(payload.iat), 3600_000)
  assert.ok(Math.abs(Date.parse(payload.iat) - Date.now()) < 60_000)
  assert.equal(payload.nbf, payload.iat)
  assert.match(payload.jti, /^[-_A-Za-z0-9]{22}$/)
  const later = new Date(Date.now() + 3601_000)
  await assert.rejects(V4.verify(token, keys.publicKey, { now: later }), /expired/)
  await assert.rejects(V4.verify(token, (await keyFile()).publicKey), /invalid signature/)
})

test('we verify tokens of the other', async () => {
  const keys = await keyFile()
  const user = randomUUID()
  const make = (options, key = keys) =>
    V4.sign({ sub: user }, key.secretKey, { issuer: 'our issuer', expiresIn: '1 hour', footer: keys.footer, ...options })
  const verify = async (options, key) => run('verify', keys.file, 'our issuer', await make(options, key))[0]
  const [found, expires] = (await verify({ jti: 'x', audience: 'anybody' })).split(' ')
  assert.equal(found, user)
  assert.ok(Math.abs(Number(expires) / 1000 - Date.now() - 3600_000) < 60_000)
  assert.equal((await verify({ notBefore: '0 seconds' })).split(' ')[0], user)
  assert.equal(await verify({ now: new Date(Date.now() - 3601_000) }), 'DLG_E_TOKEN_EXPIRED')
  assert.equal(await verify({ notBefore: '1 minute' }), 'DLG_E_TOKEN_EXPIRED')
  assert.equal(await verify({ issuer: 'another' }), 'DLG_E_TOKEN')
  assert.equal(await verify({ footer: undefined }), 'DLG_E_TOKEN')
  assert.equal(await verify({ assertion: 'something' }), 'DLG_E_TOKEN')
  assert.equal(await verify({}, await keyFile()), 'DLG_E_TOKEN')
})

for (const file of files)
  test(file, () => {
    const { tests } = JSON.parse(readFileSync(file, 'utf8'))
    assert.ok(tests.length > 0)
    tests.forEach(check)
  })
