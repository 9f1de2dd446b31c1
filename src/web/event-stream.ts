import type { ServerResponse } from 'node:http';
import type { WebReply } from './router.js';

/** So that what lies between does not take a quiet stream for a dead one, in milliseconds. */
const heartbeat = 15_000;

/** Server-sent events: one after every change, which says no more than that there is one. */
export function eventStream(listen: (listener: () => void) => () => void): WebReply {
  return {
    stream: (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      response.write(': listening\n\n');
      const forget = listen(() => response.write('data: changed\n\n'));
      const timer = setInterval(() => response.write(': still here\n\n'), heartbeat);
      response.on('close', () => {
        forget();
        clearInterval(timer);
      });
    },
  };
}
