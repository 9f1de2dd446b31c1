import { parse } from 'node:querystring';
import pg from 'pg';
import { type ContenderSettings, listen, orderUpdate, plainUpdate, type StartContender } from '../contender.js';
import { digestHolds } from './digest-holds.js';

const headers = { 'Content-Type': 'text/plain', 'Content-Length': 9 };

/** BEGIN, UPDATE of the payment, UPDATE of the order, COMMIT: what an experienced engineer writes by hand. */
export const start: StartContender = (settings) => serve(settings, false);

/** @param pipeline whether the statements are sent without waiting for the replies of those before them */
export function serve({ databaseUrl, secretKey }: ContenderSettings, pipeline: boolean) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10, idleTimeoutMillis: 0, pipeline } as pg.PoolConfig);

  async function settle(txnid: unknown, status: unknown, refno: unknown): Promise<void> {
    const client = await pool.connect();
    const statements = [
      () => client.query('begin'),
      () => client.query({ name: 'settle', text: plainUpdate, values: [txnid, status, refno] }),
      () => client.query({ name: 'order', text: orderUpdate, values: [txnid] }),
      () => client.query('commit'),
    ];
    try {
      if (pipeline) await Promise.all(statements.map((statement) => statement()));
      else for (const statement of statements) await statement();
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

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
      settle(fields.txnid, fields.status, fields.refno).then(
        () => {
          response.writeHead(200, headers);
          response.end('result=OK');
        },
        () => response.writeHead(503).end(),
      );
    });
  });
}
