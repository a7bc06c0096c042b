// Users of a dialogsd, as its clients' tests need them.
import assert from 'node:assert/strict';

async function post(url, body, token) {
  const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${url}: ${text}`);
  return text ? JSON.parse(text) : undefined;
}

// For a dialogsd whose users come in crowds, all from one address.
// Streams of a crowd that has just gone may still count for a moment.
export const crowdOptions = ['--streams-per-user', '100', '--registrations', '0', '--connections-per-address', '0',
  '--set', 'hash_memory_kib=8', '--set', 'hash_operations=1'];

export async function makePerson(url) {
  const { user_id: id } = await post(`${url}/user/register`, { first_name: 'A', second_name: 'B', password: 'string-1' });
  const { token } = await post(`${url}/login`, { id, password: 'string-1' });
  return { id, token };
}

export const makePeople = async (url, count) => {
  const people = [];
  for (let i = 0; i < count; i++)
    people.push(await makePerson(url));
  return people;
};

export const send = (url, from, to, text) => post(`${url}/dialog/${to.id}/send`, { text }, from.token);
