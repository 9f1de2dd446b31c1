import type { ServerResponse } from 'node:http';
import type { WebReply } from './router.js';

/** Interval of comments that keep proxies from closing an idle stream, in milliseconds. */
const heartbeat = 15_000;

/** A reply of server-sent events: one event without details after every change. */
export function eventStream(listen: (listener: () => void) => () => void): WebReply {
  return {
    stream: (response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
      response.write(': listening\n\n');
      const stop = listen(() => response.write('data: changed\n\n'));
      const timer = setInterval(() => response.write(': heartbeat\n\n'), heartbeat);
      response.on('close', () => {
        stop();
        clearInterval(timer);
      });
    },
  };
}
