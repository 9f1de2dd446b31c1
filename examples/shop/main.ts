import { oneLine } from './log.js';
import { startShop } from './start-shop.js';

const starting = startShop();

// A signal waits for a start that is under way, and then stops what has started. A second one waits for nothing; but
// the terminal and npm each hand one ^C on, so what comes at the same time is the same.
let stoppedAt: number | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, async () => {
    const now = performance.now();
    if (stoppedAt !== undefined && now - stoppedAt > 500) process.exit(1);
    if (stoppedAt !== undefined) return;
    stoppedAt = now;
    console.log('Closing the shop. Once more to leave at once.');
    const shop = await starting.catch(() => undefined);
    await shop?.stop();
    process.exit(0);
  });
}

try {
  await starting;
} catch (error) {
  console.error(`The shop cannot open: ${oneLine(error)}`);
  process.exit(1);
}
