import { describeModel } from './model.js';

describeModel(Number(process.env.MODEL_RUNS ?? 300));
