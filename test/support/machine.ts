/**
 * What the tests take this machine for. `docker` has a container engine, `mosquitto` has only the binary of the broker, `bare` has
 * neither. Set by `SETPOINT_TEST_MACHINE`; what a smaller machine would not have is then not looked for.
 */
export type Machine = 'docker' | 'mosquitto' | 'bare';

const machines: readonly string[] = ['docker', 'mosquitto', 'bare'] satisfies Machine[];

/** The machine that the environment names; `undefined`: the tests use whatever they find. */
export function namedMachine(environment: NodeJS.ProcessEnv = process.env): Machine | undefined {
  const name = environment.SETPOINT_TEST_MACHINE;
  if (name === undefined || name === '') return undefined;
  if (!isMachine(name))
    throw new Error(`SETPOINT_TEST_MACHINE is ${name}: set it to ${machines.join(', ')} or not at all`);
  return name;
}

/** Whether the tests may look for a container engine. */
export const mayUseContainers = (machine = namedMachine()): boolean => machine === undefined || machine === 'docker';

/** Whether the tests may look for the binary of Mosquitto. A machine with `docker` proves the container. */
export const mayUseBinary = (machine = namedMachine()): boolean => machine === undefined || machine === 'mosquitto';

/**
 * Says loudly that tests are skipped because this machine lacks something.
 * @throws Error where the named machine should have it, and in CI where no machine is named
 */
export function skipLoudly(why: string, isExpected: boolean, environment: NodeJS.ProcessEnv = process.env): void {
  const text = `SKIPPED: ${why}`;
  const isNamed = namedMachine(environment) !== undefined;
  if (isNamed ? isExpected : environment.CI === 'true') throw new Error(text);
  console.warn(`\n*** ${text} ***\n`);
}

function isMachine(name: string): name is Machine {
  return machines.includes(name);
}
