import { describeModel } from './model.js';

// The long form is model.long.test.ts.
describeModel(40);
