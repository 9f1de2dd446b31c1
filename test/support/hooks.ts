import { stopTestServer } from './database.js';

export const mochaHooks = {
  async afterAll() {
    await stopTestServer();
  },
};
