/** A process that sends one form many times on one connection, without waiting for replies. `attacked.ts` starts it. */
import { connect } from 'node:net';

/** How many requests are written at once. */
const atOnce = 500;

process.on('message', ({ port, form, count }: { port: number; form: string; count: number }) => {
  const type = 'application/x-www-form-urlencoded';
  const request = `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: ${form.length}\r\n\r\n${form}`;
  const statuses: Record<string, number> = {};
  let answered = 0;
  let rest = '';
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1').on('data', (text: string) => {
    const received = rest + text;
    let end = 0;
    for (const match of received.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      const [whole, status = ''] = match;
      statuses[status] = (statuses[status] ?? 0) + 1;
      answered++;
      end = match.index + whole.length;
    }
    // A status line may be divided between two packets.
    rest = received.slice(Math.max(end, received.length - 16));
    if (answered === count) {
      socket.destroy();
      process.send?.(statuses);
    }
  });
  socket.on('error', (error) => process.send?.({ [error.message]: 1 }));
  socket.on('end', () => process.send?.({ ...statuses, 'the server closed the connection': 1 }));
  for (let sent = 0; sent < count; sent += atOnce) socket.write(request.repeat(Math.min(atOnce, count - sent)));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
