import { parse } from 'node:querystring';
import { listen, makePool, plainUpdate, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

const headers = { 'Content-Type': 'text/plain', 'Content-Length': 9 };

/** Raw node:http and a named statement: what an experienced engineer writes by hand. */
export const start: StartContender = ({ databaseUrl, secretKey }) => {
  const pool = makePool(databaseUrl);
  return listen((request, response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= 16_384) chunks.push(chunk);
    });
    request.on('end', () => {
      if (length > 16_384) return void response.writeHead(413).end();
      const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      const fields = parse(body.toString('latin1'));
      if (!digestHolds(fields, secretKey)) return void response.writeHead(400).end();
      pool.query({ name: 'settle', text: plainUpdate, values: [fields.txnid, fields.status, fields.refno] }).then(
        () => {
          response.writeHead(200, headers);
          response.end('result=OK');
        },
        () => response.writeHead(503).end(),
      );
    });
  });
};
