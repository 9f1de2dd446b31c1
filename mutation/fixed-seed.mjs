import fc from 'fast-check';

// With random inputs, a mutant would live in one run and die in the next.
fc.configureGlobal({ seed: 1 });
