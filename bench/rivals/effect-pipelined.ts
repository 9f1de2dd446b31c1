import type { StartContender } from '../contender.js';
import { serve } from './effect.js';

/** Like effect.ts, with the pipeline mode of node-postgres. */
export const start: StartContender = (settings) => serve(settings, true);
