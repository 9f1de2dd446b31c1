import { describeDecisions } from './describe-decisions.js';

describeDecisions({ reached: Number.POSITIVE_INFINITY, varied: 2 });
