import { stopOnSignal } from '../support/stop-on-signal.js';
import { oneLine } from './log.js';
import { startShop } from './start-shop.js';

const starting = startShop();

stopOnSignal(async () => {
  console.log('Closing the shop. Press Ctrl-C again to exit at once.');
  // The shop may still be starting.
  const shop = await starting.catch(() => undefined);
  await shop?.stop();
});

try {
  await starting;
} catch (error) {
  console.error(`The shop cannot start: ${oneLine(error)}`);
  process.exit(1);
}
