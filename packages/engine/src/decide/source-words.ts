import type { Layer } from '../layer/layer.ts';

export const isFile = ({ name }: Layer): boolean => name === 'yaml_file';

export const sourceWords: Readonly<Record<Layer['name'], string>> = {
  yaml_file: 'the file',
  env_file: 'the env file',
  environment: 'the environment',
  cli_argument: 'the arguments',
};
