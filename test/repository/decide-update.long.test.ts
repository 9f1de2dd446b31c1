import { describeDecisions } from './describe-decisions.js';

describeDecisions(Number.POSITIVE_INFINITY);
