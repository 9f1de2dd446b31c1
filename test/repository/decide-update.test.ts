import { describeDecisions } from './describe-decisions.js';

// The long form, with everything that a row can have reached, is decide-update.long.test.ts.
describeDecisions({ reached: 1, varied: 0 });
