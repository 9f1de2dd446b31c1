import { parse } from 'node:querystring';
import fastify from 'fastify';
import { makePool, plainUpdate, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

/** Fastify with a named statement and a one-line form parser, which does what @fastify/formbody does. */
export const start: StartContender = async ({ databaseUrl, secretKey }) => {
  const pool = makePool(databaseUrl);
  const app = fastify({ bodyLimit: 16_384 });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, parse(body as string)),
  );
  app.post('/dragonpay/callback', async (request, reply) => {
    const fields = request.body as Record<string, string>;
    if (!digestHolds(fields, secretKey)) return reply.code(400).send();
    await pool.query({ name: 'settle', text: plainUpdate, values: [fields.txnid, fields.status, fields.refno] });
    return reply.type('text/plain').send('result=OK');
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server;
};
