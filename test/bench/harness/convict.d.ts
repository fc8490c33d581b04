// It comes without types; these are of what the peers use.
declare module 'convict' {
  interface Config {
    load(values: object): Config;
    validate(options: { readonly allowed: 'strict' }): Config;
    getProperties(): object;
  }
  function convict(schema: object): Config;
  export default convict;
  export type { Config };
}
