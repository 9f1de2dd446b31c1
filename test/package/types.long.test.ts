import { describeTypes } from './describe-types.js';

describeTypes('TypeScript 5.9');
