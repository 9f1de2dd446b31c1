import { parse } from 'node:querystring';
import pg from 'pg';
import { listen, plainUpdate, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

const headers = { 'Content-Type': 'text/plain', 'Content-Length': 9 };
const connections = 4;

/** Like node-http.ts, with the pipeline mode of node-postgres. The goals do not require this comparison. */
export const start: StartContender = async ({ databaseUrl, secretKey }) => {
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const client = new pg.Client({ connectionString: databaseUrl, pipeline: true } as pg.ClientConfig);
      await client.connect();
      return client;
    }),
  );
  let turn = 0;
  return listen((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      const fields = parse(body.toString('latin1'));
      if (!digestHolds(fields, secretKey)) return void response.writeHead(400).end();
      turn = (turn + 1) % connections;
      const client = clients[turn] as pg.Client;
      client.query({ name: 'settle', text: plainUpdate, values: [fields.txnid, fields.status, fields.refno] }).then(
        () => {
          response.writeHead(200, headers);
          response.end('result=OK');
        },
        () => response.writeHead(503).end(),
      );
    });
  });
};
