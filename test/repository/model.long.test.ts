import { describeModel } from './describe-model.js';

describeModel(Number(process.env.MODEL_RUNS ?? 120));
