// The API page in a real browser: log in, authorize, send, list; no error on the console, nothing loaded from elsewhere.
// node swagger.mjs DIALOGSD MODULES SCREENSHOT
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startDialogsd } from './dialogsd.mjs';

const [program, modules, screenshot] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, 'package.json'))('playwright-core');
const boris = 'aa45b640-d501-4101-83f2-de96b672129f';
const text = `From the page, at ${new Date().toISOString()}: "quotes" & <b>tags</b>`;

// Opens a call, presses Try it out, fills in, executes; returns the status and the text of the answer.
async function call(page, id, fill) {
  const block = page.locator(`.opblock[id$="-${id}"]`);
  await block.locator('.opblock-summary-control').click();
  await block.getByRole('button', { name: 'Try it out' }).click();
  await fill(block);
  await block.getByRole('button', { name: 'Execute' }).click();
  const live = block.locator('.live-responses-table .response');
  await live.waitFor();
  const status = (await live.locator('.response-col_status').innerText()).trim();
  const body = live.locator('.highlight-code pre, .highlight-code code').first();
  return { status, body: (await body.count()) ? await body.innerText() : '' };
}

async function useThePage(page, url) {
  await page.goto(`${url}/`);
  assert.equal(page.url(), `${url}/swagger/index.html`);
  assert.equal(await page.title(), 'Dialogs API');
  await page.locator('.info .title').waitFor();

  const login = await call(page, 'login', async () => {});
  assert.equal(login.status.split(/\s/)[0], '200', login.body);
  const { token } = JSON.parse(login.body);
  assert.match(token, /^v4\.public\./);

  const refused = await call(page, 'listMessages', async () => {});
  assert.equal(refused.status.split(/\s/)[0], '401');
  await page.goto(`${url}/swagger/index.html?again`); // without the "#" that keeps calls open

  await page.getByRole('button', { name: 'Authorize' }).first().click();
  await page.locator('.auth-container input').fill(token);
  await page.locator('.auth-btn-wrapper').getByRole('button', { name: /Authorize|Apply/ }).click();
  await page.locator('.auth-btn-wrapper').getByRole('button', { name: 'Close' }).click();

  const sent = await call(page, 'sendMessage', async (block) =>
    block.locator('textarea.body-param__text').fill(JSON.stringify({ text })));
  assert.equal(sent.status.split(/\s/)[0], '200', sent.body);
  const listed = await call(page, 'listMessages', async () => {});
  assert.equal(listed.status.split(/\s/)[0], '200', listed.body);
  const message = JSON.parse(listed.body).at(-1);
  assert.equal(message.text, text);
  assert.equal(message.to, boris);
  await listen(page, token);
  await listenByTicket(page, token);
  await lookForNews(page, url);
}

// A page of ours listens, and hears what it sends.
async function listen(page, token) {
  const heard = await page.evaluate(async ({ token, boris }) => {
    const headers = { Authorization: `Bearer ${token}` };
    const stream = await fetch('/events', { headers });
    const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
    await fetch(`/dialog/${boris}/send`, { method: 'POST', body: JSON.stringify({ text: 'heard by the browser' }),
      headers: { ...headers, 'Content-Type': 'application/json' } });
    let text = '';
    while (!text.includes('heard by the browser'))
      text += (await reader.read()).value;
    await reader.cancel();
    return text;
  }, { token, boris });
  assert.match(heard, /\nid: [\w-]+\nevent: message\ndata: {"from":"387ac1c1-.*"text":"heard by the browser".*}\n\n/);
}

// The browser's own EventSource: with a ticket, once.
async function listenByTicket(page, token) {
  const heard = await page.evaluate(async ({ token, boris }) => {
    const headers = { Authorization: `Bearer ${token}` };
    const { ticket } = await (await fetch('/events/ticket', { method: 'POST', headers })).json();
    const source = new EventSource(`/events?ticket=${ticket}`);
    const next = (name) => new Promise((resolve) => source.addEventListener(name, resolve, { once: true }));
    await next('cursor');
    const message = next('message');
    await fetch(`/dialog/${boris}/send`, { method: 'POST', headers, body: JSON.stringify({ text: 'by ticket' }) }); // text/plain
    const { data, lastEventId } = await message;
    source.close();
    const used = (await fetch(`/events?ticket=${ticket}`)).status;
    return { text: JSON.parse(data).text, lastEventId, used };
  }, { token, boris });
  assert.equal(heard.text, 'by ticket');
  assert.match(heard.lastEventId, /^[\w-]+$/);
  assert.equal(heard.used, 401);
}

// What the document says of streams, msgpack and pages can be seen.
async function lookForNews(page, url) {
  await page.goto(`${url}/swagger/index.html?news`);
  await page.locator('.opblock[id$="-listenToEvents"] .opblock-summary-control').click();
  await page.locator('.opblock[id$="-listenToEvents"] tr[data-param-name="Last-Event-ID"]').waitFor();
  await page.locator('.opblock[id$="-listMessages"] .opblock-summary-control').click();
  for (const name of ['limit', 'before', 'after'])
    await page.locator(`.opblock[id$="-listMessages"] tr[data-param-name="${name}"]`).waitFor();
  const types = page.locator('.opblock[id$="-listMessages"] .response-controls select option').first();
  await types.waitFor({ state: 'attached' });
  const offered = await page.locator('.opblock[id$="-listMessages"] .response-controls select').first().innerText();
  assert.match(offered, /application\/vnd\.msgpack/);
}

const service = await startDialogsd(program);
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1200, height: 1400 } });
  const complaints = [];
  const elsewhere = [];
  page.on('console', (message) => {
    // The browser itself reports the 401 that we asked for.
    if (['error', 'warning'].includes(message.type()) && !/status of 401/.test(message.text()))
      complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(service.url) && !request.url().startsWith('data:'))
      elsewhere.push(request.url());
  });
  await page.goto(`${service.url}/swagger/index.html`);
  await page.locator('.info .title').waitFor();
  await page.screenshot({ path: `${screenshot}-page.png` });
  await useThePage(page, service.url);
  await page.screenshot({ path: `${screenshot}-used.png`, fullPage: true });
  assert.deepEqual(complaints, []);
  assert.deepEqual(elsewhere, []);
} finally {
  await browser.close();
  assert.equal(await service.stop(), 0);
}
console.log('the page works');
