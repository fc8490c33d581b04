/** Texts by file name; a configuration names them as `/mosquitto/config/<name>`. */
export type MosquittoFiles = Readonly<Record<string, string>>;

/** One Mosquitto that can be switched off and on at one port. */
export interface MosquittoRunner {
  start(options: { readonly keepRetained: boolean }): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): Promise<void>;
  /** Writes a file beside its configuration, or that itself. */
  write(name: string, text: string): Promise<void>;
  /** The path of a file of the installation. */
  locate(name: string): Promise<string>;
  /** Stops it and removes everything of it. */
  remove(): Promise<void>;
}
