import { describeDecisions } from './describe-decisions.js';

// The long form is in decide-update.long.test.ts. It covers every set of statuses that a row can have reached.
describeDecisions({ reached: 1, varied: 0 });
