import type { DefineVerb } from './verbs/verb.ts';

/** A verb of the command line: how it is written, what `--help` says of it, and the file with its flags and its body. */
export interface VerbEntry {
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly define: DefineVerb }>;
}

/** Every verb, in the order and under the headings of `--help`. A file is loaded only when its verb is on the command line. */
export const verbGroups: readonly (readonly [string, readonly VerbEntry[]])[] = [
  [
    'Now:',
    [
      {
        usage: 'get <service> [pointer]',
        summary: 'print the configuration of a service, or one value; needs only the broker',
        load: () => import('./verbs/get.ts'),
      },
      {
        usage: 'watch [service]',
        summary: 'print every change as it comes, and how far it has got, until Ctrl-C',
        load: () => import('./verbs/watch.ts'),
      },
      {
        usage: 'health',
        summary: 'print how the authority and every instance are',
        load: () => import('./verbs/health.ts'),
      },
      {
        usage: 'log <service>',
        summary: 'print the versions of a service, newest first',
        load: () => import('./verbs/log.ts'),
      },
      {
        usage: 'diff <service> <from> <to>',
        summary: 'print what differs between two versions, layers, services, drafts or files',
        load: () => import('./verbs/diff.ts'),
      },
      {
        usage: 'validate <service>',
        summary: 'have a file checked as a change to the service, without making it',
        load: () => import('./verbs/validate.ts'),
      },
    ],
  ],
  [
    'Change:',
    [
      {
        usage: 'set <service> <pointer=value...>',
        summary: 'set settings, all of them or none; a value is JSON, else text',
        load: () => import('./verbs/set.ts'),
      },
      {
        usage: 'unset <service> <pointer...>',
        summary: 'take runtime values away, so that the file and the defaults show again',
        load: () => import('./verbs/unset.ts'),
      },
      {
        usage: 'rollback <service> <version>',
        summary: 'make a new version with the content of an old one, named by number or tag',
        load: () => import('./verbs/rollback.ts'),
      },
      {
        usage: 'delete <service>',
        summary: 'end a service that has no file any more; its history stays',
        load: () => import('./verbs/delete.ts'),
      },
      { usage: 'draft', summary: 'prepare changes that nobody runs yet', load: () => import('./verbs/draft.ts') },
    ],
  ],
  [
    'Versions:',
    [
      {
        usage: 'show <service> [version]',
        summary: 'print one version, by number or tag; secrets masked',
        load: () => import('./verbs/show.ts'),
      },
      {
        usage: 'explain <service> [pointer]',
        summary: 'print where each value comes from: layer, file and line, who and why, and what it hides',
        load: () => import('./verbs/explain.ts'),
      },
      {
        usage: 'blame <service> [pointer]',
        summary: 'print who last changed each setting, when and why',
        load: () => import('./verbs/blame.ts'),
      },
      {
        usage: 'tag <service> [tag] [version]',
        summary: 'name a version, the present one by default; without a tag: print the tags',
        load: () => import('./verbs/tag.ts'),
      },
      {
        usage: 'untag <service> <tag>',
        summary: 'take a tag away; the version stays',
        load: () => import('./verbs/untag.ts'),
      },
    ],
  ],
  [
    'All services:',
    [
      {
        usage: 'profile',
        summary: 'bring all services back to a set of versions',
        load: () => import('./verbs/profile.ts'),
      },
      {
        usage: 'history',
        summary: 'print the versions of all services, newest first',
        load: () => import('./verbs/history.ts'),
      },
      {
        usage: 'search <text>',
        summary: 'print the settings whose place, value or description holds a text',
        load: () => import('./verbs/search.ts'),
      },
      {
        usage: 'fsck',
        summary: 'verify the digest and the chain of every version',
        load: () => import('./verbs/fsck.ts'),
      },
      {
        usage: 'backup',
        summary: 'have the authority write a backup of its store; see setpoint-authority --help for restoring it',
        load: () => import('./verbs/backup.ts'),
      },
    ],
  ],
  [
    'For those who write configuration:',
    [
      {
        usage: 'schema <service>',
        summary: 'print the JSON Schema of a service, or write it where an editor finds it',
        load: () => import('./verbs/schema.ts'),
      },
      {
        usage: 'docs <service>',
        summary: 'print every setting of a service as Markdown',
        load: () => import('./verbs/docs.ts'),
      },
      {
        usage: 'example <service>',
        summary: 'print a commented document with every setting of a service',
        load: () => import('./verbs/example.ts'),
      },
      {
        usage: 'export <service>',
        summary: 'print the configuration of a service for another tool, secrets masked',
        load: () => import('./verbs/export.ts'),
      },
      {
        usage: 'import <service>',
        summary: 'make a file the document of a service; a masked secret in it stays what it is',
        load: () => import('./verbs/import.ts'),
      },
      {
        usage: 'init',
        summary: 'write the first configuration of a service; asks for what no option says',
        load: () => import('./verbs/init.ts'),
      },
      {
        usage: 'template',
        summary: 'starting points for the configuration of a service',
        load: () => import('./verbs/template.ts'),
      },
      {
        usage: 'preview <service> <schema.json>',
        summary:
          'print what another schema would make of the configuration, and which running instances it would break',
        load: () => import('./verbs/preview.ts'),
      },
      {
        usage: 'trace <service> <pointer>',
        summary: 'print where a value comes from, who changed it, and who runs it',
        load: () => import('./verbs/trace.ts'),
      },
    ],
  ],
];
