import { toNodeListener } from '../../adapters/http/node.js';
import { listen, type StartContender } from '../contender.js';
import { makeEndpoint } from './endpoint.js';

export const start: StartContender = (settings) => listen(toNodeListener(makeEndpoint(settings)));
