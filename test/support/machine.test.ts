import { describe, expect, it, vi } from 'vitest';
import { mayUseBinary, mayUseContainers, namedMachine, skipLoudly } from './machine.ts';

describe('House-71-Named-Machine: the machine that the tests run on', () => {
  it('is what SETPOINT_TEST_MACHINE names, or what the tests find', () => {
    expect(namedMachine({ SETPOINT_TEST_MACHINE: 'bare' })).toBe('bare');
    expect(namedMachine({ SETPOINT_TEST_MACHINE: '' })).toBeUndefined();
    expect(namedMachine({})).toBeUndefined();
    expect(() => namedMachine({ SETPOINT_TEST_MACHINE: 'podman' })).toThrow(
      'SETPOINT_TEST_MACHINE is podman: set it to docker, mosquitto, bare or not at all',
    );
  });

  it.each([
    { machine: 'docker', containers: true, binary: false },
    { machine: 'mosquitto', containers: false, binary: true },
    { machine: 'bare', containers: false, binary: false },
  ] as const)('$machine hides what such a machine would not have', ({ machine, containers, binary }) => {
    expect([mayUseContainers(machine), mayUseBinary(machine)]).toEqual([containers, binary]);
  });

  it('fails the run when it lacks what it was named for, and warns when it need not have it', () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue();
    expect(() => skipLoudly('no broker', true, { SETPOINT_TEST_MACHINE: 'docker' })).toThrow('SKIPPED: no broker');
    skipLoudly('no broker', false, { SETPOINT_TEST_MACHINE: 'bare', CI: 'true' });
    expect(warn.mock.calls).toEqual([['\n*** SKIPPED: no broker ***\n']]);
    warn.mockRestore();
  });

  it('fails the run in CI when it lacks something and no machine is named', () => {
    expect(() => skipLoudly('no broker', true, { CI: 'true' })).toThrow('SKIPPED: no broker');
  });
});
