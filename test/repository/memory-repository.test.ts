import { MemoryRepository } from '../../src/index.js';
import { repositoryConformance } from '../../src/testing.js';

describe('MemoryRepository', () => {
  for (const { name, run } of repositoryConformance(() => ({ repository: new MemoryRepository() }))) it(name, run);
});
