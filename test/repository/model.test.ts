import { describeModel } from './describe-model.js';

// The long form is in model.long.test.ts.
describeModel(40);
