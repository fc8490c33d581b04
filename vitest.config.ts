import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const unit = ['packages/*/src/**/*.test.ts', 'apps/*/src/**/*.test.ts', 'examples/**/*.test.ts', 'test/*.test.ts'];

/** Tests that sync a disk, start processes or try thousands of generated cases: they take seconds a file. */
const thorough = [
  '**/*.properties.test.ts',
  'apps/cli/src/author/template.test.ts',
  'apps/config-authority/src/**/events.test.ts',
  'apps/config-authority/src/sources/**/*.test.ts',
  'packages/client/src/connect/connect.test.ts',
  'packages/client/src/last-good/**/*.test.ts',
  'packages/engine/src/decide/decide.layers.test.ts',
  'packages/engine/src/store/sqlite/**/*.test.ts',
  'packages/protocol/src/**/{envelope*,message,pointer}.test.ts',
  'packages/testing/src/readme.test.ts',
  'test/docs/**/*.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      project('fast', unit, thorough),
      project('thorough', thorough),
      project('brokers', ['test/{bus,chaos,integration,support}/**/*.test.ts']),
      project('browser', ['test/browser/**/*.test.ts']),
    ],
    // Two real brokers and several processes share the machine; more workers only make the clock run late.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**', 'apps/*/src/**'],
      // Code for browsers runs in one, where nobody counts its lines.
      exclude: ['**/*.test.ts', '**/*.browser.ts', '**/main.ts'],
      thresholds: { lines: 90 },
    },
  },
});

function project(name: string, include: string[], exclude: string[] = []): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      name,
      include,
      exclude: ['**/node_modules/**', ...exclude],
      // Ends a test that hangs. No test measures speed by it: a machine that is busy with other work passes too.
      testTimeout: 60_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: 30_000 } },
      retry: 0,
    },
  };
}
