import { rolldown } from 'rolldown';

/** The files of a page's program, by their names. */
export type Bundle = ReadonlyMap<string, string>;

/**
 * Makes of a program and of all that it imports what a page loads, as Vite would; `main.js` is where it begins.
 * @throws Error where the bundler has anything to say
 */
export async function bundle(input: string): Promise<Bundle> {
  await using built = await rolldown({
    input: { main: input },
    platform: 'browser',
    // What can't be found would be left to the browser, which finds it even less.
    onLog: (_, { message }) => {
      throw new Error(message);
    },
  });
  const { output } = await built.generate({ format: 'esm', entryFileNames: '[name].js', minify: true });
  return new Map(output.flatMap((file) => (file.type === 'chunk' ? [[file.fileName, file.code] as const] : [])));
}
