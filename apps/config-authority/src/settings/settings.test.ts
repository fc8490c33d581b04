import { delimiter } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSettings, type Settings } from './settings.ts';

function settingsOf(environment: NodeJS.ProcessEnv, isTerminal = false): Settings {
  const outcome = readSettings(environment, isTerminal);
  if (outcome.kind === 'faults') throw new Error(outcome.faults.join('\n'));
  return outcome.settings;
}

function faultsOf(environment: NodeJS.ProcessEnv): readonly string[] {
  const outcome = readSettings(environment, false);
  return outcome.kind === 'faults' ? outcome.faults : [];
}

describe('the settings of the authority', () => {
  it('have the documented defaults when nothing is set', () => {
    expect(settingsOf({ PATH: '/bin' })).toEqual({
      mqttUrl: undefined,
      brokerHost: '127.0.0.1',
      brokerPort: 1883,
      configDir: './config',
      rulesDir: undefined,
      allowsNewKey: false,
      isStrictStart: false,
      includeDirs: [],
      envFile: undefined,
      dataDir: './data',
      prefix: '',
      id: 'config-authority',
      httpHost: '127.0.0.1',
      httpPort: 8081,
      logLevel: 'info',
      logFormat: 'json',
      operatorKeysFile: undefined,
      maxEnvelopeBytes: 1_048_576,
    });
    expect(settingsOf({}, true).logFormat).toBe('pretty');
  });

  it('take the values of the environment', () => {
    expect(
      settingsOf(
        {
          SETPOINT_MQTT_URL: 'mqtts://ann:secret@broker:8883',
          SETPOINT_BROKER_HOST: '0.0.0.0',
          SETPOINT_BROKER_PORT: '2883',
          SETPOINT_CONFIG_DIR: '/etc/setpoint',
          SETPOINT_RULES_DIR: '/etc/rules',
          SETPOINT_INCLUDE_DIRS: ['/srv/a', '/srv/b'].join(delimiter),
          SETPOINT_ENV_FILE: '/etc/setpoint/.env',
          SETPOINT_DATA_DIR: '/var/lib/setpoint',
          SETPOINT_PREFIX: 'acme/prod',
          SETPOINT_ID: 'authority-2',
          SETPOINT_HTTP_HOST: '::1',
          SETPOINT_HTTP_PORT: '0',
          SETPOINT_NEW_KEY: 'true',
          SETPOINT_STRICT_START: 'true',
          SETPOINT_LOG_LEVEL: 'DEBUG',
          SETPOINT_LOG_FORMAT: 'json',
          SETPOINT_OPERATOR_KEYS: 'keys.json',
          SETPOINT_MAX_ENVELOPE_BYTES: '65536',
        },
        true,
      ),
    ).toEqual({
      mqttUrl: 'mqtts://ann:secret@broker:8883',
      brokerHost: '0.0.0.0',
      brokerPort: 2883,
      configDir: '/etc/setpoint',
      rulesDir: '/etc/rules',
      allowsNewKey: true,
      isStrictStart: true,
      includeDirs: ['/srv/a', '/srv/b'],
      envFile: '/etc/setpoint/.env',
      dataDir: '/var/lib/setpoint',
      prefix: 'acme/prod',
      id: 'authority-2',
      httpHost: '::1',
      httpPort: 0,
      logLevel: 'debug',
      logFormat: 'json',
      operatorKeysFile: 'keys.json',
      maxEnvelopeBytes: 65_536,
    });
  });

  it('Isolation-42-Platform-Variables: are not disturbed by the addresses that Kubernetes gives every pod', () => {
    const links = {
      SETPOINT_SERVICE_HOST: '10.96.14.3',
      SETPOINT_SERVICE_PORT: '1883',
      SETPOINT_SERVICE_PORT_MQTT: '1883',
      SETPOINT_PORT: 'tcp://10.96.14.3:1883',
      SETPOINT_PORT_1883_TCP: 'tcp://10.96.14.3:1883',
      SETPOINT_PORT_1883_TCP_PROTO: 'tcp',
      SETPOINT_PORT_1883_TCP_PORT: '1883',
      SETPOINT_PORT_1883_TCP_ADDR: '10.96.14.3',
      SETPOINT_BROKER_SERVICE_HOST: '10.96.14.4',
      SETPOINT_BROKER_PORT: 'tcp://10.96.14.4:1883',
    };
    expect(settingsOf(links)).toEqual(settingsOf({}));
    expect(faultsOf({ SETPOINT_PORT: '1883' })).toEqual([expect.stringContaining('SETPOINT_PORT is not a setting')]);
  });

  it('count as unset when they are empty', () => {
    const empty = {
      SETPOINT_MQTT_URL: '',
      SETPOINT_BROKER_PORT: '',
      SETPOINT_PREFIX: '',
      SETPOINT_ID: '',
      SETPOINT_ENV_FILE: '',
      SETPOINT_LOG_FORMAT: '',
      SETPOINT_OPERATOR_KEYS: '',
    };
    expect(settingsOf(empty)).toEqual(settingsOf({}));
  });

  it.each([
    ['SETPOINT_BROKER_PORT', '1', '65535', ['0', '65536']],
    ['SETPOINT_HTTP_PORT', '0', '65535', ['65536']],
    ['SETPOINT_MAX_ENVELOPE_BYTES', '65536', '16777216', ['65535', '16777217']],
  ])('%s has bounds', (name, least, most, wrong) => {
    for (const value of [least, most]) expect(faultsOf({ [name]: value })).toEqual([]);
    for (const value of [...wrong, '-1', '1.5', '1e3', 'many', ' 80', '0x50']) {
      expect(faultsOf({ [name]: value })).toEqual([expect.stringContaining(`${name}: ${JSON.stringify(value)}`)]);
    }
  });

  it('are refused with every fault at once, without repeating a value that may be a password', () => {
    const faults = faultsOf({
      SETPOINT_MQTT_URL: 'http://ann:hunter2@broker',
      SETPOINT_BROKER_PORT: 'many',
      SETPOINT_PREFIX: 'a/b/c/d',
      SETPOINT_ID: 'Über',
      SETPOINT_LOG_LEVEL: 'loud',
      SETPOINT_LOG_FORMAT: 'xml',
      SETPOINT_BROKER_PROT: '1883',
    });
    expect(faults).toEqual([
      'SETPOINT_MQTT_URL: the value must be mqtt:// or mqtts:// with a host',
      'SETPOINT_BROKER_PORT: "many" must be a whole number from 1 to 65535',
      'SETPOINT_PREFIX: "a/b/c/d" must be up to three names of a–z, 0–9, "_", "-", joined by "/"',
      'SETPOINT_ID: "Über" must be a name of a–z, 0–9, "_", "-"',
      expect.stringMatching(/^SETPOINT_LOG_LEVEL: "loud" is wrong: /),
      expect.stringMatching(/^SETPOINT_LOG_FORMAT: "xml" is wrong: /),
      expect.stringMatching(/^SETPOINT_BROKER_PROT is not a setting; there are SETPOINT_MQTT_URL, /),
    ]);
    expect(faults.join('\n')).not.toContain('hunter2');
  });

  it('ignore variables of the environment layer and of other programs', () => {
    expect(faultsOf({ SETPOINT_CFG__vad__threshold: '0.5', SETPOINT_cfg__x: '1', SETPOINTER: 'x' })).toEqual([]);
  });
});
