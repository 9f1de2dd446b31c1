import { oneLine } from './log.js';
import { startShop } from './start-shop.js';

const starting = startShop();

// A signal waits until the shop has started, and then stops it. A second signal exits at once. The terminal and npm
// both pass a Ctrl-C on, so two signals within half a second count as one.
let stoppedAt: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    const now = performance.now();
    if (stoppedAt !== undefined && now - stoppedAt > 500) process.exit(1);
    if (stoppedAt !== undefined) return;
    stoppedAt = now;
    console.log('Closing the shop. Press Ctrl-C again to exit at once.');
    const shop = await starting.catch(() => undefined);
    await shop?.stop();
    process.exit(0);
  });
}

try {
  await starting;
} catch (error) {
  console.error(`The shop cannot start: ${oneLine(error)}`);
  process.exit(1);
}
