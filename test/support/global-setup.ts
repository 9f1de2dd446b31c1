import { offerTestServer } from './test-server.js';

let stop: (() => Promise<void>) | undefined;

// Mocha calls these once, in its main process, also when the test files run in worker processes.
export async function mochaGlobalSetup(): Promise<void> {
  stop = await offerTestServer();
}

export async function mochaGlobalTeardown(): Promise<void> {
  await stop?.();
}
