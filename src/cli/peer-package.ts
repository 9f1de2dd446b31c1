import { CommandFailure, exitCodes } from './command-failure.js';

/** Imports something that needs kysely or pg, which are optional: what to install is said where they are missing. */
export async function withPeer<Module>(importing: Promise<Module>): Promise<Module> {
  try {
    return await importing;
  } catch (error) {
    const [, name] = /Cannot find package '(kysely|pg)'/.exec((error as Error).message) ?? [];
    if (name === undefined) throw error;
    throw new CommandFailure(
      `this command needs ${name}: install it beside dragonpay-callback, with npm install kysely pg`,
      exitCodes.usage,
    );
  }
}
