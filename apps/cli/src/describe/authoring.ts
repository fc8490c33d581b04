import type { Command } from 'commander';
import type { DocsOptions } from '../commands/docs.ts';
import type { ExampleOptions } from '../commands/example.ts';
import type { ExportOptions } from '../commands/export.ts';
import type { ImportOptions } from '../commands/import.ts';
import type { InitOptions } from '../commands/init.ts';
import type { SchemaCommandOptions } from '../commands/schema.ts';
import type { ApplyOptions, TemplateOptions } from '../commands/template.ts';
import type { Act } from './act.ts';

const schemaFile = ['--file <schema.json>', 'a schema of this machine; the authority is not asked'] as const;
const out = ['--out <file>', 'write into this file'] as const;
const force = ['--force', 'replace what is there'] as const;
const folder = ['--dir <folder>', 'a folder of templates other than those that come along'] as const;
const target = ['--out <folder>', 'where to write (else here)'] as const;
const environment = [
  '--environment <name>',
  'development, production…; decides what defaults the template has',
] as const;
const collect = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
const param = ['--param <name=value>', 'a parameter of the template; may be given several times', collect] as const;

/** The commands for those who write configuration. */
export function describeAuthoring(program: Command, act: Act): void {
  describeSchemas(program, act);
  describeTransfer(program, act);
  describeTemplates(program, act);
  program
    .command('preview <service> <schema.json>')
    .description(
      'print what another schema would make of the configuration, and which running instances it would break',
    )
    .action((service: string, file: string) =>
      act(async (context) => (await import('../commands/preview.ts')).preview(service, file, context)),
    );
  program
    .command('trace <service> <pointer>')
    .description('print where a value comes from, who changed it, and who runs it')
    .action((service: string, pointer: string) =>
      act(async (context) => (await import('../commands/trace.ts')).trace(service, pointer, context)),
    );
}

function describeSchemas(program: Command, act: Act): void {
  program
    .command('schema <service>')
    .description('print the JSON Schema of a service, or write it where an editor finds it')
    .option(...schemaFile)
    .option('--vscode', 'write it into .vscode and name it in its settings, so that YAML is completed and checked')
    .option('--out <folder>', 'write it into this folder')
    .option(...force)
    .action((service: string, options: SchemaCommandOptions) =>
      act(async (context) => (await import('../commands/schema.ts')).schema(service, options, context)),
    );
  program
    .command('docs <service>')
    .description('print every setting of a service as Markdown')
    .option(...schemaFile)
    .option(...out)
    .option(...force)
    .action((service: string, options: DocsOptions) =>
      act(async (context) => (await import('../commands/docs.ts')).docs(service, options, context)),
    );
  program
    .command('example <service>')
    .description('print a commented document with every setting of a service')
    .option(...schemaFile)
    .option(...out)
    .option(...force)
    .action((service: string, options: ExampleOptions) =>
      act(async (context) => (await import('../commands/example.ts')).example(service, options, context)),
    );
}

function describeTransfer(program: Command, act: Act): void {
  program
    .command('export <service>')
    .description('print the configuration of a service for another tool, secrets masked')
    .option('--format <format>', 'yaml, json, kubernetes, compose, dotenv or tfvars', 'yaml')
    .option(...out)
    .option(...force)
    .action((service: string, options: ExportOptions) =>
      act(async (context) => (await import('../commands/export.ts')).exportService(service, options, context)),
    );
  program
    .command('import <service>')
    .description('make a file the document of a service; a masked secret in it stays what it is')
    .requiredOption('--file <file>', 'a YAML or JSON file, an export for instance')
    .option('--reason <text>', 'why, for the history')
    .option('--if-version <n>', 'only if the service is at this version; 0: only if it does not exist')
    .option('--accept-restart', 'also where a running process can not take the change over')
    .action((service: string, options: ImportOptions) =>
      act(async (context) => (await import('../commands/import.ts')).importService(service, options, context)),
    );
}

function describeTemplates(program: Command, act: Act): void {
  program
    .command('init')
    .description('write the first configuration of a service; asks for what no option says')
    .option('--service <name>', 'the service')
    .option('--template <name>', 'what it starts from; see setpoint template list')
    .option(...environment)
    .option(...param)
    .option(...folder)
    .option(...target)
    .option('--yes', 'ask nothing, and take the defaults')
    .option(...force)
    .action((options: InitOptions) =>
      act(async (context) => (await import('../commands/init.ts')).init(options, context)),
    );
  const template = program.command('template').description('starting points for the configuration of a service');
  template
    .command('list')
    .description('print what there is')
    .option(...folder)
    .action((options: TemplateOptions) =>
      act(async (context) => (await import('../commands/template.ts')).listTemplates(options, context)),
    );
  template
    .command('show <name>')
    .description('print what a template asks, and what it writes')
    .option(...folder)
    .action((name: string, options: TemplateOptions) =>
      act(async (context) => (await import('../commands/template.ts')).showTemplate(name, options, context)),
    );
  template
    .command('apply <name>')
    .description('write its files for a service')
    .requiredOption('--service <name>', 'the service')
    .option(...environment)
    .option(...param)
    .option(...folder)
    .option(...target)
    .option(...force)
    .action((name: string, options: ApplyOptions) =>
      act(async (context) => (await import('../commands/template.ts')).applyTemplate(name, options, context)),
    );
}
