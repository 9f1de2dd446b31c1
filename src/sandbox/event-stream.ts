import type { ServerResponse } from 'node:http';
import type { WebReply } from './exchange.js';
import type { PostbackLog } from './postback-log.js';

/** So that what lies between does not take a quiet stream for a dead one, in milliseconds. */
const heartbeat = 15_000;

/** Server-sent events: one after every change, which says no more than that there is one. */
export function eventStream(log: PostbackLog): WebReply {
  return {
    stream: (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      response.write(': listening\n\n');
      const forget = log.listen(() => response.write('data: changed\n\n'));
      const timer = setInterval(() => response.write(': still here\n\n'), heartbeat);
      response.on('close', () => {
        forget();
        clearInterval(timer);
      });
    },
  };
}
