import { describeModel } from './describe-model.js';

// The long form is model.long.test.ts.
describeModel(40);
