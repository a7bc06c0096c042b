// The service that a Node programmer writes: Fastify and pg, clustered over the cores, with the classic SQL. It
// believes the caller's name without a token, which makes it faster than it could be. Prints its port.
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import Fastify from 'fastify'
import pg from 'pg'

const [conninfo, port] = process.argv.slice(2)
const INSERT = 'INSERT INTO dialogs (user_id, to_user_id, text, create_date) VALUES ($1, $2, $3, now())'
const LIST =
  'SELECT user_id::text AS "From", to_user_id::text AS "To", text AS "Text" FROM dialogs WHERE ' +
  '(user_id = $1 AND to_user_id = $2) OR (user_id = $2 AND to_user_id = $1) ORDER BY create_date'

async function serve() {
  const settings = Object.fromEntries(conninfo.split(' ').map((word) => word.split('=')))
  const pool = new pg.Pool({
    host: settings.host, port: Number(settings.port), user: settings.user, database: settings.dbname, max: 32,
  })
  const app = Fastify()
  app.post('/dialog/:user/send', async (request, reply) => {
    const values = [request.headers['x-user'], request.params.user, request.body.text]
    await pool.query({ name: 'send', text: INSERT, values })
    return reply.code(201).send({})
  })
  app.get('/dialog/:user/list', async (request) => {
    const values = [request.headers['x-user'], request.params.user]
    return (await pool.query({ name: 'list', text: LIST, values })).rows
  })
  await app.listen({ host: '127.0.0.1', port: Number(port) })
  process.send('listening')
}

if (cluster.isPrimary) {
  let waiting = availableParallelism()
  for (let i = waiting; i > 0; i--)
    cluster.fork().on('message', () => --waiting || console.log(port))
  process.stdin.resume().on('end', () => process.exit())
} else {
  await serve()
}
