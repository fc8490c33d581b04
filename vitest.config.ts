import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'examples/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // Two real brokers and several processes share the machine; more workers only make the clock run late.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**', 'apps/*/src/**'],
      // What is for browsers runs in one, where nobody counts its lines.
      exclude: ['**/*.test.ts', '**/*.browser.ts', '**/main.ts'],
      thresholds: { lines: 90 },
    },
  },
});
